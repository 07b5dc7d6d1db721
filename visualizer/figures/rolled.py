"""The page as a shifted block sees it: padded, rolled up and left, so that every window is in one piece."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.records.windows import FORBIDDEN, Windows

PAPER = (128, 128, 128)
"""Grey of padding, which is no page."""
LARGEST = 640
"""Longest side of the sheet in pixels."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A rolled page.

    Attributes:
        image: of the padded grid, rolled.
        block: whose windows it shows.
    """

    image: Image.Image
    block: Windows

    def _corner(self, query: int) -> tuple[int, int]:
        tile, across = divmod(self.block.window_of(query), self.block.partition.tiles[1])
        return tile * self.block.window, across * self.block.window

    def query(self, query: int) -> int:
        """Number of the query's cell on the rolled, padded grid."""
        (top, left), place = self._corner(query), self.block.partition.locate(query)[1]
        down, right = divmod(place, self.block.window)
        return (top + down) * self.block.padded[1] + left + right

    def _put(self, tile: NDArray[np.generic], query: int, rest: float) -> NDArray[np.float32]:
        out = np.full(self.block.padded, rest, np.float32)
        top, left = self._corner(query)
        out[top : top + self.block.window, left : left + self.block.window] = tile
        return out

    def values(self, tile: NDArray[np.float32], query: int) -> NDArray[np.float32]:
        """(rows, columns) of the rolled, padded grid with the query's (window, window) weights; NaN elsewhere."""
        return self._put(tile, query, np.nan)

    def forbidden(self, query: int) -> NDArray[np.bool_]:
        """(rows, columns), True where the mask forbids the query a cell of the page."""
        return self._put(self.block.kinds(query) == FORBIDDEN, query, 0) > 0


def rolled_sheet(seen: Image.Image, block: Windows) -> Sheet:
    """The model's input `seen`, of any size, cut into cells as the block's grid, padded in grey, and rolled."""
    (rows, columns), (high, wide) = block.grid, block.cell
    step = max(rows * high, columns * wide) / LARGEST
    down, right = max(1, round(high / step)), max(1, round(wide / step))
    page = np.asarray(seen.convert("RGB").resize((columns * right, rows * down), Image.Resampling.BICUBIC))
    sheet = np.full((block.padded[0] * down, block.padded[1] * right, 3), PAPER, np.uint8)
    sheet[: page.shape[0], : page.shape[1]] = page
    return Sheet(Image.fromarray(np.roll(sheet, (-block.shift * down, -block.shift * right), axis=(0, 1))), block)
