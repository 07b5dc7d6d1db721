"""Does the model use what a map marks? Patches covered and shown in the map's order, beside orders that know nothing.

And is it the same map on the same picture with a little noise, and another one of a network that has learned nothing?
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Picture, answered, pairs
from visualizer.measures import faithfulness as measured
from visualizer.measures.controls import centre_prior, colour_contrast
from visualizer.measures.ranks import rank_correlation
from visualizer.method import methods
from vit_attention.heavy import library
from vit_attention.inputs.edited import noisy

DRAWS = 3
"""Random orders, and draws of noise."""
NOISE = 5.0
"""Standard deviation of the noise, in grey levels of 0 to 255."""
STEPS = measured.STEPS

Made = tuple[str, str, Mapping[str, Any]]
"""How a map is made, as `Context.answer` takes it: method, target, knobs."""

Areas = dict[str, tuple[float, float]]
"""Deletion and insertion AUC by whose order it is, means of a probability."""


def passes(made: Made | None = None) -> int:
    """Passes through the model that `areas` and `ranks_under_noise` take: every inner point of both curves of every order,
    and their common ends; the map of the untrained network and of every noisy picture, if they can be had.
    """
    again = can_be_remade(made)
    return 2 * (STEPS - 1) * (3 + again + DRAWS) + 2 + again * (1 + DRAWS)


def can_be_remade(made: Made | None) -> bool:
    """Whether a map is made in one run of the model, so that it can be made again of a changed picture or network."""
    return made is not None and not methods()[made[0]].run


def ranks_under_noise(now: Context, values: NDArray[Any], made: Made) -> NDArray[np.float64]:
    """(draws,) rank correlations of a map with the same map of the picture under noise."""
    noisy_maps = [_remade(now, made, seed=seed) for seed in range(1, DRAWS + 1)]
    return np.array([rank_correlation(values, one) for one in noisy_maps])


def _remade(now: Context, made: Made, **change: int) -> NDArray[Any]:
    name, target, knobs = made
    method = methods()[name]
    wanted = now.target(target) if method.asks_class else ""
    asked = (name, wanted, pairs(now.question(method)), pairs(knobs), now.labels)
    found: NDArray[Any] = now.run(remade, now.model, now.picture, *asked, *change.items())
    return found


def remade(
    model: Any, picture: Picture, name: str, target: str, asked: Any, knobs: Any, labels: Any, change: tuple[str, int]
) -> NDArray[Any]:
    """(rows, columns) a map of a changed picture, ("seed", number of the noise), or network, ("untrained", seed)."""
    kind, seed = change
    if kind == "seed":
        picture = replace(picture, image=noisy(picture.image, NOISE, seed))
    else:
        model = library("vit_attention.judging").fresh(model, seed)
    return np.asarray(answered(model, picture, name, target, asked, knobs, None, labels).values, np.float64)


def areas(now: Context, values: NDArray[Any], made: Made | None = None) -> Areas:
    """What the curves of a map and of the controls enclose, for the likeliest class; see `faithfulness.area_under`.

    Args:
        now: a picture under a model with classes.
        values: (rows, columns) the map.
        made: how it is made, so that the untrained network's can stand beside it; None for one that cannot be made again.
    """
    maps = {
        measured.MAP: values,
        measured.CENTRE: centre_prior(now.grid),
        measured.COLOUR: colour_contrast(now.picture.image, now.grid, now.record.geometry),
    }
    if made is not None and can_be_remade(made):
        maps[measured.UNTRAINED] = _remade(now, made, untrained=0)
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
