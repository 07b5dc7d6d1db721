"""What heads are worth: falls with their intervals as points, and what is left of a model as heads are removed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures.summary import DASHES, MARKERS
from visualizer.style import theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

LEGEND = {"orientation": "h", "x": 0, "xref": "paper", "y": 0, "yref": "container", "yanchor": "bottom"}
APART = 0.32
"""How far apart, in lines, the points of one name stand."""


def interval_points(
    names: Sequence[str],
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    unit: str,
    *,
    places: Sequence[tuple[int, int]] = (),
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """Points with intervals, one line a name, first on top; series differ in marker, not in colour alone.

    Args:
        names: plain text.
        series: name to (names,) values and (names,) half widths of their intervals, at least 0.
        unit: what the values are.
        places: what a click on a line reports, such as (layer, head) from 0; none reports nothing.

    Raises:
        GateError: other shapes.
    """
    count, traces = len(names), []
    clicks: dict[str, Any] = {"clickmode": "event"} if places else {}
    for at, (name, pair) in enumerate(series.items()):
        values, half = (np.asarray(one, np.float64) for one in pair)
        if values.shape != (count,) or half.shape != (count,):
            raise GateError(name, f"({count},) values and half widths", f"shapes {values.shape} and {half.shape}")
        text = [
            f"{theme.safe(n)}: {v:+.3g} ± {h:.2g} ({theme.safe(name)})"
            for n, v, h in zip(names, values, half, strict=True)
        ]
        traces.append(
            {
                "type": "scatter",
                "x": values,
                "y": np.arange(count) + APART * (at - (len(series) - 1) / 2),
                "mode": "markers",
                "marker": {"color": theme.LINES[at % 6], "symbol": MARKERS[at % 6], "size": 8},
                "error_x": {"type": "data", "array": half, "color": theme.LINES[at % 6], "thickness": 1.5, "width": 3},
                "name": theme.safe(name),
                "hovertext": text,
                "hovertemplate": "%{hovertext}<extra></extra>",
                **({"customdata": [[*one] for one in places]} if places else {}),
            }
        )
    common = {"gridcolor": theme.GRID, "zerolinecolor": theme.LINE, "automargin": True, "fixedrange": True}
    ticks = {"tickvals": [*range(count)], "ticktext": [theme.safe(n) for n in names], "tickfont": {"size": theme.SMALL}}
    return Sketch(*traces).figure(
        title=title,
        height=height,
        bottom=78,
        xaxis={**common, "title": {"text": theme.safe(unit), "standoff": 6}},
        yaxis={**common, **ticks, "range": [count - 0.5, -0.5], "showgrid": False, "zeroline": False},
        showlegend=True,
        legend=LEGEND,
        hovermode="closest",
        **clicks,
    )


def removal_curves(
    removed: ArrayLike,
    curves: Mapping[str, ArrayLike],
    bands: Mapping[str, ArrayLike],
    unit: str,
    *,
    title: str = "",
    height: int = 400,
) -> go.Figure:
    """What is left as more and more is removed: lines, and bands from the least to the most of several orders.

    Args:
        removed: (steps,) how many are removed, for the level axis.
        curves: name to (steps,) values.
        bands: name to (orders, steps) values; their mean is a line in the band.
        unit: what the values are, for the upright axis, which begins at 0.

    Raises:
        GateError: other shapes.
    """
    steps = np.asarray(removed)
    traces: list[dict[str, Any]] = []
    for name, given in bands.items():
        orders = np.asarray(given, np.float64)
        if orders.ndim != 2 or orders.shape[1:] != steps.shape:
            raise GateError(name, f"(orders, {len(steps)}) values", f"shape {orders.shape}")
        ends = np.concatenate([orders.max(axis=0), orders.min(axis=0)[::-1]])
        traces.append(_band(np.concatenate([steps, steps[::-1]]), ends, theme.safe(name), len(curves)))
        traces.append(_line(steps, orders.mean(axis=0), f"{name}, mean of {len(orders)}", len(curves)))
    for at, (name, given) in enumerate(curves.items()):
        values = np.asarray(given, np.float64)
        if values.shape != steps.shape:
            raise GateError(name, f"({len(steps)},) values", f"shape {values.shape}")
        traces.append(_line(steps, values, name, at))
    common = {"gridcolor": theme.GRID, "zerolinecolor": theme.LINE, "automargin": True, "fixedrange": True}
    return Sketch(*traces).figure(
        title=title,
        height=height,
        bottom=104,
        xaxis={**common, "title": {"text": "heads switched off", "standoff": 6}},
        yaxis={**common, "title": {"text": theme.safe(unit), "standoff": 6}, "rangemode": "tozero"},
        showlegend=True,
        legend=LEGEND,
        hovermode="closest",
    )


def _line(x: NDArray[Any], y: NDArray[Any], name: str, at: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines+markers",
        "line": {"color": theme.LINES[at % 6], "dash": DASHES[at % 6], "width": 2},
        "marker": {"symbol": MARKERS[at % 6], "size": 7},
        "name": theme.safe(name),
        "hovertemplate": "%{x} heads off: %{y:.3g}<extra>%{fullData.name}</extra>",
    }


def _band(x: NDArray[Any], y: NDArray[Any], name: str, at: int) -> dict[str, Any]:
    shade = {"fill": "toself", "fillcolor": theme.LINES[at % 6], "opacity": 0.18, "mode": "lines"}
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": f"{name}, range",
        **shade,
    }
