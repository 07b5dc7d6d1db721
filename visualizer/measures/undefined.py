"""What is not defined is NaN, never zero: the few helpers that leave it out, and the precision all numbers share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import GateError
from vit_attention.records import half_to_single

Array = NDArray[np.floating[Any]]


def at_least_single(values: ArrayLike) -> Array:
    """`values` as float32 or float64, unchanged where they are that already.

    >>> at_least_single(np.array([0.5, np.inf], np.float16))
    array([0.5, inf], dtype=float32)
    """
    array = np.asarray(values)
    if array.dtype in (np.float32, np.float64):
        return array
    if array.dtype == np.float16:
        return half_to_single(array)
    return array.astype(np.result_type(array, np.float32))


def shaped(values: ArrayLike | Sequence[ArrayLike], name: str, axes: str) -> NDArray[Any]:
    """`values` as an array with the axes that `axes` names; raises ValueError, saying `name`, for others, none or no numbers.

    >>> shaped([[1, 2]], "map", "(rows, columns)").shape
    (1, 2)
    """
    given = rectangular(values, name, axes)
    if given.ndim != axes.count(",") + 1 or not given.size:
        raise GateError(name, f"{axes}", f"shape {given.shape}")
    return given


def rectangular(values: ArrayLike | Sequence[ArrayLike], name: str, axes: str) -> NDArray[Any]:
    """`values` as an array of numbers, whatever its shape; raises ValueError, saying `name`, for anything else."""
    try:
        given = np.asarray(values)
    except ValueError as error:  # numpy speaks of inhomogeneous shapes
        raise GateError(name, f"{axes}", "rows of unlike lengths") from error
    if given.dtype.kind not in "biuf" and given.size:
        raise GateError(name, "numbers", f"{given.dtype.name}")
    return given


def padded(arrays: Sequence[ArrayLike]) -> Array:
    """Arrays with the same number of axes as one, single precision or better; NaN where one of them does not reach.

    >>> padded([[1.0, 2.0], [3.0]])
    array([[ 1.,  2.],
           [ 3., nan]])
    """
    given = [at_least_single(one) for one in arrays]
    out = np.full((len(given), *np.max([one.shape for one in given], axis=0)), np.nan, np.result_type(*given))
    for part, one in zip(out, given, strict=True):
        part[tuple(map(slice, one.shape))] = one
    return out


@dataclass(frozen=True, eq=False)
class Split:
    """Weights that were looked through; as an array they are what was given, so that several measures can share the look.

    Attributes:
        given: (..., queries, keys), single precision or better, NaN where a query cannot see a key at all.
        values: the same with 0 for NaN.
        counts: (..., queries) how many keys each row defines.
        sums: (..., queries) of the values of each row.
    """

    given: Array
    values: Array
    counts: NDArray[np.intp]
    sums: NDArray[np.float64]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.given, dtype, copy=copy)


def split(weights: ArrayLike) -> Split:
    """Weights with 0 where they are undefined, and how many keys each row defines.

    Args:
        weights: (..., queries, keys), NaN where a query cannot see a key at all; of what was split already that.

    Raises:
        ValueError: no keys, or a weight that is negative or infinite.

    >>> found = split([[0.25, 0.75, np.nan]])
    >>> found.values, found.counts
    (array([[0.25, 0.75, 0.  ]]), array([2]))
    """
    if isinstance(weights, Split):
        return weights
    given = values = at_least_single(rectangular(weights, "weights", "(..., queries, keys)"))
    if values.ndim == 0 or values.shape[-1] == 0:
        raise GateError("weights", "(..., queries, keys) with at least one key", f"shape {values.shape}")
    counts = np.full(values.shape[:-1], values.shape[-1], dtype=np.intp)
    low = values.min(initial=0)
    if np.isnan(low):  # as it is if any value is
        absent = np.isnan(values)
        counts -= np.count_nonzero(absent, axis=-1)
        values = np.where(absent, values.dtype.type(0), values)
        low = values.min(initial=0)
    # A sum is infinite if any of its numbers is.
    if low < 0 or not np.isfinite(sums := values.sum(axis=-1, dtype=np.float64)).all():
        raise GateError("weights", "finite numbers from 0 up", f"{low} to {values.max()}")
    return Split(given, values, counts, sums)


def mean(values: Array, axis: int | tuple[int, ...] = -1) -> NDArray[np.float64]:
    """The mean along `axis`, one or several, of what is defined; NaN where nothing is.

    >>> mean(np.array([[1.0, 3.0, np.nan], [np.nan, np.nan, np.nan]]))
    array([ 2., nan])
    """
    known = ~np.isnan(values)
    return ratio(np.sum(values, axis=axis, where=known, dtype=np.float64), np.count_nonzero(known, axis=axis))


def ratio(part: ArrayLike, whole: ArrayLike) -> NDArray[np.float64]:
    """Part / whole in double precision, NaN where the whole is 0.

    >>> ratio([1.0, 0.0], [4.0, 0.0])
    array([0.25,  nan])
    """
    above, below = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0))
