"""How spread out a row of attention is."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.undefined import Array
from vit_attention.gate import GateError


def entropy(weights: ArrayLike, base: float = 2) -> NDArray[np.float64]:
    """Shannon entropy of every row of attention, in bits for base 2.

    ``H = -sum over keys of p log p`` with 0 log 0 = 0, where p is the row divided by its sum, so that rounding
    (mainly in half precision) cannot push H above its bound. H ranges from 0 (one key holds everything) to log N (all N
    keys hold the same).
    The entropy of the mean over heads is not the mean of the heads' entropies: average afterwards.

    Args:
        weights: (..., queries, keys); NaN marks keys outside the query's window, which count as absent.
        base: of the logarithm; 2 gives bits, e gives nats.

    Returns:
        (..., queries); NaN where a row defines no key, 0 where a row is all zeros.

    Raises:
        ValueError: a negative or infinite weight, no keys, or a base that is not above 1.

    >>> entropy([[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    array([1., 0.])
    """
    if not 1 < base < math.inf:
        raise GateError("base", "a finite number above 1", f"{base}")
    values, counts = undefined.split(weights)
    return _nats(values, counts) / math.log(base)


def relative_entropy(weights: ArrayLike) -> NDArray[np.float64]:
    """Entropy of every row as a share of the largest possible, so that rows of different length compare.

    Args:
        weights: (..., queries, keys); NaN marks absent keys.

    Returns:
        (..., queries); 0 to 1: the entropy over log N, where N counts the row's own defined keys. A row with a single
        key has no choice and gets 0; a row without any is NaN.

    Raises:
        ValueError: a negative or infinite weight, or no keys.

    >>> relative_entropy([[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, np.nan, np.nan]])
    array([0.5, 1. ])
    """
    values, counts = undefined.split(weights)
    return _nats(values, counts) / np.log(np.maximum(counts, 2))


def _nats(values: Array, counts: NDArray[np.intp]) -> NDArray[np.float64]:
    sums = values.sum(axis=-1, dtype=np.float64)
    logs = np.maximum(values, np.finfo(values.dtype).tiny)  # the logarithm stays finite; times 0 it is 0
    np.log(logs, out=logs)
    logs *= values
    total = np.where(sums > 0, sums, 1)
    # with p = w / s: -sum p log p = log s - (sum w log w) / s
    nats = np.log(total) - logs.sum(axis=-1, dtype=np.float64) / total
    bounded = np.clip(nats, 0, np.log(np.maximum(counts, 1)))  # undoes rounding only
    return np.where(counts > 0, bounded, np.nan)
