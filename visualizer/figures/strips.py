"""Many values of a few kinds: one dot each, kinds below each other, with their medians."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.style import theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

SPREAD = 0.25
"""How far dots of one kind lie from their line, so that equal ones are seen beside each other."""


def strips(
    values_by_name: Mapping[str, ArrayLike],
    unit: str,
    *,
    limits: tuple[float, float],
    levels: Mapping[str, float] | None = None,
    title: str = "",
    height: int = 340,
) -> go.Figure:
    """One level line of dots per name, first one on top, and an upright stroke at each median.

    Args:
        values_by_name: name to (values,) finite numbers.
        unit: what the values are, for the level axis.
        limits: ends of that axis.
        levels: named places on it, such as where an effect counts as small, drawn as thin upright lines.
        title, height: plain text; pixels.

    Raises:
        GateError: no name, a name without values, or values that are not finite.
    """
    named = {name: np.asarray(given, np.float64) for name, given in values_by_name.items()}
    if not named or any(one.ndim != 1 or not one.size or not np.isfinite(one).all() for one in named.values()):
        raise GateError("values_by_name", "finite values for each name", f"{[one.shape for one in named.values()]}")
    traces = [_dots(name, one, at) for at, (name, one) in enumerate(named.items())]
    medians = [float(np.median(one)) for one in named.values()]
    stroke = {"symbol": "line-ns", "size": 26, "line": {"width": 3, "color": theme.QUERY[1]}}
    traces.append(
        _points(medians, [*range(len(named))], stroke, [f"median {theme.short(m)}" for m in medians], "median")
    )
    for name, level in (levels or {}).items():
        line = {"color": theme.LINE, "width": 1.5, "dash": "dot"}
        where = {"x": [level, level], "y": [-0.5, len(named) - 0.5], "name": theme.safe(name)}
        traces.append({"type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": line, **where})
    common: dict[str, Any] = {"gridcolor": theme.GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    names = [theme.safe(name, 24) for name in named]
    upright = {
        "tickvals": [*range(len(named))],
        "ticktext": names,
        "range": [len(named) - 0.5, -0.5],
        "showgrid": False,
    }
    room = 0.03 * (limits[1] - limits[0])
    across = {"range": [limits[0] - room, limits[1] + room], "title": {"text": theme.safe(unit), "standoff": 4}}
    legend = {"orientation": "h", "x": 0, "xref": "paper", "y": 0, "yref": "container", "yanchor": "bottom"}
    axes: dict[str, Any] = {"xaxis": {**common, **across}, "yaxis": {**common, **upright}, "hovermode": "closest"}
    return Sketch(*traces).figure(title=title, height=height, bottom=86, showlegend=True, legend=legend, **axes)


def _dots(name: str, values: np.ndarray, at: int) -> dict[str, Any]:
    """A dot for each value, in the order given from over the line to under it."""
    beside = np.linspace(-SPREAD, SPREAD, len(values)) if len(values) > 1 else np.zeros(1)
    look = {"size": 9, "color": theme.LINES[0], "opacity": 0.65}
    said = [f"{theme.safe(name)}: {theme.short(value)}" for value in values]
    return {**_points(values, at + beside, look, said, "one order or picture"), "showlegend": at == 0}


def _points(x: Any, y: Any, marker: dict[str, Any], said: list[str], name: str) -> dict[str, Any]:
    hover = {"text": said, "hovertemplate": "%{text}<extra></extra>"}
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": marker, "name": name, **hover}
