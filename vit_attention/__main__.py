"""`python -m vit_attention`: the command line of every model."""

import sys

from vit_attention.heavy import lacking, library


def main() -> None:
    """The entry point; without the libraries that it needs, one sentence and exit code 2."""
    try:
        library("vit_attention.cli.app").main()
    except ImportError as error:  # some are imported when they are needed first
        sys.stderr.write(f"Error: {lacking('vit_attention', error)}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
