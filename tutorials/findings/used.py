"""Does the model use what a map marks? Patches covered and shown in the map's order, beside orders that know nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Picture
from visualizer.measures import faithfulness as measured
from visualizer.measures.controls import centre_prior, colour_contrast

DRAWS = 3
"""Random orders."""
STEPS = measured.STEPS

Areas = dict[str, tuple[float, float]]
"""Deletion and insertion AUC by whose order it is, means of a probability."""


def passes() -> int:
    """Passes through the model that `areas` takes: every inner point of both curves of every order, and their common ends."""
    return 2 * (STEPS - 1) * (3 + DRAWS) + 2


def areas(now: Context, values: NDArray[Any]) -> Areas:
    """What the curves of a map and of the controls enclose, for the likeliest class; see `faithfulness.area_under`.

    Args:
        now: a picture under a model with classes.
        values: (rows, columns) the map.
    """
    maps = {
        measured.MAP: values,
        measured.CENTRE: centre_prior(now.grid),
        measured.COLOUR: colour_contrast(now.picture.image, now.grid, now.record.geometry),
    }
    orders = [measured.strongest_first(one) for one in maps.values()]
    orders += measured.random_orders(values.size, DRAWS)
    both = now.run(_areas, now.model, now.picture, np.stack(orders).astype(np.intp).tobytes(), now.grid, now.labels)
    named = dict(zip(maps, both, strict=False))
    random = np.mean(both[len(maps) :], axis=0)
    return {**named, measured.RANDOM: (float(random[0]), float(random[1]))}


def _areas(
    model: Any, picture: Picture, orders: bytes, grid: tuple[int, int], labels: tuple[str, ...]
) -> list[tuple[float, float]]:
    rows = np.frombuffer(orders, np.intp).reshape(-1, grid[0] * grid[1])
    gone = np.stack([measured.deleted(row, grid, STEPS) for row in rows])
    inner = gone[:, 1:-1]
    ends = np.stack([np.zeros(grid, bool), np.ones(grid, bool)])
    covers = np.concatenate([ends, inner.reshape(-1, *grid), ~inner.reshape(-1, *grid)])
    scores = model.scores_covered(picture.given, covers, **({"labels": labels} if labels else {}))
    whole, nothing = scores[:2]
    least, most = scores[2:].reshape(2, len(rows), -1)
    shares = gone[0].mean(axis=(1, 2))
    found = []
    for falling, rising in zip(least, most, strict=True):
        deletion = measured.area_under(shares, np.array([whole, *falling, nothing]))
        # Of what is shown as much is left as is covered by deletion.
        insertion = measured.area_under(shares, np.array([nothing, *rising, whole]))
        found.append((float(deletion), float(insertion)))
    return found
