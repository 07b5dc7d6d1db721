"""Does a head prefer patches of one kind? Its weight on a patch of that kind beside its weight on a patch of another."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.arguments import whole
from visualizer.measures.score import HIT_THRESHOLD
from vit_attention.gate import GateError

EVEN = 0.5
"""The preference of a map that gives every patch the same."""


class Kinds(NamedTuple):
    """Patches by how an object's outline lies on them; each (..., rows, columns) booleans.

    Attributes:
        edge: the outline runs through them.
        inside: the object fills them.
        outside: the object leaves them free, and they touch one of `edge`, corners included.
    """

    edge: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    outside: NDArray[np.bool_]


def outline_kinds(coverage: ArrayLike, threshold: float = HIT_THRESHOLD) -> Kinds:
    """The patches that an object's outline runs through, those inside, and those just outside.

    Args:
        coverage: (..., rows, columns) share of each patch that the object covers, 0 to 1.
        threshold: a patch is on the outline if the object covers more than this share of it and leaves more than it free.

    Raises:
        GateError: coverage without rows and columns or outside 0 to 1, or a threshold that is not from 0 to below 0.5.

    >>> [kind.astype(int).tolist() for kind in outline_kinds([[0.0, 0.0, 0.4, 1.0]])]
    [[[0, 0, 1, 0]], [[0, 0, 0, 1]], [[0, 1, 0, 0]]]
    """
    cover = np.asarray(coverage, dtype=np.float64)
    if cover.ndim < 2 or 0 in cover.shape or not ((cover >= 0) & (cover <= 1)).all():
        raise GateError("coverage", "(..., rows, columns) from 0 to 1", f"shape {cover.shape}")
    if not 0 <= threshold < 0.5:
        raise GateError("threshold", "0 to below 0.5", f"{threshold:g}")
    edge = (cover > threshold) & (cover < 1 - threshold)
    rows, columns = cover.shape[-2:]
    wide = np.pad(edge, [(0, 0)] * (edge.ndim - 2) + [(1, 1), (1, 1)])
    near = np.any([wide[..., y : y + rows, x : x + columns] for y in range(3) for x in range(3)], axis=0)
    return Kinds(edge, cover >= 1 - threshold, (cover <= threshold) & near)


def preference(maps: ArrayLike, on: ArrayLike, *others: ArrayLike) -> NDArray[np.float64]:
    """How much more weight a patch of one kind gets than a patch of the others: ``on / (on + largest of the others)``.

    Each term is the mean weight of a patch of that kind, so that it makes no difference how many there are. A map with as
    much on every patch has 0.5; 0.75 is three times as much as on a patch of the best of the other kinds.

    Args:
        maps: (..., rows, columns), at least 0; NaN is left out.
        on: (rows, columns) booleans, the patches of the kind that is asked about.
        others: (rows, columns) booleans each, one kind or more.

    Returns:
        (...), 0 to 1; NaN where a kind has no patch, or where none of them gets any weight.

    Raises:
        GateError: negative or infinite weights, kinds of another shape, or no other kind.

    >>> float(preference([[3.0, 1.0, 1.0]], [[True, False, False]], [[False, True, True]]))
    0.75
    """
    values, groups = _checked(maps, [on, *others])
    flat, kinds = values.reshape(*values.shape[:-2], -1), groups.reshape(len(groups), -1)
    known = ~np.isnan(flat)
    sums, counts = np.nan_to_num(flat) @ kinds.T, known.astype(np.float64) @ kinds.T
    return _compared(undefined.ratio(sums, counts))


def neighbourhood_preference(
    weights: ArrayLike, on: ArrayLike, *others: ArrayLike, radius: int = 2
) -> NDArray[np.float64]:
    """The `preference` of patches that ask, each among its own neighbours only; the mean over those that have a choice.

    A head that looks one patch to the right does so beside an outline, too. Among neighbours it has no preference, while a
    head that looks for outlines has one.

    Args:
        weights: (heads, patches, patches) weights, special tokens left out, patches row by row; at least 0.
        on, others: as for `preference`, (rows, columns) each.
        radius: neighbours are at most so many rows and columns away; the patch itself is none.

    Returns:
        (heads,), 0 to 1; NaN if no patch has neighbours of all kinds, or none of them gets any weight.

    Raises:
        GateError: weights that do not fit the kinds, or what `preference` refuses.

    >>> weights = np.zeros((1, 3, 3))
    >>> weights[0, 1] = [0.2, 0.2, 0.6]
    >>> neighbourhood_preference(weights, [[False, False, True]], [[True, False, False]]).round(2).tolist()
    [0.75]
    """
    groups = _checked(np.zeros(np.shape(on)), [on, *others])[1]
    values = undefined.split(weights).values
    grid = (groups.shape[1], groups.shape[2])
    if values.ndim != 3 or values.shape[1:] != (grid[0] * grid[1],) * 2:
        raise GateError("weights", f"(heads, {grid[0] * grid[1]}, {grid[0] * grid[1]})", f"shape {values.shape}")
    return near(neighbours_of(values, grid, radius), grid, groups, radius)


def neighbours_of(weights: NDArray[Any], grid: tuple[int, int], radius: int) -> NDArray[np.float64]:
    """(patches, heads, neighbours) what each patch gives each of its neighbours; 0 for those beyond the rim."""
    places = _windows(grid, radius)
    found = np.take_along_axis(weights, np.maximum(places, 0)[None], axis=2).astype(np.float64)
    return np.where(places >= 0, found, 0).transpose(1, 0, 2)


def near(
    neighbours: NDArray[np.floating[Any]], grid: tuple[int, int], groups: NDArray[np.bool_], radius: int
) -> NDArray[np.float64]:
    """(..., heads) preference of (..., kinds, rows, columns) groups in what `neighbours_of` gave: many truths at once."""
    places = _windows(grid, radius)
    flat = groups.reshape(-1, grid[0] * grid[1])
    kinds = np.where(places >= 0, flat[:, np.maximum(places, 0)], False).astype(
        np.float64
    )  # (all, patches, neighbours)
    sums = neighbours @ kinds.transpose(1, 2, 0)  # (patches, heads, all)
    means = undefined.ratio(sums, kinds.sum(axis=2).T[:, None])
    each = _compared(means.reshape(*means.shape[:2], *groups.shape[:-2]))  # (patches, heads, ...)
    return np.moveaxis(undefined.mean(each, axis=0), 0, -1)


def _windows(grid: tuple[int, int], radius: int) -> NDArray[np.intp]:
    """(patches, neighbours) the numbers of the patches around each; -1 beyond the rim."""
    rows, columns = grid
    reach = range(-whole("radius", radius, 1), radius + 1)
    steps = np.array([(y, x) for y in reach for x in reach if (y, x) != (0, 0)])
    y, x = (np.indices(grid).reshape(2, -1)[:, :, None] + steps.T[:, None]).astype(np.intp)
    return np.where((y >= 0) & (y < rows) & (x >= 0) & (x < columns), y * columns + x, -1)


def _compared(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Preference from (..., kinds) mean weights, the kind that is asked about first."""
    other = means[..., 1:].max(axis=-1)  # NaN if one of the kinds has no patch
    return undefined.ratio(means[..., 0], means[..., 0] + other)


def _checked(maps: ArrayLike, kinds: list[ArrayLike]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, groups = np.asarray(maps, dtype=np.float64), [np.asarray(kind) for kind in kinds]
    if len(groups) < 2:
        raise GateError("others", "at least one kind of patches to compare with", "none")
    grid = values.shape[-2:]
    for one in groups:
        if values.ndim < 2 or 0 in grid or one.shape != grid or one.dtype != bool:
            raise GateError("on, others", f"booleans of the map's shape {grid}", f"{one.dtype} of shape {one.shape}")
    if np.isinf(values).any() or (values < 0).any():
        raise GateError("maps", "finite numbers from 0 up, or NaN", f"{np.nanmin(values)} to {np.nanmax(values)}")
    return values, np.stack(groups)
