"""A picture of 4 x 4 patches whose attention can be worked out on paper: every token, query and key is two integers."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from visualizer.figures import heatmap
from visualizer.measures.arithmetic import RowSteps, row_steps
from visualizer.style import theme

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


def steps(row: int, column: int, stretch: float = 1.0) -> RowSteps:
    """Every step of the attention of one patch (0 first) to all 16, by the arithmetic that serves real models.

    >>> steps(1, 2).products.reshape(4, 4)[1]
    array([-1.,  6.,  7.,  5.])
    """
    rows, columns = GRID
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"toy: want a row and a column from 0 to 3, got {row} and {column}")
    return row_steps(QUERIES[row * columns + column], KEYS, stretch)


def tokens_figure(query: int, title: str = "") -> go.Figure:
    """The picture: token x, query q and key k in every cell, the asking patch outlined; clickable."""
    pairs = zip(TOKENS.tolist(), QUERIES.tolist(), KEYS.tolist(), strict=True)
    lines = [f"x = {_pair(x)}<br>q = {_pair(q)}<br>k = {_pair(k)}" for x, q, k in pairs]
    return _printed(OBJECT.astype(np.float64), lines, query, "x₁, how much object", title)


def steps_figure(steps: RowSteps, query: int, title: str = "") -> go.Figure:
    """The row of one patch: q.k, scaled, power of e and weight in every cell, coloured by weight; clickable."""
    numbers = zip(steps.products, steps.scaled, steps.powers, steps.weights, strict=True)
    lines = [f"q·k = {p:.0f}<br>scaled {s:.2f}<br>power {e:.3f}<br>w = {w:.1%}" for p, s, e, w in numbers]
    return _printed(steps.weights.reshape(GRID), lines, query, "weight", title)


def _pair(numbers: Sequence[int]) -> str:
    return "(" + ", ".join(map(str, numbers)) + ")"


def _printed(values: NDArray[np.float64], lines: Sequence[str], query: int, unit: str, title: str) -> go.Figure:
    fig = heatmap.patch_map(values, query=(query,), clickable=True, unit=unit, title=title, height=400)
    said = [line.replace("-", "−") for line in lines]
    fig.data[0].update(text=np.reshape(said, GRID).tolist(), texttemplate="%{text}", textfont_size=theme.SMALL)
    return fig
