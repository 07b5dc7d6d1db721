"""How few patches hold a map: the Gini index and the effective share."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.entropy import entropy
from vit_attention.gate import GateError


def gini(values: ArrayLike) -> float:
    """The Gini index of a map's magnitudes: 0 if all cells hold the same, near 1 if one cell holds everything.

    Hurley and Rickard 2009 (arXiv:0811.4706), table I; as a score of explanations Chalasani et al. 2020 (arXiv:1810.06583).
    With the N magnitudes sorted from the smallest up, it is ``1 - 2 sum_k v_k (N - k + 1/2) / (N sum v)``, k from 1. A sparse
    map is not a right one: a single wrong patch has the largest index.

    Args:
        values: a map of any shape; signs do not count, and NaN marks absent cells.

    Returns:
        0 to 1 - 1/N; NaN for a map without mass.

    Raises:
        GateError: infinite values.

    >>> gini([[0.0, 0.0], [0.0, 1.0]]), gini([[2.0, -2.0], [2.0, 2.0]])
    (0.75, 0.0)
    """
    ordered = np.sort(_magnitudes(values))
    total, count = float(ordered.sum()), len(ordered)
    if total == 0:
        return float("nan")
    weights = (count - np.arange(1, count + 1) + 0.5) / count
    return float(1 - 2 * (ordered / total) @ weights) + 0.0


def effective_share(values: ArrayLike) -> float:
    """The share of the cells over which a map's magnitudes spread: ``2^H / N``, with H their entropy in bits.

    An even map over M of N cells has M / N. Hill 1973 (Ecology 54) calls 2^H the effective number of order 1.

    Args:
        values: a map of any shape; signs do not count, and NaN marks absent cells.

    Returns:
        1/N (one cell holds everything) to 1 (all hold the same); NaN for a map without mass.

    Raises:
        GateError: infinite values.

    >>> effective_share([[1.0, 1.0], [0.0, 0.0]])
    0.5
    """
    magnitudes = _magnitudes(values)
    if not magnitudes.any():
        return float("nan")
    return float(2 ** entropy(magnitudes) / len(magnitudes))


def _magnitudes(values: ArrayLike) -> NDArray[np.float64]:
    given = undefined.at_least_single(values).ravel()
    found = np.abs(given[~np.isnan(given)].astype(np.float64))
    if np.isinf(found).any():
        raise GateError("values", "finite numbers or NaN", "infinity")
    return found
