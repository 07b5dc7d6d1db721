"""The same from Python: `python tools/example_usage.py [FOLDER]` draws, saves and reads attention of bundled models."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from torch import nn

import vit_attention as va
from vit_attention.visualize import visualize_attention_on_image


def main(folder: Path) -> None:
    """Every layer of a captioning model, raw weights of one layer, and a torch module of one's own."""
    files = visualize_attention_on_image("scene-aoanet", "scene-6-2-50", output_dir=folder / "captions")
    print(f"A captioning model: {len(files)} files in {folder / 'captions'}")

    visualize_attention_on_image("scene-vit", "scene-7", output_dir=folder / "raw", layer_idx=11, save_raw=True)
    weights = np.load(folder / "raw" / "attn_raw_layer_11.npy")
    print(f"Raw weights of layer 11: {weights.shape}, mean {weights.mean():.4f}, largest {weights.max():.4f}")

    # Any torch module that takes pictures: here a transformer over 4 x 4 patches with random weights.
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0), 2)
    cut = nn.Sequential(nn.Conv2d(3, 16, 56, 56), nn.Flatten(2), _Turned(), encoder).eval()
    record = va.record_of(cut, "scene-7")
    print(
        f"A module of one's own: {len(record.maps)} maps of {record.maps[0].weights.shape}, residual {record.residual:.0e}"
    )


class _Turned(nn.Module):
    """(batch, width, tokens) to (batch, tokens, width)."""

    def forward(self, x):  # type: ignore[no-untyped-def]
        return x.mT


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "attn_vis"))
