"""The control of `review-encoder`: logistic regression on which words, or neighbouring words, a review has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit

from training.review_data import Example

PENALTY = 1e-5
"""On the squares of the weights."""


def grams(text: str, longest: int) -> Counter[str]:
    """How often a text has each word, and with `longest` 2 each pair of neighbours as well.

    >>> sorted(grams("Not good, not bad.", 2))
    ['bad', 'good', 'good not', 'not', 'not bad', 'not good']
    """
    words = re.findall(r"\w+", text.lower())
    return Counter(" ".join(words[i : i + n]) for n in range(1, longest + 1) for i in range(len(words) - n + 1))


def _counts(examples: Sequence[Example], columns: dict[str, int], longest: int) -> csr_array:
    """(examples, columns) counts; the last column is 1 for every text."""
    found = [(row, len(columns), 1) for row in range(len(examples))]
    for row, one in enumerate(examples):
        found += [(row, columns[gram], n) for gram, n in grams(one.text, longest).items() if gram in columns]
    rows, cols, values = np.array(found).T
    return csr_array((values.astype(float), (rows, cols)), (len(examples), len(columns) + 1))


def bag_accuracy(learnt: Sequence[Example], asked: Sequence[Example], longest: int = 1) -> float:
    """Share of `asked` that logistic regression, trained on `learnt`, tells right.

    Args:
        learnt: texts and verdicts to learn from.
        asked: texts and verdicts to tell.
        longest: 1 counts words, 2 also pairs of neighbours.
    """
    seen = Counter(gram for one in learnt for gram in grams(one.text, longest))
    columns = {gram: i for i, gram in enumerate(sorted(gram for gram, n in seen.items() if n > 1))}
    x, sign = _counts(learnt, columns, longest), np.array([2 * one.label - 1 for one in learnt])

    def loss(weights: NDArray[np.float64]) -> tuple[float, Any]:
        margin = sign * (x @ weights)
        value = np.logaddexp(0, -margin).mean() + PENALTY * (weights @ weights)
        return value, x.T @ (-sign * expit(-margin)) / len(sign) + 2 * PENALTY * weights

    weights = minimize(loss, np.zeros(len(columns) + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    said = _counts(asked, columns, longest) @ weights > 0
    return float((said == [bool(one.label) for one in asked]).mean())
