"""`python -m benchmarks.first_picture`: the picture on the first page of the app, made from the bundled model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import vit_attention as va
from visualizer import methods
from visualizer.figures.composite import composite
from worlds.scenes import scene

TARGET = Path(__file__).resolve().parents[1] / "ui" / "assets" / "first-picture.jpg"


def main() -> None:
    made = scene(12, objects=2)
    model = va.load("scene-vit")
    shape = made.things[0].shape
    record = model.attend(made.picture, target=shape)
    assert record.geometry is not None
    direct, relevance = methods()["raw"](record, layer=9), methods()["relevance"](record)
    words = ("What the class token reads, layer 10, mean of 12 heads", f"Relevance for “{shape}”")
    panels = [
        composite(made.picture, shown.values, record.geometry, said, unit=shown.unit, width=420)
        for shown, said in zip((direct, relevance), words, strict=True)
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
