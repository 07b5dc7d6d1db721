"""What a model loses with each head switched off, measured on many scenes: the file, and what a page asks it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ZERO, MEAN = HOW = ("zero", "mean")
"""What is put in the place of a head that is switched off: zeros, or its mean output over other pictures."""
SEED, COUNT, ORDERS = 5000, 50, 5
"""The first scene, how many are used for each measurement, and the random orders that heads are removed in."""
MEANS = 20
"""Scenes that mean outputs are taken over."""
MOST, LEAST = "strongest first", "weakest first"
_FILE = Path(__file__).with_name("head_trial.json")


@dataclass(frozen=True, eq=False)
class HeadTrial:
    """What switching heads off does to a classifier, over many scenes.

    Attributes:
        count: scenes of either measurement; the orders come from other scenes than the accuracies.
        fall: by `HOW`, (layers, heads) mean fall of the likeliest class's raw score (logit) with that head alone switched off.
        half: by `HOW`, (layers, heads) half the width of its 95 % interval over the scenes (Student's t).
        changed: by `HOW`, (layers, heads) share of scenes whose likeliest class is another one then, 0 to 1.
        removed: (steps,) how many heads are switched off together.
        accuracy: (steps,) share of scenes whose likeliest class is one of the shapes in it, by the order of removal.
        random: (orders, steps) the same for random orders.
    """

    count: int
    fall: Mapping[str, NDArray[np.float64]]
    half: Mapping[str, NDArray[np.float64]]
    changed: Mapping[str, NDArray[np.float64]]
    removed: NDArray[np.int64]
    accuracy: Mapping[str, NDArray[np.float64]]
    random: NDArray[np.float64]

    def strongest(self, how: str, most: int) -> list[tuple[int, int]]:
        """(layer, head), from 0, of the heads with the largest mean falls."""
        order = np.argsort(-self.fall[how], axis=None, kind="stable")[:most]
        return [(int(n) // self.fall[how].shape[1], int(n) % self.fall[how].shape[1]) for n in order]

    def clear(self, how: str) -> NDArray[np.bool_]:
        """(layers, heads) whether the interval leaves out 0."""
        return np.asarray(np.abs(self.fall[how]) > self.half[how])

    def can_go(self, lost: float) -> int:
        """The most heads, weakest first, up to which the accuracy never falls by more than `lost`, 0 to 1."""
        fine = self.accuracy[LEAST] >= self.accuracy[LEAST][0] - lost - 1e-9
        return int(self.removed[np.cumprod(fine).sum() - 1])

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "HeadTrial":
        """What the file holds."""
        by_name = {name: {how: np.array(one) for how, one in plain[name].items()} for name in _BY_NAME}
        return cls(
            count=plain["count"], removed=np.array(plain["removed"]), random=np.array(plain["random"]), **by_name
        )


_BY_NAME = ("fall", "half", "changed", "accuracy")


@lru_cache(maxsize=1)
def stored() -> dict[str, Any]:
    """Everything in the file, by model."""
    return dict(json.loads(_FILE.read_text("utf-8"))) if _FILE.exists() else {}


def precomputed(model: str) -> HeadTrial | None:
    """The heads of a bundled classifier as ``python -m benchmarks.head_trial`` measured them; None for other models.

    >>> found = precomputed("scene-vit")
    >>> found.fall["zero"].shape, found.count
    ((12, 12), 50)
    """
    found = stored().get(model)
    return None if found is None else HeadTrial.of(found)
