"""Draw the attention of a sentence, or prepare its JSON: `vit-attention visualize` under an older name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vit_attention.cli.app import main

if __name__ == "__main__":
    main(["visualize", *sys.argv[1:]])
