"""Estimates with their intervals: one line each, ranked; and two of them against each other."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from visualizer.figures import beside
from visualizer.style import letters, theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

_LINE = 15
"""Pixels that one line takes."""
_TITLE = 34
"""Letters of an axis's title beside each other: a telephone shows no more."""
_BOTTOM, _ROOM = 76, 0.08
"""Pixels for the level axis and the legend, and what is free on each side of the points, in shares of their range."""


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
    return Sketch(*traces).figure(title=title, caption=caption, height=tall, bottom=_BOTTOM, **look)


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
    """One number against another, a point each; those that are `named` have their names beside them where there is room.

    Args:
        points: at least one.
        across, up: what the numbers are, with their units.
        named: names to write, the most important first; points in one place share a text, and what finds no room is left to hovering.
        log: whether the level axis counts in powers of ten.

    Raises:
        GateError: no point at all.
    """
    if not points:
        raise GateError("points", "at least one", "none")
    level, upright = _range([one.x for one in points], log), _range([one.y for one in points])
    places = [(level.share(one.x), 1 - upright.share(one.y)) for one in points]
    wanted = {n: one.name for name in named for n, one in enumerate(points) if one.name == name}
    inner = height - theme.TOP_MARGIN - _BOTTOM - 22 * (title != "")
    texts = beside.named(places, wanted, inner)
    drawn = [(one, *texts.get(number, ("", beside.SIDES[0]))) for number, one in enumerate(points)]
    traces = [
        _scatter([one for one in drawn if one[0].control == control], across, up, control) for control in (False, True)
    ]
    axes = {"xaxis": {**_axis(across), **level.axis}, "yaxis": {**_axis(up), **upright.axis}}
    look: dict[str, Any] = {**axes, "hovermode": "closest", **_legend()}
    return Sketch(*traces).figure(title=title, caption=caption, height=height, bottom=_BOTTOM, **look)


def _scatter(drawn: Sequence[tuple[Point, str, str]], across: str, up: str, control: bool) -> dict[str, Any]:
    said = [theme.safe(f"{one.name}: {across} {one.x:.3g}, {up} {one.y:.3g}") for one, *_ in drawn]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "cliponaxis": False,
        "x": [one.x for one, *_ in drawn],
        "y": [one.y for one, *_ in drawn],
        "text": [text for _, text, _ in drawn],
        "textposition": [side for *_, side in drawn],
        "hovertext": said,
        "hovertemplate": "%{hovertext}<extra></extra>",
        **_look(control),
    }


class _Range(NamedTuple):
    """The ends of an axis, in powers of ten if `log`."""

    low: float
    high: float
    log: bool

    def share(self, value: float) -> float:
        """How far along the axis a value lies, from 0 to 1."""
        return ((math.log10(value) if self.log else value) - self.low) / (self.high - self.low)

    @property
    def axis(self) -> dict[str, Any]:
        """The same for Plotly."""
        return {"range": [self.low, self.high], **({"type": "log", "dtick": 1} if self.log else {})}


def _range(values: Sequence[float], log: bool = False) -> _Range:
    """From the least to the most, and a little on both sides."""
    low, high = ((math.log10(end) if log else end) for end in (min(values), max(values)))
    room = _ROOM * ((high - low) or 1.0)
    return _Range(low - room, high + room, log)


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
