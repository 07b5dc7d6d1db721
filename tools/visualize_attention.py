"""The command line under an older name: `python tools/visualize_attention.py --image ... --infos_path ... --model ...`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vit_attention.cli.app import main
from vit_attention.visualize import visualize_attention_on_image

__all__ = ["visualize_attention_on_image"]

if __name__ == "__main__":
    main()
