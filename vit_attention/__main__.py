"""`python -m vit_attention`: the command line of every model."""

from __future__ import annotations

from vit_attention.cli.app import main

if __name__ == "__main__":
    main()
