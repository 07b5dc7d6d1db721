"""Attention inside the windows of one Swin block, stitched back onto the grid of cells. numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError
from vit_attention.records.axes import Axis
from vit_attention.records.maps import AttentionMap, half_to_single
from vit_attention.records.partition import Partition, Stage

__all__ = ["ALLOWED", "FORBIDDEN", "LARGEST_MAP", "PADDING", "Partition", "Stage", "Windows"]

ALLOWED, FORBIDDEN, PADDING = 0, 1, 2
"""What a place of a window is to a query: a cell it may read, one that the mask forbids, or no cell of the page."""
LARGEST_MAP = 1 << 28
"""Most bytes of the map that `Windows.to_map` makes."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The window attention of one block on one page.

    Cells are numbered in reading order of the grid before padding, so query ``row * columns + column`` is a cell of the
    page whatever the block's shift. Keys outside the query's window are not defined: NaN, never zero.

    Attributes:
        weights: (kept windows, heads, places, places), float16 or float32; rows sum to 1, padding included.
        kept: numbers of the windows kept, rising.
        grid: (rows, columns) of cells before padding.
        window: cells along a side of a window.
        shift: cells by which the block rolls the grid.
        stage, block: numbers, 0 first; block counts inside its stage.
        name: module path.
        cell: (height, width) of a cell in pixels of the model's input.
        bias: (heads, 2 window - 1, 2 window - 1) added to the scores; entry [window - 1 + down, window - 1 + right] is
            for a key that lies so many rows below and columns right of its query.
        residual: largest absolute difference between weights x values and what PyTorch's own attention gives.
    """

    weights: NDArray[Any]
    kept: tuple[int, ...]
    grid: tuple[int, int]
    window: int
    shift: int
    stage: int
    block: int
    name: str
    cell: tuple[int, int]
    bias: NDArray[np.float32]
    residual: float | None = None

    def __post_init__(self) -> None:
        places, side = self.window**2, 2 * self.window - 1
        if self.weights.dtype not in (np.float16, np.float32):
            raise GateError("weights", "float16 or float32", f"{self.weights.dtype}")
        if (
            self.weights.ndim != 4
            or self.weights.shape[::2] != (len(self.kept), places)
            or places != self.weights.shape[3]
        ):
            raise GateError("weights", f"({len(self.kept)}, heads, {places}, {places})", f"{self.weights.shape}")
        if self.bias.shape != (self.heads, side, side):
            raise GateError("bias", f"{(self.heads, side, side)}", f"{self.bias.shape}")
        if list(self.kept) != sorted(set(self.kept)):
            raise GateError("kept", "rising numbers of windows", f"{self.kept[:12]}")
        self.partition.order(self.kept)

    @property
    def heads(self) -> int:
        """How many heads the block has."""
        return int(self.weights.shape[1])

    @property
    def partition(self) -> Partition:
        """How the block cuts the grid."""
        return Partition(self.grid, (self.window, self.window), (self.shift, self.shift))

    @property
    def padded(self) -> tuple[int, int]:
        """(rows, columns) of cells after padding to whole windows."""
        return self.partition.padded

    @property
    def queries(self) -> tuple[int, ...]:
        """Every cell whose window was kept, rising."""
        order = self.partition.order(self.kept)
        return tuple(np.sort(order[order >= 0]).tolist())

    def window_of(self, query: int) -> int:
        """The number of the window that cell `query` lies in."""
        return self.partition.locate(query)[0]

    def _order(self, query: int) -> NDArray[np.int64]:
        """The cell numbers of the places in a query's window, -1 where the grid was padded."""
        return np.asarray(self.partition.order([self.window_of(query)])[0])

    def _hidden(self, query: int) -> NDArray[np.bool_]:
        """Which places of its window are forbidden to a query."""
        window, place = self.partition.locate(query)
        return np.asarray(self.partition.forbids([window])[0, place])

    def _weights(self, query: int) -> NDArray[np.float32]:
        """(heads, places) weights of one query."""
        window, place = self.partition.locate(query)
        if window not in self.kept:
            raise KeyError(
                f"{self.name}: window {window} of query {query} was not captured; captured: {self.kept[:12]}"
            )
        found = self.weights[self.kept.index(window), :, place]
        return half_to_single(found) if found.dtype == np.float16 else found

    def row(self, query: int) -> NDArray[np.float32]:
        """(heads, rows, columns) weights of one query, un-windowed and un-shifted; NaN off its window.

        What fell on padding is not in it (see `outside`), so a row sums to 1 less that.

        Raises:
            KeyError: the query's window was not captured.
            ValueError: no such cell.
        """
        return self._spread(query, self._weights(query))

    def _spread(self, query: int, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        order = self._order(query)
        out = np.full((self.heads, self.grid[0] * self.grid[1]), np.nan, np.float32)
        out[:, order[order >= 0]] = weights[:, order >= 0]
        return out.reshape(self.heads, *self.grid)

    def forbidden(self, query: int) -> NDArray[np.bool_]:
        """(rows, columns), True for the cells of the query's window that the shift mask forbids it.

        The mask subtracts 100 from their scores, so their weights are below e^-40 or so, not learned zeros.
        """
        order, hidden = self._order(query), self._hidden(query)
        out = np.zeros(self.grid[0] * self.grid[1], dtype=bool)
        out[order[hidden & (order >= 0)]] = True
        return out.reshape(self.grid)

    def tile(self, query: int) -> NDArray[np.float32]:
        """(heads, window, window) weights of one query as its block sees the window: rolled, padding included."""
        return self._weights(query).reshape(self.heads, self.window, self.window)

    def kinds(self, query: int) -> NDArray[np.int8]:
        """(window, window): `ALLOWED`, `FORBIDDEN` or `PADDING` for every place of `tile`; forbidden padding counts as padding."""
        order, hidden = self._order(query), self._hidden(query)
        kinds = np.where(order < 0, PADDING, np.where(hidden, FORBIDDEN, ALLOWED))
        return kinds.astype(np.int8).reshape(self.window, self.window)

    def outside(self, query: int) -> NDArray[np.float32]:
        """(heads,) share of the query's attention that fell on padded cells; 0 where nothing was padded.

        Padding follows the layer norm, so a padded key is not nothing: it is the key projection's bias.
        """
        return np.asarray(self._weights(query)[:, self._order(query) < 0].sum(axis=1))

    def to_map(self, queries: Sequence[int] | None = None) -> AttentionMap:
        """The stitched rows as an `AttentionMap` of kind "window", NaN off-window.

        Rows of a map sum to 1. Where padding took a share of a row, the rest is divided by what is left; `settings` says
        so and how large that share was. A row that read nothing but padding is NaN throughout.

        Args:
            queries: cells to keep; None keeps every cell whose window was captured.

        Raises:
            KeyError: a query's window was not captured.
            ValueError: the map would take more than 256 MiB.
        """
        chosen = self.queries if queries is None else tuple(int(q) for q in queries)
        cells = self.grid[0] * self.grid[1]
        size = self.heads * len(chosen) * cells * 4
        if size > LARGEST_MAP:
            raise GateError(
                "queries", f"a map of at most {LARGEST_MAP >> 20} MiB", f"{size >> 20} MiB for {len(chosen)} queries"
            )
        weights = np.empty((self.heads, len(chosen), cells), np.float32)
        for at, query in enumerate(chosen):
            weights[:, at] = self._whole_row(query)
        axis = Axis.patches(*self.grid)
        return AttentionMap(
            weights.astype(self.weights.dtype), self.name, self.block, "window", axis, axis, self.residual, None, chosen
        )

    def _whole_row(self, query: int) -> NDArray[np.float32]:
        weights, real = self._weights(query), self._order(query) >= 0
        if not real.all():
            left = weights[:, real].sum(axis=1, keepdims=True)
            weights = np.divide(weights, left, out=np.full_like(weights, np.nan), where=left > 0)
        return self._spread(query, weights).reshape(self.heads, -1)

    def settings(self, queries: Sequence[int] | None = None) -> dict[str, Any]:
        """Plain values that go with `to_map` into a record: where the map is from, and what was renormalised away.

        ``padding_share`` is the largest share of a row that fell on padded cells and was divided out by `to_map`.
        """
        chosen = self.queries if queries is None else queries
        share = max((float(self.outside(q).max()) for q in chosen), default=0.0) if self.padded != self.grid else 0.0
        return {
            "stage": self.stage,
            "block": self.block,
            "grid": list(self.grid),
            "window": self.window,
            "shift": self.shift,
            "cell": list(self.cell),
            "padding_share": share,
        }
