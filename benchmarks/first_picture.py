"""`python -m benchmarks.first_picture`: the picture on the first page of the app, made from the bundled model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import vit_attention as va
from visualizer.figures.composite import composite
from visualizer.measures.rollout import gradient_rollout
from worlds.scenes import scene

TARGET = Path(__file__).resolve().parents[1] / "ui" / "assets" / "first-picture.jpg"


def main() -> None:
    made = scene(12, objects=2)
    model = va.load("scene-vit")
    shape = made.things[0].shape
    record = model.attend(made.picture, target=shape)
    assert record.geometry is not None
    direct = record.maps[9].weights[:, 0, 1:].mean(axis=0).reshape(14, 14)
    relevance = gradient_rollout(record.layers, record.gradients)[1:].reshape(14, 14)
    panels = [
        composite(
            made.picture, direct, record.geometry, "What the class token reads, layer 10, mean of 12 heads", width=420
        ),
        composite(
            made.picture,
            relevance,
            record.geometry,
            f"Gradient-weighted rollout for “{shape}”",
            unit="relevance",
            width=420,
        ),
    ]
    height = max(p.height for p in panels)
    sheet = Image.new("RGB", (420 * 3 + 2 * 16, height), "white")
    sheet.paste(made.picture.resize((420, 420), Image.Resampling.LANCZOS), (0, 0))
    for number, panel in enumerate(panels, start=1):
        sheet.paste(panel, (number * 436, 0))
    TARGET.parent.mkdir(exist_ok=True)
    sheet.save(TARGET, quality=88)
    print(np.asarray(sheet).shape, TARGET.stat().st_size // 1000, "kB")


if __name__ == "__main__":
    main()
