"""How spread out a row of attention is."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.undefined import Array, Split
from vit_attention.gate import GateError

IN_CACHE = 1 << 15
"""Numbers worked on at once: 128 kB in single precision."""


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
    return _nats(undefined.split(weights)) / math.log(base)


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
    found = undefined.split(weights)
    return _nats(found) / np.log(np.maximum(found.counts, 2))


def _nats(found: Split) -> NDArray[np.float64]:
    total = np.where(found.sums > 0, found.sums, 1)
    # with p = w / s: -sum p log p = log s - (sum w log w) / s
    nats = np.log(total) - _by_their_logs(found.values) / total
    bounded = np.clip(nats, 0, np.log(np.maximum(found.counts, 1)))  # undoes rounding only
    return np.where(found.counts > 0, bounded, np.nan)


def _by_their_logs(values: Array) -> NDArray[np.float64]:
    """(..., queries) sum over keys of w log w; a few rows at a time, so that what lies between stays in the cache."""
    rows = values.reshape(-1, values.shape[-1])
    step = max(1, IN_CACHE // values.shape[-1])
    found, logs = np.empty(len(rows)), np.empty((step, values.shape[-1]), values.dtype)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        # The smallest number keeps the logarithm of 0 finite, which times 0 is 0, and is lost in every other sum.
        part = np.add(some, np.finfo(values.dtype).tiny, out=logs[: len(some)])
        found[start : start + step] = np.vecdot(some, np.log(part, out=part))
    return found.reshape(values.shape[:-1])
