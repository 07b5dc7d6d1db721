"""`python -m benchmarks.localisation`: what scene-vit names and where its maps point, against masks, chance and a control.

Every figure is measured on scenes of seeds that no training ever saw. A patch is on an object if the object covers more
than 10 % of it. A map points at an object if its strongest patch is on it. "On object patches" is the share of the map's
patch weight on such patches; "inside the mask" counts every patch by the share of it that is covered, so that even a map
that gives all object patches the same weight reaches only their mean coverage.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vit_attention as va
from visualizer import methods
from visualizer.measures.rollout import class_rollout
from visualizer.measures.score import mass_in_mask, pointing_hit
from vit_attention.models.cards import BUNDLED
from vit_attention.models.vision import VisionModel
from vit_attention.records import AttentionRecord
from worlds.scenes import Scene, coverage, scene
from worlds.shapes import NAMES

HIT = 0.1
"""Share of a patch that an object must cover for the patch to be on it."""

FIRST_SEED = 3_000_000_000
"""Training draws from one billion on, its held-out scenes from two billion on."""

OF_CLASSES = ("relevance", "gradient-rollout")
"""Methods whose maps are asked for one class."""


def maps_of(record: AttentionRecord, layers: list[NDArray[np.float32]]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Every class-agnostic map of the class token: (name, (tokens,) weights)."""
    for depth, layer in enumerate(layers):
        yield f"class token, layer {depth + 1}, head mean", layer[:, 0].mean(axis=0)
    yield "class token, mean of the last 3 layers", np.mean([layer[:, 0].mean(axis=0) for layer in layers[-3:]], axis=0)
    yield "rollout, residual 0.5", class_rollout(layers)
    yield "rollout, mean, discard 0.9", class_rollout(layers, discard_ratio=0.9)
    yield "rollout, max, discard 0.9", class_rollout(layers, head_fusion="max", discard_ratio=0.9)


class Tally:
    """Running means of hits and mass by the name of a map."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, name: str, row: NDArray[Any], truth: NDArray[np.float32]) -> None:
        values = row[1:].reshape(14, 14)
        self.values[name]["pointing"].append(float(pointing_hit(values, truth)))
        self.values[name]["mass"].append(float(mass_in_mask(values, truth)))
        self.values[name]["on_patches"].append(float(mass_in_mask(values, truth > HIT)))

    def means(self) -> dict[str, dict[str, float]]:
        return {name: {k: float(np.mean(v)) for k, v in kinds.items()} for name, kinds in self.values.items()}


def measure(model: Any, count: int, gradients: bool = True) -> dict[str, Any]:
    """All figures on `count` scenes; the recommended map is asked for each object that is there."""
    tally, heads = Tally(), np.zeros((12, 12, 2))
    right: list[float] = []
    both: list[float] = []
    asked: dict[str, list[float]] = {name: [] for name in OF_CLASSES}
    other: dict[str, list[float]] = {name: [] for name in OF_CLASSES}
    area: list[float] = []
    places: list[float] = []
    for offset in range(count):
        made = scene(FIRST_SEED + offset)
        truth = coverage(made.mask)
        area.append(float(truth.mean()))
        places.append(float((truth > HIT).mean()))
        present = [t.shape for t in made.things]
        for number, shape in enumerate(present if gradients else present[:1]):
            record = model.attend(made.picture, target=shape if gradients else None)
            if number == 0:
                top = [label for label, _ in record.prediction.top(2)]
                right.append(top[0] in present)
                if len(present) == 2:
                    both.append(set(top) == set(present))
                layers = list(record.layers)
                for name, row in maps_of(record, layers):
                    tally.add(name, row, truth)
                heads += head_scores(layers, truth)
            for name in OF_CLASSES if gradients else ():
                add_class_map(tally, made, shape, name, methods()[name](record).row, asked[name], other[name])
    best = np.unravel_index(heads[..., 0].argmax(), (12, 12))
    return {
        "scenes": count,
        "top1": float(np.mean(right)),
        "both": float(np.mean(both)),
        "area": float(np.mean(area)),
        "chance_pointing": float(np.mean(places)),
        "asked_object": {name: float(np.mean(hits)) for name, hits in asked.items() if hits},
        "other_object": {name: float(np.mean(hits)) for name, hits in other.items() if hits},
        "maps": tally.means(),
        "best_head": {
            "layer": int(best[0]) + 1,
            "head": int(best[1]) + 1,
            "pointing": float(heads[best][0] / count),
            "mass": float(heads[best][1] / count),
        },
        "heads_above_3x_area": int((heads[..., 1] / count > 3 * np.mean(area)).sum()),
    }


def head_scores(layers: list[NDArray[np.float32]], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """(12, 12, 2) hit and mass of every single head's class-token row."""
    rows = np.stack([layer[:, 0, 1:].reshape(-1, 14, 14) for layer in layers])
    return np.stack([pointing_hit(rows, truth), mass_in_mask(rows, truth)], axis=-1).astype(np.float64)


def add_class_map(
    tally: Tally, made: Scene, shape: str, name: str, row: NDArray[Any], asked: list[float], other: list[float]
) -> None:
    """Score the class-specific map: on one-object scenes against the mask, on two-object scenes asked against other."""
    if len(made.things) == 1:
        tally.add(f"{name}, one object", row, coverage(made.mask))
        return
    for thing in made.things:
        hit = float(pointing_hit(row[1:].reshape(14, 14), coverage(thing.mask)))
        (asked if thing.shape == shape else other).append(hit)
    tally.add(f"{name}, asked of two", row, coverage(made.thing(shape).mask))


def untrained() -> VisionModel:
    """The control: the same architecture with random weights, also in its head."""
    import torch

    from vit_attention.adapters import scene_vit
    from vit_attention.adapters.vit_anatomy import anatomy
    from vit_attention.networks.scene_vit import SceneViT

    torch.manual_seed(0)
    module: Any = SceneViT(len(NAMES))
    torch.nn.init.normal_(module.heads.head.weight, std=0.02)
    return VisionModel(va.card("scene-vit"), module, anatomy(module, scene_vit.RECIPE), NAMES, "")


def table(trained: dict[str, Any], control: dict[str, Any]) -> str:
    """Markdown: one line a map; every figure beside the untrained control's."""
    lines = [
        "| map | points at an object | on object patches | inside the mask | times area | untrained: points | untrained: on patches |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, got in trained["maps"].items():
        base = control["maps"].get(name, {"pointing": float("nan"), "on_patches": float("nan")})
        lines.append(
            f"| {name} | {got['pointing']:.1%} | {got['on_patches']:.1%} | {got['mass']:.1%} "
            f"| {got['mass'] / trained['area']:.1f} | {base['pointing']:.1%} | {base['on_patches']:.1%} |"
        )
    chance, area = trained["chance_pointing"], trained["area"]
    lines.append(f"| chance | {chance:.1%} | {chance:.1%} | {area:.1%} | 1.0 | | |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--control", type=int, default=100, help="scenes for the untrained control")
    parser.add_argument("--weights", type=Path, help="another checkpoint than the bundled one")
    parser.add_argument("--card", action="store_true", help="write the figures to the bundled model's card")
    args = parser.parse_args()
    trained = measure(va.load("scene-vit", weights=args.weights), args.scenes)
    control = measure(untrained(), args.control)
    print(json.dumps({k: v for k, v in trained.items() if k != "maps"}, indent=1))
    print(table(trained, control))
    if args.card:
        path = BUNDLED / "scene-vit.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(
            json.dumps({**known, **trained, "command": "python -m benchmarks.localisation"}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
