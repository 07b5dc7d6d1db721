"""How a measure of every head is distributed over many pictures: one column a head, side by side."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures import canvas
from visualizer.style import theme
from visualizer.style.scale import linear
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

ROOM = 0.02
"""Free room over and under the columns, as a share of the axis."""


def head_ranges(
    ranges: ArrayLike,
    heads: Sequence[tuple[int, int]],
    unit: str,
    *,
    limits: tuple[float, float] | None = None,
    depth: int | None = None,
    chosen: tuple[int, int] | None = None,
    across: str = "heads",
    title: str = "",
    height: int = 400,
) -> go.Figure:
    """One column a head, from left to right: a line from the first to the last of five numbers, a bar from the second to the fourth, a dot on the third.

    Args:
        ranges: (heads, 5) numbers that do not fall, such as the 5, 25, 50, 75 and 95 % quantiles; a row of NaN leaves a gap.
        heads: layer and head of each, counted from 0, in the order of the columns; a click reports the nearest.
        unit: what the numbers are, for the upright axis.
        limits: ends of that axis; None takes those of the numbers. Figures that are compared need the same.
        depth: layers of the model, for the colours; None takes the deepest layer of `heads`.
        chosen: layer and head to mark.
        across: what the level axis says. Columns of one layer that stand together are named by it.
        title, height: plain text; pixels.

    Raises:
        GateError: no heads, another shape, or numbers that fall.
    """
    given = np.asarray(ranges, np.float64)
    if given.shape != (len(heads), 5) or not len(heads):
        raise GateError("ranges", f"({len(heads)}, 5), at least one head", f"shape {given.shape}")
    if (np.diff(given, axis=1) < 0).any():
        raise GateError("ranges", "numbers that do not fall from left to right", "others")
    layers = np.array([layer for layer, _ in heads]) + theme.FIRST
    scaled = linear(
        layers.astype(np.float64), theme.FIRST, max(theme.FIRST + 1, depth or int(layers.max())), "colour: layer"
    )
    said = [_said(one, head, unit) for one, head in zip(given, heads, strict=True)]
    fig = Sketch(_lines(given), _bars(given, layers, scaled), _dots(given))
    places = [n for n in range(len(heads)) for _ in range(5)]
    fig.data.append(canvas.markers(places, given.ravel(), [list(heads[n]) for n in places], [said[n] for n in places]))
    fig.layout |= {
        **canvas.CLICKS,
        "xaxis": _level(layers, across),
        "yaxis": _upright(given, unit, limits),
        "bargap": 0.15,
    }
    if chosen is not None and tuple(chosen) in [tuple(one) for one in heads]:
        fig.layout["shapes"] = [_mark([tuple(one) for one in heads].index(tuple(chosen)))]
    caption = "line: 5 % to 95 % of the pictures; bar: the middle half; dot: the median"
    return fig.figure(title=title, caption=caption, height=height, bottom=88, top=8)


def _said(row: NDArray[np.float64], head: tuple[int, int], unit: str) -> str:
    name = f"layer {head[0] + theme.FIRST}, head {head[1] + theme.FIRST}"
    if not np.isfinite(row).all():
        return f"{name}: not defined"
    first, second, middle, third, last = map(theme.short, row)
    said = f"{name}: median {middle} {theme.safe(unit)}<br>half of the pictures: {second} to {third}"
    return f"{said}<br>90 % of the pictures: {first} to {last}"


def _lines(given: NDArray[np.float64]) -> dict[str, Any]:
    at = np.repeat(np.arange(len(given), dtype=np.float32), 3)
    ends = np.column_stack([given[:, 0], given[:, 4], np.full(len(given), np.nan)]).ravel()
    look = {"mode": "lines", "line": {"color": theme.LINE, "width": 1.5}, "hoverinfo": "skip"}
    return {
        "type": "scatter",
        "x": at,
        "y": ends.astype(np.float32),
        "connectgaps": False,
        "name": "5 % to 95 %",
        **look,
    }


def _bars(given: NDArray[np.float64], layers: NDArray[Any], scaled: Any) -> dict[str, Any]:
    colour = {
        "color": layers.astype(np.float32),
        "cmin": scaled.low,
        "cmax": scaled.high,
        "colorscale": theme.colorscale("Viridis"),
        "colorbar": {
            **canvas.colour_bar(scaled),
            "tickvals": (steps := _steps(int(scaled.high))),
            "ticktext": [str(n) for n in steps],
            "title": {"text": "layer", "side": "bottom", "font": {"size": theme.SMALL}},
            "ypad": 34,  # under the numbers of the layers and the name of the axis
        },
    }
    return {
        "type": "bar",
        "x": np.arange(len(given), dtype=np.float32),
        "base": given[:, 1].astype(np.float32),
        "y": (given[:, 3] - given[:, 1]).astype(np.float32),
        "marker": colour,
        "hoverinfo": "skip",
        "name": "middle half",
    }


def _steps(last: int) -> list[int]:
    return sorted({theme.FIRST, *range(0, last + 1, max(1, -(-last // 8))), last} - {0})


def _dots(given: NDArray[np.float64]) -> dict[str, Any]:
    size = 6 if len(given) <= 60 else 4
    look = {"size": size, "color": theme.QUERY[1], "line": {"width": 0.5, "color": theme.QUERY[0]}}
    at = {"x": np.arange(len(given), dtype=np.float32), "y": given[:, 2].astype(np.float32)}
    return {"type": "scatter", "mode": "markers", "marker": look, "hoverinfo": "skip", "name": "median", **at}


def _level(layers: NDArray[Any], across: str) -> dict[str, Any]:
    """The level axis: layers are named under their columns where each stands together."""
    starts = np.flatnonzero(np.diff(layers, prepend=layers[0] - 1))
    together = len(starts) == len({*layers.tolist()})
    middles = [float(part.mean()) for part in np.split(np.arange(len(layers)), starts[1:])] if together else []
    return {
        "range": [-0.7, len(layers) - 0.3],
        "tickvals": middles,
        "ticktext": [str(layers[n]) for n in starts] if together else [],
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"size": theme.SMALL},
        "title": {"text": theme.safe(across), "standoff": 4, "font": {"size": theme.FONT_SIZE}},
    }


def _upright(given: NDArray[np.float64], unit: str, limits: tuple[float, float] | None) -> dict[str, Any]:
    known = given[np.isfinite(given)]
    low, high = limits or ((float(known.min()), float(known.max())) if known.size else (0.0, 1.0))
    room = ROOM * (high - low) or 1.0
    look = {"gridcolor": theme.GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    return {**look, "range": [low - room, high + room], "title": {"text": theme.safe(unit), "standoff": 4}}


def _mark(at: int) -> dict[str, Any]:
    look = {"fillcolor": "rgba(213,94,0,0.18)", "line": {"color": theme.QUERY[1], "width": 1.5}, "layer": "below"}
    return {"type": "rect", "x0": at - 0.5, "x1": at + 0.5, "y0": 0, "y1": 1, "yref": "paper", **look}
