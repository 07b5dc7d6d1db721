"""How similar maps of one picture are: rank correlation, and the overlap of their strongest patches."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures.deletion import strongest
from visualizer.measures.ranks import ranks
from visualizer.measures.similarity import cosine_similarity
from vit_attention.gate import GateError, shown


def rank_agreement(maps: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Spearman's rank correlation of every two maps, ties sharing their mean rank.

    Spearman 1904 (American Journal of Psychology 15); between maps of attention Adebayo et al. 2018 (arXiv:1810.03292),
    section 4. Only the order of the patches counts, so that maps in different units compare. Two maps that agree may both
    be wrong.

    Args:
        maps: (maps, rows, columns), or as many cells in another shape; cells that are NaN in one are left out of all.

    Returns:
        (maps, maps), symmetric, -1 to 1; NaN for a constant map, which has no order.

    Raises:
        GateError: maps of different shape, infinite values, or fewer than 2 cells that all define.

    >>> rank_agreement([[1.0, 2.0, 3.0], [10.0, 20.0, 40.0], [3.0, 2.0, 1.0]]).round(3).tolist()
    [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    """
    flat = _flat(maps)
    placed = np.stack([ranks(one) for one in flat[:, ~np.isnan(flat).any(axis=0)]])
    return cosine_similarity(placed - placed.mean(axis=1, keepdims=True))


def overlap(maps: Sequence[ArrayLike], number: int) -> NDArray[np.float64]:
    """Overlap (Jaccard 1912, New Phytologist 11) of the `number` strongest cells of every two maps: shared over all of both.

    Of equally strong cells the first in reading order count. `chance_overlap` says what two unrelated maps have.

    Args:
        maps: (maps, rows, columns), or as many cells in another shape; NaN is never among the strongest.
        number: how many cells.

    Returns:
        (maps, maps), symmetric, 0 to 1; NaN for a constant map, which has no strongest cells.

    Raises:
        GateError: maps of different shape, infinite values, or not 1 to as many cells as there are.

    >>> overlap([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0]], 2).round(3).tolist()
    [[1.0, 0.333], [0.333, 1.0]]
    """
    flat = _flat(maps)
    if not 1 <= number <= flat.shape[1]:
        raise GateError("number", f"1 to {flat.shape[1]} cells", shown(number))
    chosen = np.zeros(flat.shape)
    for row, one in zip(chosen, flat, strict=True):
        row[list(strongest(np.where(np.isnan(one), -np.inf, one), number))] = 1
    shared = chosen @ chosen.T
    found = shared / (2 * number - shared)
    constant = np.nanmax(flat, axis=1) == np.nanmin(flat, axis=1)
    found[constant] = found[:, constant] = np.nan
    return np.asarray(found)


def chance_overlap(number: int, cells: int) -> float:
    """The expected overlap of two random choices of `number` of `cells` cells, shared over all of both.

    The number shared is hypergeometric. Its mean over all of both is not ``number / (2 * cells - number)``, as the ratio is
    not linear.

    >>> round(chance_overlap(1, 4), 3), chance_overlap(3, 3)
    (0.25, 1.0)
    """
    if not 1 <= number <= cells:
        raise GateError("number", f"1 to {cells} cells", shown(number))
    shared = range(max(0, 2 * number - cells), number + 1)
    logs = [_ways(number, k) + _ways(cells - number, number - k) - _ways(cells, number) for k in shared]
    return math.fsum(math.exp(log) * k / (2 * number - k) for log, k in zip(logs, shared, strict=True))


def _ways(of: int, chosen: int) -> float:
    """Logarithm of the number of ways to choose some of several."""
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def _flat(maps: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """(maps, cells), checked."""
    given = [np.asarray(one, np.float64) for one in maps]
    shapes = {one.shape for one in given}
    if len(shapes) != 1 or not given[0].size:
        raise GateError("maps", "at least one map, all of one shape", ", ".join(map(str, sorted(shapes))) or "none")
    flat = np.stack([one.ravel() for one in given])
    if np.isinf(flat).any():
        raise GateError("maps", "finite numbers or NaN", "infinity")
    if (~np.isnan(flat).any(axis=0)).sum() < 2:
        raise GateError("maps", "at least 2 cells that all maps define", "fewer")
    return flat
