"""One row of attention with every step kept: q.k, the scale, the powers of e, their sum, the weights."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import GateError


@dataclass(frozen=True, eq=False)
class RowSteps:
    """What softmax attention does for one query, step by step.

    Attributes:
        products: (keys,) dot products q.k.
        factor: what they are multiplied with, 1 / sqrt(size of q) in every common model.
        scaled: (keys,) factor * products.
        powers: (keys,) e to the power of (scaled - the largest scaled): the largest is exactly 1, none can overflow.
        total: the sum of the powers.
        weights: (keys,) powers / total; they add up to 1.
    """

    products: NDArray[np.float64]
    factor: float
    scaled: NDArray[np.float64]
    powers: NDArray[np.float64]
    total: float
    weights: NDArray[np.float64]

    def strongest(self, count: int) -> NDArray[np.intp]:
        """Numbers of the `count` keys of largest weight, best first; ties in the order of the keys."""
        return np.argsort(-self.scaled, kind="stable")[:count]


def row_steps(query: ArrayLike, keys: ArrayLike, stretch: float = 1.0) -> RowSteps:
    """The row of weights of one query (Vaswani et al. 2017, arXiv:1706.03762, equation 1), every step kept.

    Args:
        query: (size,) the asking token's q.
        keys: (keys, size) one k per token that can be read.
        stretch: multiplies 1 / sqrt(size); 1 is what models do, other values answer "what if".

    Raises:
        ValueError: shapes that do not fit, numbers that are not finite, or a stretch that is not above 0.

    >>> steps = row_steps([1, 0, 0, 0], [[2, 0, 0, 0], [0, 5, 0, 0]])
    >>> steps.products, steps.factor, steps.scaled, steps.weights.round(3)
    (array([2., 0.]), 0.5, array([1., 0.]), array([0.731, 0.269]))
    """
    q, k = np.asarray(query, dtype=np.float64), np.asarray(keys, dtype=np.float64)
    if q.ndim != 1 or k.ndim != 2 or k.shape[1] != q.size or not k.size:
        raise GateError("row_steps", "a query (size,) and keys (n, size)", f"{q.shape} and {k.shape}")
    if not (np.isfinite(q).all() and np.isfinite(k).all()):
        raise GateError("row_steps", "finite numbers", "NaN or infinity")
    if not (np.isfinite(stretch) and stretch > 0):
        raise GateError("stretch", "a number above 0", f"{stretch}")
    products = k @ q
    factor = float(stretch / np.sqrt(q.size))
    scaled = factor * products
    powers = np.exp(scaled - scaled.max())
    total = float(powers.sum())
    return RowSteps(products, factor, scaled, powers, total, powers / total)
