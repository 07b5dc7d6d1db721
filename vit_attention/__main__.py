"""`python -m vit_attention`: the command line of every model."""

from vit_attention.cli.app import main

if __name__ == "__main__":
    main()
