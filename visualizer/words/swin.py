"""The Swin figures in plain words, for people who do not see them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from visualizer.measures.windows import merge, window_boxes
from visualizer.style.theme import FIRST, short
from visualizer.words.maps import describe
from visualizer.words.plain import offset, plural
from vit_attention.records.windows import Stage


def describe_windows(grid: tuple[int, int], window: int, shift: int = 0, query: int | None = None) -> str:
    """The windows of a block, and which cells share the window of a query.

    >>> describe_windows((8, 8), 4, 0, 9)
    '8 x 8 cells in 4 windows of 4 x 4 cells, not shifted. The cell in row 2, column 2 shares its window with rows 1 to 4, \
columns 1 to 4.'
    """
    count = -(-grid[0] // window) * -(-grid[1] // window)
    how = f"shifted by {shift} cells down and right" if shift else "not shifted"
    said = f"{grid[0]} x {grid[1]} cells in {count} windows of {window} x {window} cells, {how}."
    if query is None:
        return said
    row, column = divmod(query, grid[1])
    parts = [
        f"rows {t + FIRST} to {b}, columns {a + FIRST} to {c}"
        for a, t, c, b in window_boxes(grid, window, shift, query)
    ]
    return f"{said} The cell in row {row + FIRST}, column {column + FIRST} shares its window with {'; '.join(parts)}."


def describe_window_map(
    values: ArrayLike,
    query: int,
    forbidden: ArrayLike | None = None,
    outside: float = 0.0,
    name: str = "Window attention",
) -> str:
    """One stitched row in sentences: its strongest cells, what the mask forbids, and what fell on padding.

    Args:
        values: (rows, columns) stitched weights of one head, NaN off-window.
        query: number of the cell that reads.
        forbidden: (rows, columns) bool.
        outside: share of the attention that fell on padding.
        name: what the map is called.

    >>> describe_window_map([[0.75, 0.25, np.nan]], 0, name="Head 1")
    'Head 1 of the cell in row 1, column 1: strongest are row 1, column 1 (left) with 0.75 (share of attention) and row 1, \
column 2 (centre) with 0.25; together they hold 100 % of the sum. Entropy 0.811 of at most 1 bits. 1 of 3 cells lie \
outside its window and are not defined, which is not a weight of 0.'
    """
    grid = np.asarray(values, dtype=np.float64)
    barred = np.zeros(grid.shape, bool) if forbidden is None else np.asarray(forbidden, bool)
    row, column = divmod(query, grid.shape[1])
    count = int(np.isfinite(grid).sum())
    said = describe(
        np.where(barred, np.nan, grid),
        name=f"{name} of the cell in row {row + FIRST}, column {column + FIRST}",
        count_undefined=False,
    )
    if barred.any():
        said += f" {int(barred.sum())} of the window's {count} cells are forbidden by the shift mask."
    if outside > 5e-4:
        said += f" {100 * outside:.1f} % fell on padding beyond the page."
    off = grid.size - count
    more = f" {off} of {grid.size} cells lie outside its window and are not defined, which is not a weight of 0."
    return said + more * (off > 0)


def describe_bias(bias: ArrayLike, name: str = "Relative position bias", extremes: int = 2) -> str:
    """A relative position bias in sentences: where keys gain and lose most.

    >>> describe_bias([[0.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, -2.0, 0.0]], extremes=1)
    'Relative position bias, added to the score in natural-log units: most for keys at the query (+1); least for keys 1 row \
down (−2).'
    """
    grid = np.asarray(bias, dtype=np.float64)
    down, right = (side // 2 for side in grid.shape)
    order = np.argsort(-grid, axis=None, kind="stable").tolist()

    def say(at: int) -> str:
        row, column = divmod(at, grid.shape[1])
        value = f"{grid[row, column]:+.3g}".replace("-", "−")
        return f"{offset(row - down, column - right)} ({value})"

    if np.ptp(grid) < 1e-12:
        return f"{name}: {short(grid.flat[0])} everywhere, so place alone changes nothing."
    most, least = (", ".join(say(at) for at in ends) for ends in (order[:extremes], order[::-1][:extremes]))
    return f"{name}, added to the score in natural-log units: most for keys {most}; least for keys {least}."


def describe_merge(chosen: int, grid: tuple[int, int], number: int = 0) -> str:
    """Patch merging round a chosen cell, in one sentence.

    >>> describe_merge(5, (4, 4))
    'Stage 1 cells (row, column) 1, 1; 2, 1; 1, 2; 2, 2 are joined in this order into the stage 2 cell 1, 1.'
    """
    step = merge(chosen, grid)
    names = [
        f"{row + FIRST}, {column + FIRST}" + " (padding, zeros)" * padding
        for (row, column), padding in zip(step.sources, step.padding, strict=True)
    ]
    to = f"{step.target[0] + FIRST}, {step.target[1] + FIRST}"
    here, there = number + FIRST, number + FIRST + 1
    return f"Stage {here} cells (row, column) {'; '.join(names)} are joined in this order into the stage {there} cell {to}."


def describe_stages(stages: Sequence[Stage], current: int) -> str:
    """The stage tracker in sentences, one per stage."""
    said = []
    for one in stages:
        size = f"{one.grid[0]} x {one.grid[1]} cells of {one.cell[0]} x {one.cell[1]} pixels (height x width)"
        each = f"{plural(one.blocks, 'block')} of {plural(one.heads, 'head')}"
        mark = " (current)" if one.number == current else ""
        said.append(f"Stage {one.number + FIRST}{mark}: {size}, {each}, windows of {one.window} x {one.window}.")
    return " ".join(said)
