"""How far apart two distributions are: answers by their probabilities, maps by their shares."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.entropy import entropy
from vit_attention.gate import GateError


def total_variation(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Half the sum of the absolute differences of two distributions: the most by which they differ on any set.

    The distance of two answers in Jain & Wallace 2019, arXiv:1902.10186, section 4.

    Args:
        first, second: (..., classes) probabilities, which sum to 1.

    Returns:
        (...); 0 for the same answer, 1 for answers that share no class.

    Raises:
        GateError: other shapes, or a negative or infinite number.

    >>> float(total_variation([0.7, 0.3, 0.0], [0.5, 0.1, 0.4]).round(6))
    0.4
    """
    one, other = _both(first, second)
    return np.asarray(np.abs(one - other).sum(axis=-1) / 2)


def jensen_shannon(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Jensen-Shannon divergence of two distributions in bits (Lin 1991).

    The distance of two maps in Jain & Wallace 2019, arXiv:1902.10186, section 4.

    Args:
        first, second: (..., keys) shares, which sum to 1.

    Returns:
        (...); 0 for the same map, 1 bit for maps that share no key.

    Raises:
        GateError: other shapes, or a negative or infinite number.

    >>> float(jensen_shannon([1.0, 0.0], [0.0, 1.0])), float(jensen_shannon([0.5, 0.5], [0.5, 0.5]))
    (1.0, 0.0)
    """
    one, other = _both(first, second)
    apart = entropy((one + other) / 2) - (entropy(one) + entropy(other)) / 2
    return np.asarray(np.maximum(apart, 0))  # rounding can go below 0


def _both(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    one, other = (undefined.split(given).values.astype(np.float64) for given in (first, second))
    if one.shape != other.shape or not one.ndim:
        raise GateError("distributions", "two of one shape", f"{one.shape} and {other.shape}")
    return one, other
