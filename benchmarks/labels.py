"""`python -m benchmarks.labels`: what scene-clip calls things, and whether a phrase's map points at what it names.

Every figure is measured on scenes of seeds that no training ever saw. With one object, the right one of all 96 phrases
(colour and shape) and of the 12 shapes alone is asked for. With two, the map of each object's phrase is: it points at an
object if its strongest patch is one that the object covers to more than 10 %. The best layer is picked on scenes that are
not measured. Beside the maps stand chance, a map of colour contrast, and the same network untrained. Intervals are
Wilson's, of 95 %.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

import vit_attention as va
from benchmarks.localisation import HIT
from visualizer import colour_contrast, methods
from vit_attention.models.cards import BUNDLED
from vit_attention.models.untrained import untrained
from worlds.phrases import phrase, phrases
from worlds.scenes import Scene, coverage, scenes
from worlds.shapes import NAMES

FIRST_SEED, PICKING_SEED = 3_700_000_000, 3_800_000_000
"""Training draws from one and a half billion on, its held-out scenes from two and a half billion on."""

METHODS = ("naive", "value", "value-value")
PARTS = {"": "keep", ", class-independent part removed": "remove"}

Marks = list[tuple[bool, bool]]
"""Of every map, whether it points at the object that is asked for, and whether at the other."""


def named(model: Any, made: list[Scene], texts: tuple[str, ...], truth: Callable[[Scene], str]) -> list[bool]:
    """Of every scene, whether the most similar of `texts` is the true one."""
    best = model.similarity([one.picture for one in made], texts).argmax(axis=1)
    return [texts[which] == truth(one) for which, one in zip(best, made, strict=True)]


def pointed(made: Scene, maps: NDArray[Any]) -> Iterator[tuple[bool, bool]]:
    """Of every object's map, whether it points at that object, and whether at another.

    Args:
        made: a scene of two objects.
        maps: (2, rows, columns), of the phrase of each.
    """
    covered = [coverage(thing.mask, (maps.shape[1], maps.shape[2])).ravel() > HIT for thing in made.things]
    for k, one in enumerate(maps):
        best = int(one.argmax())
        # Objects lie apart, but a patch may touch both: then the map is right.
        yield bool(covered[k][best]), bool(covered[1 - k][best] and not covered[k][best])


def share(hits: list[bool]) -> dict[str, float]:
    """Share of hits with the ends of its interval.

    >>> {name: round(value, 3) for name, value in share([True] * 9 + [False]).items()}
    {'share': 0.9, 'low': 0.596, 'high': 0.982}
    """
    ends = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    return {"share": float(np.mean(hits)), "low": float(ends.low), "high": float(ends.high)}


def pointing(marks: Marks) -> dict[str, dict[str, float]]:
    """Shares of maps that point at the object they are asked for, and at the other one."""
    return {"named": share([right for right, _ in marks]), "other": share([wrong for _, wrong in marks])}


def marks_of(model: Any, made: Iterable[Scene]) -> dict[str, list[Marks]]:
    """Name of a method to its marks on scenes of two objects, layer by layer."""
    able = methods()
    keep = frozenset().union(*(able[name].needs for name in METHODS))
    found: dict[str, list[Marks]] = {}
    for one in made:
        texts = [phrase(thing) for thing in one.things]
        record = model.attend(one.picture, labels=texts, keep=keep, heads=[0], queries=[0])
        for name, (told, part) in product(METHODS, PARTS.items()):
            marks = found.setdefault(name + told, [[] for _ in record.maps])
            for layer, its in enumerate(marks):
                ask = partial(able[name], record, layer=layer, class_independent=part)
                its += pointed(one, np.stack([ask(query=text).values for text in texts]))
    return found


def contrast(made: Scene) -> NDArray[Any]:
    """The map that knows neither model nor phrase, the same for both objects."""
    return np.stack([colour_contrast(made.picture, (14, 14))] * len(made.things))


def chance(made: list[Scene]) -> dict[str, dict[str, float]]:
    """Shares that a patch picked at random would reach."""
    area = float(np.mean([(coverage(thing.mask) > HIT).mean() for one in made for thing in one.things]))
    return {kind: {"share": area} for kind in ("named", "other")}


def measure(model: Any, count: int, picking: int) -> dict[str, Any]:
    """All figures of one model on `count` scenes with one and as many with two objects."""
    ones = list(scenes(count, FIRST_SEED, objects=1))
    twos = list(scenes(count, FIRST_SEED, objects=2))
    others = list(scenes(picking, PICKING_SEED, objects=2))
    blind = [mark for one in twos for mark in pointed(one, contrast(one))]
    maps = {}
    picked, marks = marks_of(model, others), marks_of(model, twos)
    for name, layers in marks.items():
        best = int(np.argmax([np.mean(its, axis=0)[0] for its in picked[name]]))
        maps[f"{name}, last layer"] = pointing(layers[-1])
        maps[f"{name}, best layer ({best + 1})"] = pointing(layers[best])
    return {
        "scenes": count,
        "phrases": share(named(model, ones, phrases(), lambda one: phrase(one.things[0]))),
        "shapes": share(named(model, ones, NAMES, lambda one: one.things[0].shape)),
        "maps": {**maps, "colour contrast": pointing(blind), "chance": chance(twos)},
    }


def cell(got: dict[str, float]) -> str:
    """Per cent, with its interval where there is one.

    >>> cell({"share": 0.9, "low": 0.596, "high": 0.982}), cell({"share": 0.031})
    ('90.0 % (59.6 to 98.2)', '3.1 %')
    """
    ends = f" ({100 * got['low']:.1f} to {100 * got['high']:.1f})" if "low" in got else ""
    return f"{100 * got['share']:.1f} %{ends}"


def table(trained: dict[str, Any], control: dict[str, Any]) -> str:
    """Markdown: what is named right and where maps point, each beside the untrained network's."""
    lines = ["| one object | right | chance | untrained |", "| --- | ---: | ---: | ---: |"]
    for name, texts in (("phrases", phrases()), ("shapes", NAMES)):
        right, untaught = cell(trained[name]), cell(control[name])
        lines.append(f"| of {len(texts)} {name} | {right} | {100 / len(texts):.1f} % | {untaught} |")
    lines += ["", "| two objects: map | at the named one | at the other | untrained: named | other |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    by_place = {_place(name): got for name, got in control["maps"].items()}
    for name, got in trained["maps"].items():
        base = by_place[_place(name)] if name not in ("chance", "colour contrast") else None
        ends = f"{cell(base['named'])} | {cell(base['other'])}" if base else " | "
        lines.append(f"| {name} | {cell(got['named'])} | {cell(got['other'])} | {ends} |")
    return "\n".join(lines)


def _place(name: str) -> str:
    """A map's name without the number of its best layer, which another network has elsewhere."""
    return name.split(" (")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--picking", type=int, default=100, help="scenes on which the best layer is picked")
    parser.add_argument("--control", type=int, default=100, help="scenes for the untrained network")
    parser.add_argument("--card", action="store_true", help="write the figures to the bundled model's card")
    args = parser.parse_args()
    trained = measure(va.load("scene-clip"), args.scenes, args.picking)
    control = measure(untrained(va.load("scene-clip")), args.control, 20)
    print(table(trained, control))
    if args.card:
        path = BUNDLED / "scene-clip.json"
        known = json.loads(path.read_text())
        figures = {**trained, "untrained": {"scenes": args.control, **{n: control[n] for n in ("phrases", "shapes")}}}
        path.write_text(
            json.dumps({**known, **figures, "command": "python -m benchmarks.labels --card"}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
