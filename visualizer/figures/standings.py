"""Estimates with their intervals: one line each, ranked; and two of them against each other."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from visualizer.style import letters, theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

_LINE = 15
"""Pixels that one line takes."""
_TITLE = 34
"""Letters of an axis's title beside each other: a telephone shows no more."""


class Line(NamedTuple):
    """One line of a ranking.

    Attributes:
        name: of what was measured.
        value, low, high: the estimate and the ends of its interval.
        control: whether it knows nothing; drawn in grey, as a square.
        said: what hovering adds.
    """

    name: str
    value: float
    low: float
    high: float
    control: bool = False
    said: str = ""


class Point(NamedTuple):
    """One thing that two numbers were measured of; `control` as for a line."""

    name: str
    x: float
    y: float
    control: bool = False


def ranking(lines: Sequence[Line], unit: str, *, title: str = "", caption: str = "", height: int = 0) -> go.Figure:
    """Estimates as points with their intervals, first one on top; controls as grey squares.

    Args:
        lines: at least one.
        unit: what the values are, for the level axis.
        height: in pixels; 0 takes what the lines need.

    Raises:
        GateError: no line at all.
    """
    if not lines:
        raise GateError("lines", "at least one", "none")
    traces = [_points(lines, control) for control in (False, True)]
    names = [theme.safe(letters.cut(one.name)) for one in lines]
    upright = {
        **_axis(""),
        "tickvals": [*range(len(lines))],
        "ticktext": names,
        "range": [len(lines) - 0.5, -0.5],
        "tickfont": {"size": theme.SMALL},
    }
    tall = height or 110 + _LINE * len(lines)
    look: dict[str, Any] = {"xaxis": _axis(unit), "yaxis": upright, "hovermode": "closest", **_legend()}
    return Sketch(*traces).figure(title=title, caption=caption, height=tall, bottom=76, **look)


def _points(lines: Sequence[Line], control: bool) -> dict[str, Any]:
    some = [(at, one) for at, one in enumerate(lines) if one.control == control]
    said = [
        theme.safe(f"{one.name}: {one.value:.3g} ({one.low:.3g} to {one.high:.3g}){'; ' * bool(one.said)}{one.said}")
        for _, one in some
    ]
    ends = {
        "type": "data",
        "symmetric": False,
        "array": [one.high - one.value for _, one in some],
        "arrayminus": [one.value - one.low for _, one in some],
        "thickness": 1.5,
        "width": 3,
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [one.value for _, one in some],
        "y": [at for at, _ in some],
        "error_x": ends,
        "text": said,
        "hovertemplate": "%{text}<extra></extra>",
        **_look(control),
    }


def against(
    points: Sequence[Point],
    across: str,
    up: str,
    *,
    named: Sequence[str] = (),
    log: bool = False,
    title: str = "",
    caption: str = "",
    height: int = 400,
) -> go.Figure:
    """One number against another, a point each; those that are `named` have their names beside them.

    Args:
        points: at least one.
        across, up: what the numbers are, with their units.
        named: names to write.
        log: whether the level axis counts in powers of ten.

    Raises:
        GateError: no point at all.
    """
    if not points:
        raise GateError("points", "at least one", "none")
    traces = []
    for control in (False, True):
        some = [one for one in points if one.control == control]
        text = [theme.safe(one.name) if one.name in named else "" for one in some]
        said = [theme.safe(f"{one.name}: {across} {one.x:.3g}, {up} {one.y:.3g}") for one in some]
        trace = {"type": "scatter", "mode": "markers+text", "textposition": "top center", "cliponaxis": False}
        trace |= {"x": [one.x for one in some], "y": [one.y for one in some], "text": text, "hovertext": said}
        traces.append({**trace, "hovertemplate": "%{hovertext}<extra></extra>", **_look(control)})
    level = {**_axis(across), **({"type": "log", "dtick": 1} if log else {})}
    look: dict[str, Any] = {"xaxis": level, "yaxis": _axis(up), "hovermode": "closest", **_legend()}
    return Sketch(*traces).figure(title=title, caption=caption, height=height, bottom=76, **look)


def _look(control: bool) -> dict[str, Any]:
    colour, symbol = (theme.LINE, "square") if control else (theme.LINES[0], "circle")
    name = "knows no model" if control else "method"
    return {"marker": {"color": colour, "symbol": symbol, "size": 8}, "name": name, "textfont": {"size": theme.SMALL}}


def _axis(title: str) -> dict[str, Any]:
    return {
        "gridcolor": theme.GRID,
        "zeroline": False,
        "automargin": True,
        "fixedrange": True,
        "title": {"text": theme.safe(title, _TITLE), "standoff": 6, "font": {"size": theme.FONT_SIZE}},
    }


def _legend() -> dict[str, Any]:
    low = {"orientation": "h", "x": 0, "xref": "paper", "y": 0, "yref": "container", "yanchor": "bottom"}
    return {"showlegend": True, "legend": low}
