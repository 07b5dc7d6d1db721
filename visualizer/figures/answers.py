"""Two answers of a model, before and after something was changed: two bars for each class, on one scale."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.style import letters, theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

NAMES = ("before", "after")


def answers(
    labels: Sequence[str],
    before: ArrayLike,
    after: ArrayLike,
    unit: str = "probability in %",
    *,
    most: float = 100.0,
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """Two level bars for each label, the one before on top, each with its number, on a scale from 0 to `most`.

    Args:
        labels: of the classes, plain text, first one on top.
        before, after: (labels,) at least 0, in `unit`.
        unit: what one value is, and its unit, for the legend.
        most: end of the scale.
        title, height: plain text; pixels, None fits the number of labels.

    Raises:
        GateError: not one finite number from 0 up for each label.
    """
    both = [np.asarray(one, np.float64) for one in (before, after)]
    for name, one in zip(NAMES, both, strict=True):
        if one.shape != (len(labels),) or not np.isfinite(one).all() or (one < 0).any():
            raise GateError(name, f"({len(labels)},) finite numbers from 0 up", f"shape {one.shape}")
    places, fig = np.arange(len(labels)), Sketch()
    looks = ({"color": theme.LINES[1], "pattern": {"shape": "/", "size": 5}}, {"color": theme.LINES[0]})
    for name, values, marker in zip(NAMES, both, looks, strict=True):
        said = [f"{value:.1f}" for value in values]
        hover = [f"{theme.safe(label)}, {name}: {text}" for label, text in zip(labels, said, strict=True)]
        bar = {"type": "bar", "orientation": "h", "x": values, "y": places, "marker": marker}
        bar |= {"name": f"{name}, {theme.safe(unit)}"}
        bar |= {"text": said, "textposition": "outside", "cliponaxis": False}
        fig.data.append({**bar, "hovertext": hover, "hovertemplate": "%{hovertext}<extra></extra>"})
    common = {"fixedrange": True, "automargin": True, "zeroline": False}
    names = [theme.safe(letters.cut(str(label))) for label in labels]
    upright = {**common, "tickvals": places, "ticktext": names, "range": [len(labels) - 0.5, -0.5], "showgrid": False}
    across = {**common, "gridcolor": theme.GRID, "range": [0, 1.15 * most]}
    return fig.figure(
        title=title,
        height=height or 60 + 34 * len(labels),
        bottom=20,
        top=22,
        xaxis=across,
        yaxis=upright,
        showlegend=True,
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yanchor": "bottom",
            "font": {"size": theme.SMALL},
            "traceorder": "normal",
        },
        barmode="group",
        bargap=0.25,
    )
