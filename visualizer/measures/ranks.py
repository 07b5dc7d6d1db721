"""Ranks and rank correlation; scipy.stats is imported only for p-values: it takes 55 MB that most visits never use."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def spearmanr(first: ArrayLike, second: ArrayLike, **options: Any) -> Any:
    """`scipy.stats.spearmanr`: Spearman's rank correlation with its p-value."""
    from scipy import stats

    return stats.spearmanr(first, second, **options)


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """Ranks from 1 of a flat array, ties sharing their mean rank, without scipy.

    >>> ranks([10, 30, 10])
    array([1.5, 3. , 1.5])
    """
    _, where, counts = np.unique(np.asarray(values).ravel(), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[where]


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation, -1 to 1; NaN if either side is constant."""
    a, b = (r - r.mean() for r in (ranks(first), ranks(second)))
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length else float("nan")
