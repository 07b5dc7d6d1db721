"""Answers of a class: shares that are right before and after, with their intervals; and where the answers went."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.style import letters, theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

LEGEND = {"orientation": "h", "x": 0, "xref": "paper", "y": 0, "yref": "container", "yanchor": "bottom"}
APART = 0.3
"""How far apart, in lines, the two points of one name stand."""
LOOKS = {"before": ("square", theme.LINE), "after": ("circle", theme.LINES[0])}
"""Marker and colour of the two points."""
SHADES = ((theme.LINES[0], "#ffffff"), ("#8c8c8c", "#000000"), (theme.LINES[1], "#000000"), (theme.LINES[5], "#000000"))
"""Colours of the four parts of a bar, and of the numbers on them, the same on light and dark pages."""
NAME = 26
"""Signs in a line of a name."""


def right_before_and_after(
    names: Sequence[str], before: ArrayLike, after: ArrayLike, *, title: str = "", height: int = 0
) -> go.Figure:
    """Two shares a name with their intervals, first name on top; the two differ in marker, not in colour alone.

    Args:
        names: plain text.
        before, after: (names, 3) share and the ends of its interval, 0 to 1.
        height: in pixels; 0 takes what the names need.

    Raises:
        GateError: no name, or other shapes.
    """
    if not names:
        raise GateError("names", "at least one", "none")
    traces = [_points(names, at, given) for at, given in enumerate((before, after))]
    look: dict[str, Any] = {"showlegend": True, "legend": LEGEND, "hovermode": "closest"}
    level = {
        **_AXIS,
        "range": [-2, 102],
        "title": {"text": "right answers (%), 95 % interval", "standoff": 6},
    }
    tall = height or 130 + (40 if len(names) < 8 else 30) * len(names)
    return Sketch(*traces).figure(title=title, height=tall, bottom=78, xaxis=level, yaxis=_lines(names), **look)


def _points(names: Sequence[str], at: int, given: ArrayLike) -> dict[str, Any]:
    name, (symbol, colour) = list(LOOKS.items())[at]
    shares = np.asarray(given, np.float64)
    if shares.shape != (len(names), 3):
        raise GateError(name, f"({len(names)}, 3) shares and ends", f"shape {shares.shape}")
    middle, low, high = 100 * shares.T
    said = [
        f"{theme.safe(one)}, {name}: {m:.0f} % ({a:.0f} to {b:.0f} %)"
        for one, m, a, b in zip(names, middle, low, high, strict=True)
    ]
    ends = {"type": "data", "symmetric": False, "array": high - middle, "arrayminus": middle - low}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": middle,
        "y": np.arange(len(names)) + APART * (at - 0.5),
        "marker": {"symbol": symbol, "color": colour, "size": 9},
        "error_x": {**ends, "color": colour, "thickness": 1.5, "width": 3},
        "name": name,
        "hovertext": said,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def flows(
    names: Sequence[str], parts: Mapping[str, ArrayLike], unit: str, *, title: str = "", height: int = 0
) -> go.Figure:
    """Level bars cut into up to four parts, first name on top; each part that has room carries its number.

    Args:
        names: plain text.
        parts: what a part is called to its (names,) counts.
        unit: what is counted.
        height: in pixels; 0 takes what the names need.

    Raises:
        GateError: no name, other shapes, or more parts than there are colours.
    """
    if not names or not 0 < len(parts) <= len(SHADES):
        raise GateError("parts", f"a name, and 1 to {len(SHADES)} parts", f"{len(names)} names, {len(parts)} parts")
    traces = []
    for shade, (name, given) in zip(SHADES, parts.items(), strict=False):
        counts = np.asarray(given, np.float64)
        if counts.shape != (len(names),):
            raise GateError(name, f"({len(names)},) counts", f"shape {counts.shape}")
        traces.append(_bar(names, name, counts, shade))
    look: dict[str, Any] = {"barmode": "stack", "showlegend": True, "legend": {**LEGEND, "traceorder": "normal"}}
    level = {**_AXIS, "title": {"text": theme.safe(unit), "standoff": 6}}
    tall = height or 150 + (34 if len(names) < 8 else 30) * len(names)
    return Sketch(*traces).figure(title=title, height=tall, bottom=96, xaxis=level, yaxis=_lines(names), **look)


def _bar(names: Sequence[str], name: str, counts: NDArray[Any], shade: tuple[str, str]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "x": counts,
        "y": np.arange(len(names)),
        "marker": {"color": shade[0]},
        "insidetextfont": {"color": shade[1]},
        "name": theme.safe(name),
        "text": [f"{count:g}" if count else "" for count in counts],
        "textposition": "inside",
        "textangle": 0,
        "insidetextanchor": "middle",
        "hovertext": [
            f"{theme.safe(one)}, {theme.safe(name)}: {count:g}" for one, count in zip(names, counts, strict=True)
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


_AXIS = {"gridcolor": theme.GRID, "zerolinecolor": theme.LINE, "automargin": True, "fixedrange": True}


def _lines(names: Sequence[str]) -> dict[str, Any]:
    named = [theme.safe(letters.cut(one, 2 * NAME), NAME) for one in names]
    ticks = {"tickvals": [*range(len(names))], "ticktext": named, "range": [len(names) - 0.5, -0.5]}
    return {**_AXIS, **ticks, "tickfont": {"size": theme.SMALL}, "showgrid": False, "zeroline": False}
