"""The attention of one block: weights with axes, and what proves them. numpy only."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.records.axes import Axis

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
        query, key: what rows and columns stand for.
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
        where = f"map {self.name!r}"
        if self.kind not in MAP_KINDS:
            raise ValueError(f"{where}: want kind in {MAP_KINDS}, got {self.kind!r}")
        if self.weights.dtype not in ROW_SUM_TOLERANCE:
            raise ValueError(f"{where}: want float32 or float16 weights, got {self.weights.dtype}")
        rows = len(self.query) if self.queries is None else len(self.queries)
        if self.weights.ndim != 3 or self.weights.shape[1:] != (rows, len(self.key)):
            raise ValueError(f"{where}: want (heads, {rows}, {len(self.key)}) weights, got {self.weights.shape}")
        if self.heads is not None and len(self.heads) != len(self.weights):
            raise ValueError(f"{where}: want {len(self.heads)} heads, got {len(self.weights)}")
        if self.gradient is not None and self.gradient.shape != self.weights.shape:
            raise ValueError(f"{where}: want a gradient of shape {self.weights.shape}, got {self.gradient.shape}")

    @property
    def single(self) -> NDArray[np.float32]:
        """The weights in float32, whatever they are kept in."""
        return half_to_single(self.weights) if self.weights.dtype == np.float16 else self.weights

    @cached_property
    def row_error(self) -> float:
        """Largest distance of a row sum from 1; rows that are wholly undefined do not count."""
        # A product with ones is one pass of BLAS without a temporary; NaN (off-window keys) takes the careful way.
        sums = self.single @ np.ones(self.weights.shape[-1], np.float32)
        if not np.isfinite(sums).all():
            sums = np.nansum(self.weights, axis=-1, dtype=np.float32)
            sums = np.where(np.isnan(self.weights).all(axis=-1), 1, sums)
        return float(np.abs(sums - 1).max()) if sums.size else 0.0

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
            "layer": self.layer,
            "kind": self.kind,
            "query": self.query.to_json(),
            "key": self.key.to_json(),
            "residual": self.residual,
            "heads": self.heads,
            "queries": self.queries,
            "gradient": self.gradient is not None,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], index: int, array: Callable[[str], NDArray[Any]]) -> "AttentionMap":
        """Map number `index` of a bundle, whose arrays come by name."""
        heads, queries = (
            None if data[name] is None else tuple(int(v) for v in data[name]) for name in ("heads", "queries")
        )
        return cls(
            weights=array(f"weights_{index}"),
            name=str(data["name"]),
            layer=int(data["layer"]),
            kind=str(data["kind"]),
            query=Axis.from_json(data["query"]),
            key=Axis.from_json(data["key"]),
            residual=None if data["residual"] is None else float(data["residual"]),
            heads=heads,
            queries=queries,
            gradient=array(f"gradient_{index}") if data["gradient"] else None,
        )


def half_to_single(array: NDArray[np.float16]) -> NDArray[np.float32]:
    """`array` in float32, by looking up each of the 65536 half-precision numbers: twice as fast as numpy's own cast.

    >>> half_to_single(np.array([0.5, np.inf], np.float16))
    array([0.5, inf], dtype=float32)
    """
    return _all_halves().take(np.ascontiguousarray(array).view(np.uint16), mode="clip")


@cache
def _all_halves() -> NDArray[np.float32]:
    return np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
