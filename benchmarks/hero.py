"""`python -m benchmarks.hero`: the picture of the first page, made from the bundled model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import vit_attention as va
from visualizer.export import overlay_image
from visualizer.rollout import gradient_rollout
from worlds.scenes import scene

TARGET = Path(__file__).resolve().parents[1] / "ui" / "assets" / "hero.jpg"


def main() -> None:
    made = scene(24, objects=2)
    model = va.load("scene-vit")
    record = model.attend(made.picture, target=made.things[0].shape)
    direct = record.maps[9].weights[:, 0, 1:].mean(axis=0).reshape(14, 14)
    relevance = gradient_rollout(record.layers, record.gradients)[1:].reshape(14, 14)
    panels = [made.picture.resize((360, 360), Image.Resampling.BICUBIC)]
    panels += [overlay_image(made.picture, values, record.geometry, size=360) for values in (direct, relevance)]
    gap = np.full((360, 12, 3), 255, np.uint8)
    row = np.concatenate([np.asarray(panels[0]), gap, np.asarray(panels[1]), gap, np.asarray(panels[2])], axis=1)
    TARGET.parent.mkdir(exist_ok=True)
    Image.fromarray(row).save(TARGET, quality=88)


if __name__ == "__main__":
    main()
