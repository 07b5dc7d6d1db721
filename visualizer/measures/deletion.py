"""Which patches the test deletes that a map of importance has to pass."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST, DRAWS = 20, 10
"""Patches greyed out, random draws compared with."""


def count(grid: tuple[int, int]) -> int:
    """How many patches a test greys out: 20, or a fifth of a small grid."""
    return min(MOST, grid[0] * grid[1] // 5)


def strongest(values: NDArray[Any], number: int) -> tuple[int, ...]:
    """Numbers of the `number` largest patches of a map, in reading order; of equals the first.

    >>> strongest(np.array([[0.1, 0.5], [0.5, 0.2]]), 2)
    (1, 2)
    """
    return tuple(sorted(int(n) for n in np.argsort(-np.asarray(values).ravel(), kind="stable")[:number]))


def random_sets(grid: tuple[int, int]) -> list[tuple[int, ...]]:
    """Ten random choices of `count` patches; the same ones on every run."""
    rng, patches = np.random.default_rng(0), grid[0] * grid[1]
    draws = (rng.choice(patches, count(grid), replace=False) for _ in range(DRAWS))
    return [tuple(sorted(int(n) for n in draw)) for draw in draws]
