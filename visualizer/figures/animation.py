"""Maps through the layers as frames that play in the browser without asking the server again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.figures import canvas, outlines
from visualizer.figures.summary import bar_range, bar_texts, bars
from visualizer.measures import undefined
from visualizer.style import sketch, theme
from visualizer.style.scale import Scale
from visualizer.style.sketch import Sketch
from vit_attention.records.geometry import Geometry

BUTTON = "rgba(128,128,128,0.2)"
CONTROLS = 70
"""Room for play, pause and the slider, in pixels."""


def layer_animation(
    image: Image.Image,
    maps: NDArray[Any] | Sequence[Any],
    geometry: Geometry | None = None,
    *,
    start: int = 0,
    names: Sequence[str] | None = None,
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    fade: bool = False,
    scale: str | Scale = "shared",
    together: Any = None,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    duration: int = 500,
    unit: str = "share of attention",
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """One map per layer on the picture, with play, pause and a slider; it stands still until it is asked to play.

    Args:
        image, geometry, colormap, opacity, fade, query, truth, unit: as for `visualizer.figures.overlay.overlay`.
        maps: (layers, rows, columns), or a list of (rows, columns) maps if grids differ.
        start: place of the map shown first, from 0.
        names: what the slider says for each map; None means "layer 1" and so on.
        scale: "shared" (colours can be compared between layers), "per map", "log" or "clipped".
        duration: milliseconds per layer.

    Raises:
        ValueError: no map, a wrong shape, or `start` outside.
    """
    grids = canvas.grids_of(maps)
    canvas.within(start, len(grids), "start")
    canvas.one_each(len(grids), "map", names=names)
    words = names or [f"layer {n + theme.FIRST}" for n in range(len(grids))]
    where = canvas.fitting(image, geometry)
    drawn, scaled = canvas.scale_all(grids, scale, together, unit)
    scaled = scaled.fading(fade)
    placed = [where.place(one) for one in drawn]
    first = canvas.heat(placed[start], scaled, colormap, opacity=opacity)
    exact = scaled.palette is None and (scale.mode if isinstance(scale, Scale) else scale) not in ("per map", "log")
    if exact:  # else z is not the value itself
        first |= {"hoverinfo": None, "hovertemplate": "%{z:.3g}<extra></extra>"}
    fig = Sketch(first)
    fig.frames = [
        _frame(n, {"type": "heatmap", "z": one.values.astype(np.float32), **canvas.cells(one)})
        for n, one in enumerate(placed)
    ]
    canvas.add_picture(fig, scaled.under(image), where, max_side=canvas.SMALL_SIDE)
    if truth is not None:
        fig.data.append(outlines.truth_line(truth, where))
    caption = (scaled.caption, "; ".join(outlines.notes(where, query, truth)))
    bottom = canvas.below(scaled)
    fig.layout |= _controls(words, start, duration, bottom + sketch.room(caption))
    return fig.figure(
        title=title,
        caption=caption,
        shapes=outlines.rims(outlines.patch_boxes(where, grids[start].shape, query)),
        height=height,
        bottom=bottom,
        under=CONTROLS,
    )


def _frame(number: int, trace: dict[str, Any]) -> dict[str, Any]:
    """One frame, which redraws the first trace."""
    return {"data": [trace], "traces": [0], "name": str(number)}


def bar_animation(
    labels: Sequence[str],
    rows: Sequence[ArrayLike],
    unit: str,
    *,
    names: Sequence[str],
    start: int = 0,
    duration: int = 500,
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """Level bars through the layers on one axis, for maps over text, with the same play, pause and slider.

    Args:
        labels: one a bar, such as the tokens of a text.
        rows: (layers, bars).
        unit: of the numbers.
        names, start, duration, title, height: as for `layer_animation`.

    Raises:
        ValueError: rows that do not fit the labels, or `start` outside.
    """
    stack = undefined.shaped(rows, "rows", "(layers, bars)")
    canvas.within(start, len(stack), "start")
    canvas.one_each(len(stack), "map", names=names)
    rows_tall = 90 + 30 * stack.shape[1]
    fig = bars(
        labels, stack[start], unit, title=title, height=(height or min(theme.HEIGHT, rows_tall + CONTROLS)) - CONTROLS
    )
    fig.layout.xaxis.range = bar_range(stack.ravel())
    frames = []
    for n, row in enumerate(stack):
        said = bar_texts(row)
        told = [f"{theme.safe(label)}: {text}" for label, text in zip(labels, said, strict=True)]
        more = {"text": said} if fig.data[0].text is not None else {}
        frames.append(_frame(n, {"type": "bar", "x": row, "hovertext": told, **more}))
    fig.frames = frames
    under = int(fig.layout.margin.b)
    fig.layout.height += CONTROLS
    fig.layout.margin.b = under + CONTROLS
    return fig.update_layout(_controls(names, start, duration, under))


def _controls(words: Sequence[str], start: int, duration: int, under: int) -> dict[str, Any]:
    """The layout of play, pause and the slider, so many pixels under the drawing."""
    still = {"mode": "immediate", "transition": {"duration": 0}}
    play = {**still, "frame": {"duration": int(duration), "redraw": True}, "fromcurrent": True}
    jump = {**still, "frame": {"duration": 0, "redraw": True}}
    steps = [{"label": theme.safe(word), "method": "animate", "args": [[str(n)], jump]} for n, word in enumerate(words)]
    buttons = [
        {"label": "Play", "method": "animate", "args": [None, play]},
        {"label": "Pause", "method": "animate", "args": [[None], jump]},
    ]
    low = {"y": 0, "yanchor": "top", "xanchor": "left", "bgcolor": BUTTON, "bordercolor": theme.LINE}
    row = {"type": "buttons", "direction": "left", "buttons": buttons, "x": 0, **low, "showactive": False}
    slider = {"active": start, "steps": steps, "x": 0.46, "len": 0.54, **low, "activebgcolor": theme.QUERY[1]}
    look = {
        "ticklen": 3,
        "minorticklen": 0,
        "font": {"size": theme.SMALL},
        "currentvalue": {"prefix": "", "font": {"size": theme.FONT_SIZE}, "offset": 6},
    }
    return {
        "updatemenus": [{**row, "pad": {"t": under + 14, "l": 0}}],
        "sliders": [{**slider, **look, "pad": {"t": under, "b": 0}}],
    }
