"""The attention of one block: weights with axes, and what proves them. numpy only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError, shown
from vit_attention.records.axes import Axis

if TYPE_CHECKING:
    from vit_attention.gate.bundle import MapFields

MAP_KINDS = ("self", "cross", "window")
ROW_SUM_TOLERANCE = {np.dtype(np.float32): 1e-4, np.dtype(np.float16): 5e-3}


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """The attention of one block.

    Attributes:
        weights: (heads, queries, keys), float32 or float16; rows sum to 1, NaN where a key is undefined (off-window).
        name: module path inside the model.
        layer: depth, 0 for the block nearest the input.
        kind: "self", "cross" or "window".
        query, key: axes that say what rows and columns stand for.
        residual: largest absolute difference between these weights times the block's values and what PyTorch's own
            attention gives, in units of the values; None if there was nothing to compare with.
        heads: original numbers of the heads kept; None means all.
        queries: original numbers of the rows kept; None means all.
        gradient: (heads, queries, keys) derivative of the target's raw score by the weights, if asked for.
    """

    weights: NDArray[Any]
    name: str
    layer: int
    kind: str
    query: Axis
    key: Axis
    residual: float | None = None
    heads: tuple[int, ...] | None = None
    queries: tuple[int, ...] | None = None
    gradient: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        where, shape = f"map {shown(self.name)}", self.weights.shape
        rows = len(self.query) if self.queries is None else len(self.queries)
        for field, wrong, want, got in (
            ("kind", self.kind not in MAP_KINDS, f"one of {MAP_KINDS}", self.kind),
            ("layer", not _is_whole(self.layer), "a whole number, 0 first", self.layer),
            ("residual", not _is_distance(self.residual), "a finite number of 0 or more, or None", self.residual),
            ("weights", self.weights.dtype not in ROW_SUM_TOLERANCE, "float32 or float16", self.weights.dtype),
            (
                "weights",
                len(shape) != 3 or shape[1:] != (rows, len(self.key)) or 0 in shape,
                f"(heads, {rows}, {len(self.key)}), at least one of each",
                shape,
            ),
            ("heads", not _are_numbers(self.heads, 1 << 31), "different whole numbers", self.heads),
            (
                "heads",
                len(self.heads or shape[:1] * shape[0]) != shape[0],
                f"one number a head of {shape[0]}",
                self.heads,
            ),
            (
                "queries",
                not _are_numbers(self.queries, len(self.query)),
                f"different numbers from 0 to {len(self.query) - 1}",
                self.queries,
            ),
        ):
            if wrong:
                raise GateError(where, want, shown(got), field=field)
        if self.gradient is not None:
            self._check_gradient(self.gradient)

    def _check_gradient(self, gradient: NDArray[Any]) -> None:
        if gradient.shape != self.weights.shape or gradient.dtype not in ROW_SUM_TOLERANCE:
            want, got = f"float32 or float16 of shape {self.weights.shape}", f"{gradient.dtype} of {gradient.shape}"
            raise GateError(f"map {shown(self.name)}", want, got, field="gradient")
        check_numbers(gradient, f"map {shown(self.name)}", "gradient")

    @property
    def single(self) -> NDArray[np.float32]:
        """The weights as float32."""
        return half_to_single(self.weights) if self.weights.dtype == np.float16 else self.weights

    @property
    def row_error(self) -> float:
        """Largest deviation of a row sum from 1; rows that are entirely undefined are ignored."""
        return self._rows.error

    @property
    def undefined(self) -> bool:
        """Whether any weight is NaN."""
        return self._rows.undefined

    @cached_property
    def _rows(self) -> "_Rows":
        rows = self.weights.reshape(-1, self.weights.shape[-1])
        return _Rows.together([_Rows.of(block) for block in blocks(rows)])

    def check_rows(self) -> None:
        """Raise for weights that are negative, infinite or undefined inside a window, and for rows that do not sum to 1."""
        found, where = self._rows, f"map {shown(self.name)}"
        if found.gaps and self.kind != "window":
            raise GateError(where, "whole rows (a key may be NaN only off a window)", "NaN in some", field="weights")
        if not found.lowest >= 0:
            raise GateError(where, "shares of 0 to 1", f"{found.lowest:.3g}", field="weights")
        if not found.error <= ROW_SUM_TOLERANCE[self.weights.dtype]:
            raise GateError(where, "rows that sum to 1", f"a sum off by {found.error:.2g}", field="weights")

    def row(self, query: int) -> NDArray[Any]:
        """(heads, keys), the weights of original query `query`; raises KeyError if that row was not kept."""
        if self.queries is None:
            return self.weights[:, query]
        if query not in self.queries:
            raise KeyError(f"map {self.name!r}: query {query} was not captured; captured: {self.queries[:12]}")
        return self.weights[:, self.queries.index(query)]

    def to_json(self) -> dict[str, Any]:
        """Everything but the arrays, as plain values."""
        return {
            "name": self.name,
            "layer": int(self.layer),
            "kind": self.kind,
            "query": self.query.to_json(),
            "key": self.key.to_json(),
            "residual": None if self.residual is None else float(self.residual),
            "heads": None if self.heads is None else [int(n) for n in self.heads],
            "queries": None if self.queries is None else [int(n) for n in self.queries],
            "gradient": self.gradient is not None,
        }

    @classmethod
    def from_fields(cls, fields: "MapFields", weights: NDArray[Any], gradient: NDArray[Any] | None) -> "AttentionMap":
        """The map that a manifest describes, with its arrays."""
        return cls(
            weights,
            fields.name,
            fields.layer,
            fields.kind,
            Axis.from_fields(fields.query),
            Axis.from_fields(fields.key),
            fields.residual,
            fields.heads,
            fields.queries,
            gradient,
        )


def blocks(rows: NDArray[Any], size: int = 1 << 18) -> Iterator[NDArray[Any]]:
    """(n, columns) parts of (rows, columns), of about `size` numbers."""
    step = max(1, size // max(1, rows.shape[1]))
    return (rows[first : first + step] for first in range(0, len(rows), step))


@dataclass(frozen=True)
class _Rows:
    """What rows of weights are like.

    Attributes:
        lowest: the smallest weight.
        error: the largest distance of a sum from 1; rows that are wholly undefined do not count.
        undefined, gaps: whether there is NaN, and whether in a row that also has defined weights.
    """

    lowest: float
    error: float
    undefined: bool = False
    gaps: bool = False

    @classmethod
    def of(cls, rows: NDArray[Any]) -> "_Rows":
        """Of (rows, columns), which are gone through in a few passes with copies."""
        single = half_to_single(rows) if rows.dtype == np.float16 else rows
        # A product with ones is one pass of BLAS; NaN (off-window keys) takes the careful way.
        sums = single @ np.ones(single.shape[-1], np.float32)
        if np.isfinite(sums).all():
            return cls(float(single.min()), float(np.abs(sums - 1).max()))
        there = ~np.isnan(single)
        some, all_of = there.any(axis=-1), there.all(axis=-1)
        sums = np.where(some, np.nansum(single, axis=-1, dtype=np.float32), 1)
        lowest = float(single.min(where=there, initial=1))
        return cls(lowest, float(np.abs(sums - 1).max()), not all_of.all(), bool((some & ~all_of).any()))

    @classmethod
    def together(cls, parts: Sequence["_Rows"]) -> "_Rows":
        """Of the rows of several parts."""
        return cls(
            min(one.lowest for one in parts),
            max(one.error for one in parts),
            any(one.undefined for one in parts),
            any(one.gaps for one in parts),
        )


def check_numbers(array: NDArray[Any], where: str, field: str, low: float = -np.inf, high: float = np.inf) -> None:
    """Refuse, with a `GateError`, numbers that are undefined, infinite or out of bounds; without a copy of the array."""
    if array.dtype.kind != "f":
        raise GateError(where, "floating-point numbers", f"{array.dtype}", field=field)
    for block in blocks(array.reshape(1, -1) if array.ndim < 2 else array.reshape(-1, array.shape[-1])):
        if block.size and not (np.isfinite(block).all() and block.min() >= low and block.max() <= high):
            bounds = "" if (low, high) == (-np.inf, np.inf) else f" of {low:g} to {high:g}"
            raise GateError(where, f"finite numbers{bounds}", f"up to {np.abs(block).max():g}", field=field)


def _is_whole(number: Any) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool) and bool(number >= 0)


def _is_distance(number: Any) -> bool:
    return number is None or (not isinstance(number, bool) and bool(np.isfinite(number)) and number >= 0)


def _are_numbers(given: Any, end: int) -> bool:
    """Whether they are None, or different whole numbers below `end`."""
    return given is None or (all(_is_whole(n) and bool(n < end) for n in given) and len({*given}) == len(given))


def half_to_single(array: NDArray[np.float16]) -> NDArray[np.float32]:
    """`array` in float32, by looking up each of the 65536 half-precision numbers: twice as fast as numpy's own cast.

    >>> half_to_single(np.array([0.5, np.inf], np.float16))
    array([0.5, inf], dtype=float32)
    """
    return _all_halves().take(np.ascontiguousarray(array).view(np.uint16), mode="clip")


@cache
def _all_halves() -> NDArray[np.float32]:
    return np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
