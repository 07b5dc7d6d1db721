"""Deletion and insertion side by side: the score as patches or tokens go and come, in the order of a map and of controls."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import ImageColor

from visualizer.figures.summary import DASHES, MARKERS
from visualizer.measures.faithfulness import DELETION, INSERTION, RANDOM, Curve, Faithfulness
from visualizer.style import theme
from visualizer.style.sketch import Sketch

GAP = 0.04
"""Share of the width between the two panels, half on each side."""


def deletion_insertion(
    found: Faithfulness, baseline: str | None = None, *, what: str = "patches", title: str = "", height: int = 400
) -> go.Figure:
    """Two panels on one scale: the score while parts are covered, strongest first, and while they are shown.

    Lines differ in dash and marker, not in colour alone; the random order is the mean of its draws, in a band from the lowest to
    the highest.

    Args:
        found: the curves.
        baseline: what stands in place of what is covered; None takes the first.
        what: the parts, "patches" or "tokens".
        height: whole height in pixels.

    Raises:
        GateError: no curves on this baseline.
    """
    chosen = found.curve(DELETION, baseline=baseline).baseline
    percent = found.unit == "probability"
    fig, labels = Sketch(), []
    for panel, kind in enumerate((DELETION, INSERTION)):
        tag = "2" if panel else ""
        for at, order in enumerate(found.orders):
            fig.data += _lines(found.curve(kind, order, chosen), at, tag, percent)
        left, right = (0.0, 0.5 - GAP) if panel == 0 else (0.5 + GAP, 1.0)
        verb = "covered" if panel == 0 else "shown"
        fig.layout[f"xaxis{tag}"] = {
            **_AXIS,
            "domain": [left, right],
            "range": [-3, 103],
            "tickvals": [0, 50, 100],
            "title": {"text": f"{what} {verb} (%)", "standoff": 4, "font": {"size": theme.SMALL}},
        }
        place = {
            "xref": "paper",
            "x": (left + right) / 2,
            "xanchor": "center",
            "yref": "paper",
            "y": 1,
            "yanchor": "bottom",
        }
        labels.append({"text": kind.capitalize(), **place})
    up: dict[str, Any] = {**_AXIS, "automargin": True}
    up["title"] = {"text": theme.safe(_asked(found, percent), 30), "font": {"size": theme.SMALL}}
    up |= {"range": [-3, 103], "tickvals": [0, 25, 50, 75, 100]} if percent else {}
    fig.layout["yaxis"] = up
    fig.layout["yaxis2"] = {**_AXIS, "anchor": "x2", "matches": "y", "showticklabels": False}
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5, "xanchor": "center"}
    fig.layout |= {"hovermode": "closest", "legend": {**legend, "font": {"size": theme.SMALL}}}
    return fig.figure(title=title, labels=labels, height=height, bottom=104, top=24, showlegend=True)


_AXIS = {"showgrid": True, "gridcolor": theme.GRID, "zeroline": False, "fixedrange": True}


def _asked(found: Faithfulness, percent: bool) -> str:
    return f"probability of {found.about} (%)" if percent else f"{found.about} (cosine, -1 to 1)"


def _lines(one: Curve, at: int, tag: str, percent: bool) -> list[dict[str, Any]]:
    """One order's line, and the band behind the draws of a random one; both panels share one entry of the legend."""
    factor = 100 if percent else 1
    x, colour = 100 * one.shares, theme.LINES[at % len(theme.LINES)]
    axes = {"type": "scatter", "xaxis": f"x{tag}", "yaxis": f"y{tag}", "legendgroup": one.order}
    unit = " %" if percent else ""
    line = {
        **axes,
        "x": x,
        "y": factor * one.scores,
        "mode": "lines+markers",
        "name": theme.safe(one.order),
        "line": {"color": colour, "dash": DASHES[at % len(DASHES)], "width": 3 if at == 0 else 1.5},
        "marker": {"symbol": MARKERS[at % len(MARKERS)], "size": 8 if at == 0 else 6},
        "showlegend": not tag,
        "hovertemplate": f"%{{x:.0f}} %: %{{y:.3g}}{unit}<extra>%{{fullData.name}}</extra>",
    }
    if one.order != RANDOM or len(one.draws) < 2:
        return [line]
    red, green, blue = ImageColor.getrgb(colour)[:3]
    around = np.concatenate([one.draws.max(axis=0), one.draws.min(axis=0)[::-1]])
    band = {
        **axes,
        "x": np.concatenate([x, x[::-1]]),
        "y": factor * around,
        "mode": "lines",
        "line": {"width": 0},
        "fill": "toself",
        "fillcolor": f"rgba({red},{green},{blue},0.15)",
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return [band, line]
