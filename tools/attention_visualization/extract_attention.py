"""Save the attention of a sentence as JSON: `vit-attention extract` under an older name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vit_attention.cli.app import main

if __name__ == "__main__":
    main(["extract", *sys.argv[1:]])
