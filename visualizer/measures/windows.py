"""Window attention in numbers: what a query may read, how spread out and how far it reads, what merges with what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.entropy import entropy
from vit_attention.gate import GateError
from vit_attention.records.windows import ALLOWED, FORBIDDEN, PADDING, Partition

Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a rectangle, in cells."""


def forbidden_share(kinds: ArrayLike) -> float:
    """Share of a window's cells that the shift mask forbids to a query; padded places are no cells.

    Args:
        kinds: (window, window) codes: `ALLOWED`, `FORBIDDEN` or `PADDING`.

    Returns:
        0 to less than 1: a query may always read itself.

    >>> forbidden_share([[0, 1], [0, 2]])
    0.3333333333333333
    """
    codes = _codes(kinds)
    return float((codes == FORBIDDEN).sum() / (codes != PADDING).sum())


def window_entropy(tile: ArrayLike, kinds: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Entropy of one query's attention over the cells it may read, per head, and the most it could be, both in bits.

    Attention to padding is left out and the rest divided by its sum.

    Args:
        tile: (heads, window, window) weights of the query.
        kinds: (window, window) codes.

    Returns:
        (heads,) from 0 to the bound, NaN where padding took everything; and log2 of the number of cells allowed.

    >>> window_entropy([[[0.5, 0.0], [0.5, 0.0]]], [[0, 1], [0, 1]])
    (array([1.]), 1.0)
    """
    weights, allowed = np.asarray(tile), _codes(kinds) == ALLOWED
    if weights.ndim != 3 or weights.shape[1:] != allowed.shape:
        raise GateError("tile", f"(heads, {allowed.shape[0]}, {allowed.shape[1]})", f"{weights.shape}")
    row = undefined.at_least_single(weights[:, allowed])
    bits = np.where(row.sum(axis=-1) > 0, entropy(row), np.nan)
    return bits, float(np.log2(allowed.sum()))


def window_distance(row: ArrayLike, query: int, cell: Sequence[float]) -> NDArray[np.float64]:
    """Mean distance, in pixels of the model's input, from a query to what it reads, one number per head.

    Between centres of cells on the page, as for whole-picture attention (Dosovitskiy et al. 2021, arXiv:2010.11929,
    figure 7). Attention to padding has no place and is left out.

    Args:
        row: (heads, rows, columns) stitched weights, NaN off-window.
        query: number of the cell that reads, in reading order.
        cell: (height, width) of a cell in pixels.

    Returns:
        (heads,), at most the window's diagonal unless the window is rolled round the page; NaN where nothing is read.

    >>> window_distance([[[0.5, 0.5, np.nan]]], 0, (4, 2))
    array([1.])
    """
    weights = undefined.at_least_single(undefined.shaped(row, "row", "(heads, rows, columns)"))
    rows, columns = weights.shape[1:]
    down, right = _row_column(query, (rows, columns))
    far = np.hypot((np.arange(rows)[:, None] - down) * cell[0], (np.arange(columns) - right) * cell[1])
    known = np.nan_to_num(weights, nan=0.0)
    return undefined.ratio((known * far).sum(axis=(1, 2)), known.sum(axis=(1, 2)))


def borders(cells: int, window: int, shift: int) -> NDArray[np.intp]:
    """Where windows begin along one side of the grid, ends of the grid included, in cells.

    >>> borders(10, 4, 0).tolist(), borders(10, 4, 2).tolist()
    ([0, 4, 8, 10], [0, 2, 6, 10])
    """
    return np.unique(np.concatenate([[0, cells], np.arange(shift, cells, window)]))


def window_boxes(grid: tuple[int, int], window: int, shift: int, query: int) -> list[Box]:
    """The rectangles that make up the window of a query, in cells; the one that holds the query comes first.

    A shifted window at the edge is rolled round the page and lies in up to four places.

    >>> window_boxes((8, 8), 4, 2, 0)
    [(0, 0, 2, 2), (6, 0, 8, 2), (0, 6, 2, 8), (6, 6, 8, 8)]
    """
    part = Partition(grid, (window, window), (shift, shift))
    cells = part.order([part.locate(query)[0]])
    return defined_boxes(np.isin(np.arange(grid[0] * grid[1]), cells).reshape(grid), query)


def runs(numbers: ArrayLike, gap: int = 1) -> list[tuple[int, int]]:
    """Rising whole numbers as (first, one past the last) of every run that no step of more than `gap` breaks.

    >>> runs([0, 1, 6, 7, 8])
    [(0, 2), (6, 9)]
    """
    rising = np.asarray(numbers, dtype=np.intp)
    parts = np.split(rising, np.flatnonzero(np.diff(rising) > gap) + 1) if rising.size else []
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def defined_boxes(known: NDArray[np.bool_], query: int | None = None) -> list[Box]:
    """The rectangles of the True cells of a (rows, columns) grid; the one with the query first, then those beside it."""
    down, across = runs(np.flatnonzero(known.any(axis=1))), runs(np.flatnonzero(known.any(axis=0)))
    boxes = [(left, top, right, bottom) for top, bottom in down for left, right in across]
    if query is not None:
        row, column = _row_column(query, known.shape)
        boxes.sort(key=lambda box: (not box[1] <= row < box[3], not box[0] <= column < box[2]))
    return boxes


@dataclass(frozen=True)
class Merge:
    """Four cells of a stage and the one cell of the next stage that they become.

    Attributes:
        sources: (row, column) of the four cells, in the order in which their numbers are joined.
        padding: which of them lie off an odd grid and are zeros.
        target: (row, column) of the cell of the next stage.
        grid: (rows, columns) of the next stage.
    """

    sources: tuple[tuple[int, int], ...]
    padding: tuple[bool, ...]
    target: tuple[int, int]
    grid: tuple[int, int]


def merge(cell: int, grid: tuple[int, int]) -> Merge:
    """What cell number `cell` merges with: patch merging of Liu et al. 2021 (arXiv:2103.14030), section 3.1.

    Upper left, lower left, upper right, lower right: the four are joined into one list, normed, and a linear map
    halves its length.

    >>> merge(5, (4, 4)).sources, merge(5, (4, 4)).target
    (((0, 0), (1, 0), (0, 1), (1, 1)), (0, 0))
    """
    row, column = (at // 2 for at in _row_column(cell, grid))
    four = tuple((2 * row + down, 2 * column + right) for right in (0, 1) for down in (0, 1))
    off = tuple(r >= grid[0] or c >= grid[1] for r, c in four)
    return Merge(four, off, (row, column), (-(-grid[0] // 2), -(-grid[1] // 2)))


def _row_column(cell: int, grid: Sequence[int]) -> tuple[int, int]:
    if not 0 <= cell < grid[0] * grid[1]:
        raise GateError("cell", f"0 to {grid[0] * grid[1] - 1}", f"{cell}")
    return divmod(int(cell), int(grid[1]))


def _codes(kinds: ArrayLike) -> NDArray[np.int_]:
    codes = np.asarray(kinds)
    if codes.ndim != 2 or not np.isin(codes, (ALLOWED, FORBIDDEN, PADDING)).all() or not (codes == ALLOWED).any():
        raise GateError("kinds", "(window, window) codes 0, 1 or 2 with at least one 0", f"shape {codes.shape}")
    return codes
