"""A picture of 4 x 4 patches whose attention can be worked out on paper: every token, query and key is two integers."""

from __future__ import annotations

import numpy as np

from visualizer.measures.arithmetic import RowSteps, row_steps

GRID = (4, 4)
"""(rows, columns) of the toy."""

OBJECT = np.array(
    [
        [0, 0, 1, 0],
        [0, 2, 2, 1],
        [0, 2, 2, 0],
        [1, 0, 0, 0],
    ]
)
"""First number of every token: how much of an object the patch shows; 0 is ground."""

SIDE = np.tile([-1, 0, 1, 2], (4, 1))
"""Second number of every token: how far right the patch lies, its column counted from -1."""

TO_QUERY = np.array([[1, 0], [0, 1]])
"""q = TO_QUERY x: here the query is the token itself."""
TO_KEY = np.array([[1, 0], [1, 1]])
"""k = TO_KEY x: the key's second number is the sum of both of the token's, so A reading B is not B reading A."""


TOKENS = np.stack([OBJECT.ravel(), SIDE.ravel()], axis=1)
"""(16, 2) the tokens in reading order: object, side."""
QUERIES, KEYS = TOKENS @ TO_QUERY.T, TOKENS @ TO_KEY.T
"""(16, 2) q and k of every patch."""


def clamp(row: int, column: int) -> tuple[int, int]:
    """The toy patch for a (row, column), 0 first, of a larger grid: the nearest one that exists.

    >>> clamp(9, 1)
    (3, 1)
    """
    return min(max(row, 0), GRID[0] - 1), min(max(column, 0), GRID[1] - 1)


def steps(row: int, column: int, stretch: float = 1.0) -> RowSteps:
    """Every step of the attention of one patch (0 first) to all 16, by the arithmetic that serves real models.

    >>> steps(1, 2).products.reshape(4, 4)[1]
    array([-1.,  6.,  7.,  5.])
    """
    rows, columns = GRID
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"toy: want a row and a column from 0 to 3, got {row} and {column}")
    return row_steps(QUERIES[row * columns + column], KEYS, stretch)
