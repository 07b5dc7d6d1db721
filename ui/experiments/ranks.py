"""Ranks and rank correlation by scipy, imported when first asked for: scipy.stats takes 55 MB that most visits never use."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike


def spearmanr(first: ArrayLike, second: ArrayLike, **options: Any) -> Any:
    """`scipy.stats.spearmanr`: Spearman's rank correlation with its p-value."""
    from scipy import stats

    return stats.spearmanr(first, second, **options)


def rankdata(values: ArrayLike, **options: Any) -> Any:
    """`scipy.stats.rankdata`: ranks from 1, ties sharing their mean rank."""
    from scipy import stats

    return stats.rankdata(values, **options)
