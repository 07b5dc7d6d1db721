"""How Swin cuts a page into cells and cells into windows, as plain numbers. numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError


@dataclass(frozen=True)
class Partition:
    """How a Swin block cuts a grid of cells into windows: pad right and below, roll up and left, cut.

    After Liu et al. 2021 (arXiv:2103.14030), section 3.2, in the order of the transformers library and torchvision.
    Windows are numbered in reading order of the rolled grid; the places inside one in reading order too.

    Attributes:
        grid: (rows, columns) of cells before padding.
        window: (rows, columns) of cells in a window.
        shift: (rows, columns) by which the grid is rolled; (0, 0) for a block of plain windows.

    >>> Partition((4, 4), (2, 2), (1, 1)).order([0]).tolist()
    [[5, 6, 9, 10]]
    """

    grid: tuple[int, int]
    window: tuple[int, int]
    shift: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if min(self.grid) < 1 or min(self.window) < 1:
            raise GateError("partition", "at least 1 x 1 cells", f"grid {self.grid} and window {self.window}")
        if any(not 0 <= s < w for s, w in zip(self.shift, self.window, strict=True)):
            raise GateError("shift", f"0 to less than the window {self.window}", f"{self.shift}")

    @property
    def tiles(self) -> tuple[int, int]:
        """(rows, columns) of windows."""
        rows, columns = (-(-side // window) for side, window in zip(self.grid, self.window, strict=True))
        return rows, columns

    @property
    def padded(self) -> tuple[int, int]:
        """(rows, columns) of cells after padding."""
        return self.tiles[0] * self.window[0], self.tiles[1] * self.window[1]

    @property
    def count(self) -> int:
        """How many windows there are."""
        return self.tiles[0] * self.tiles[1]

    @property
    def places(self) -> int:
        """How many places a window has."""
        return self.window[0] * self.window[1]

    def locate(self, query: int) -> tuple[int, int]:
        """(window, place in it) of cell number `query`; raises ValueError for a cell that is not on the grid."""
        if not 0 <= query < self.grid[0] * self.grid[1]:
            raise GateError("query", f"a cell from 0 to {self.grid[0] * self.grid[1] - 1}", f"{query}")
        rolled = [
            (at - s) % side
            for at, s, side in zip(divmod(int(query), self.grid[1]), self.shift, self.padded, strict=True)
        ]
        (tile, row), (across, column) = (divmod(at, side) for at, side in zip(rolled, self.window, strict=True))
        return tile * self.tiles[1] + across, row * self.window[1] + column

    def order(self, windows: Sequence[int] | None = None) -> NDArray[np.int64]:
        """(windows, places) cell numbers in the order a block sees them, -1 where the grid was padded."""
        row, column = self._rolled(windows)
        down, right = (row + self.shift[0]) % self.padded[0], (column + self.shift[1]) % self.padded[1]
        outside = (down >= self.grid[0]) | (right >= self.grid[1])
        return np.where(outside, -1, down * self.grid[1] + right)

    def _rolled(self, windows: Sequence[int] | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of every place on the rolled grid, two arrays of (windows, places)."""
        numbers = np.arange(self.count) if windows is None else np.asarray(windows, np.int64).reshape(-1)
        if numbers.size and (numbers.min() < 0 or numbers.max() >= self.count):
            raise GateError("windows", f"numbers from 0 to {self.count - 1}", f"{numbers.tolist()[:12]}")
        tile, across = np.divmod(numbers, self.tiles[1])
        row, column = np.divmod(np.arange(self.places), self.window[1])
        return tile[:, None] * self.window[0] + row, across[:, None] * self.window[1] + column

    def forbids(self, windows: Sequence[int] | None = None) -> NDArray[np.bool_]:
        """(windows, places, places), True where the mask keeps a query (row) from a key (column) of its window.

        Rolling brings the far edges of the grid together in one window; cells of different edges must not meet.
        Padding is no edge: the mask lets every query of its region read it.
        """
        row, column = self._rolled(windows)
        if not any(self.shift):
            return np.zeros((*row.shape, self.places), dtype=bool)
        bands = [
            (at >= side - window).astype(int) + (at >= side - shift)
            for at, side, window, shift in zip((row, column), self.padded, self.window, self.shift, strict=True)
        ]
        region = bands[0] * 3 + bands[1]
        return np.asarray(region[:, :, None] != region[:, None, :])


@dataclass(frozen=True)
class Stage:
    """One stage of a Swin encoder on a page of a given size, as read from the model without running it.

    Attributes:
        number: 0 for the stage nearest the page.
        grid: (rows, columns) of cells.
        cell: (height, width) of a cell in pixels of the model's input.
        heads: attention heads of every block.
        width: numbers per cell.
        window: cells along a side of a window.
        shifts: cells by which each block rolls the grid; 0 for plain windows.
        names: module path of each block's attention.
    """

    number: int
    grid: tuple[int, int]
    cell: tuple[int, int]
    heads: int
    width: int
    window: int
    shifts: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def blocks(self) -> int:
        """How many blocks the stage has."""
        return len(self.shifts)

    @property
    def padded(self) -> tuple[int, int]:
        """(rows, columns) of cells after padding to whole windows."""
        return self.partition(0).padded

    def partition(self, block: int) -> Partition:
        """How block number `block` cuts the grid."""
        shift = self.shifts[block]
        return Partition(self.grid, (self.window, self.window), (shift, shift))
