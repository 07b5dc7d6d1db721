"""`python -m benchmarks.methods`: where the map of every method points that can be asked for a class, beside three controls.

On scenes of two objects that no training ever saw, each map is asked for one of them. A map points at an object if its strongest
patch is on it, as in `benchmarks.localisation`. The controls: the same map scored on the other object; the same model untrained;
and the map with its patches shuffled. Methods are those of the table whose map can be had, at their default knobs.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import vit_attention as va
from benchmarks.localisation import FIRST_SEED, HIT, untrained
from benchmarks.timing import table
from visualizer import methods
from visualizer.measures.score import pointing_hit
from visualizer.method import Method
from worlds.scenes import Scene, coverage, scene

HEADER = ("method", "asked object", "other object", "untrained", "shuffled", "ms a map")


class Score(NamedTuple):
    """Whether a map points at the object asked for, at the other, and, shuffled, at the one asked for; and what it took."""

    asked: float
    other: float
    shuffled: float
    seconds: float


def two_objects(count: int) -> Iterator[Scene]:
    """The first scenes with two objects of different shapes."""
    number = FIRST_SEED
    while count:
        made = scene(number)
        if len({thing.shape for thing in made.things}) == 2:
            count -= 1
            yield made
        number += 1


def fitting(model: Any) -> list[Method]:
    """Methods about a class, and those about nothing but the picture that have a map here for the class token."""
    record = model.attend("scene-7")
    return [one for one in methods().values() if not one.unfit(record) and one.asked_by not in ("patch", "patches")]


def scored(model: Any, method: Method, made: Scene, shape: str) -> Score:
    """One map of a method, made from the picture on, with its scores."""
    begun = time.perf_counter()
    record = model.attend(made.picture, keep=method.needs, **({"target": shape} if method.asks_class else {}))
    values = np.nan_to_num(np.asarray(method(record).values, np.float64), nan=-np.inf)
    took = time.perf_counter() - begun
    truths = {thing.shape: coverage(thing.mask) > HIT for thing in made.things}
    other = next(name for name in truths if name != shape)
    mixed = np.random.default_rng(made.seed).permutation(values.ravel()).reshape(values.shape)
    asked, beside = pointing_hit(values, truths[shape]), pointing_hit(values, truths[other])
    return Score(float(asked), float(beside), float(pointing_hit(mixed, truths[shape])), took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--only", nargs="*", help="names of methods; all without")
    args = parser.parse_args()
    model, control = va.load("scene-vit"), untrained()
    wanted = [one for one in fitting(model) if not args.only or one.name in args.only]
    found: dict[str, list[Score]] = defaultdict(list)
    blind: dict[str, list[Score]] = defaultdict(list)
    for made in two_objects(args.scenes):
        for shape in dict.fromkeys(thing.shape for thing in made.things):
            for method in wanted:
                found[method.name].append(scored(model, method, made, shape))
                blind[method.name].append(scored(control, method, made, shape))
    rows = [(name, *_figures(found[name], blind[name])) for name in found]
    maps = len(next(iter(found.values())))
    print(table(f"{maps} maps a method, {args.scenes} scenes of two objects.", rows, HEADER))


def _figures(scores: list[Score], blind: list[Score]) -> tuple[str, ...]:
    shares = [*(np.mean([one[n] for one in scores]) for n in (0, 1)), np.mean([one.asked for one in blind])]
    shares.append(np.mean([one.shuffled for one in scores]))
    return (*(f"{share:.0%}" for share in shares), f"{1000 * statistics.median(one.seconds for one in scores):.0f}")


if __name__ == "__main__":
    main()
