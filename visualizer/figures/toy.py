"""The toy drawn: a 4 x 4 grid with every number printed in its cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from visualizer.figures import heatmap
from visualizer.measures import toy
from visualizer.measures.arithmetic import RowSteps
from visualizer.style import theme


def tokens_figure(query: int, title: str = "") -> go.Figure:
    """The toy's picture: token x, query q and key k in every cell, the asking patch outlined; clickable."""
    pairs = zip(toy.tokens().tolist(), toy.queries().tolist(), toy.keys().tolist(), strict=True)
    lines = [f"x = {_pair(x)}<br>q = {_pair(q)}<br>k = {_pair(k)}" for x, q, k in pairs]
    values = toy.OBJECT.astype(np.float64)
    fig = heatmap.patch_map(values, query=(query,), clickable=True, unit="x₁, how much object", title=title, height=470)
    return _print(fig, lines)


def steps_figure(steps: RowSteps, query: int, title: str = "") -> go.Figure:
    """The row of one patch: q.k, scaled, power of e and weight in every cell, coloured by weight; clickable."""
    numbers = zip(steps.products, steps.scaled, steps.powers, steps.weights, strict=True)
    lines = [f"q·k = {p:.0f}<br>scaled {s:.2f}<br>power {e:.3f}<br>w = {w:.1%}" for p, s, e, w in numbers]
    values = steps.weights.reshape(toy.GRID)
    fig = heatmap.patch_map(values, query=(query,), clickable=True, unit="weight", title=title, height=470)
    return _print(fig, lines)


def _pair(numbers: Sequence[int]) -> str:
    return "(" + ", ".join(str(n).replace("-", "−") for n in numbers) + ")"


def _print(fig: go.Figure, lines: Sequence[str]) -> go.Figure:
    rows, columns = toy.GRID
    cells = [list(lines[r * columns : (r + 1) * columns]) for r in range(rows)]
    return fig.update_traces(
        text=cells, texttemplate="%{text}", textfont_size=theme.SMALL, selector={"type": "heatmap"}
    )
