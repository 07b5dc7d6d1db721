"""A document as it was read: its page under the heat of one token or field, where the window lies, and all heads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import canvas, mosaic, outlines, overlay
from visualizer.measures.pointing import checked
from visualizer.measures.reading import token_maps
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.style.sketch import Sketch
from vit_attention.records import AttentionRecord, Geometry

OPACITY = 0.4
"""Of the heat over a page, so that print stays legible under dark and under bright cells."""
PAD = 0.007
"""How far outside a field's box its outline lies, as a share of the page's longer side."""
NUMBER = 0.055
"""How much of a page's sides the number of a field takes, at most, at the size of the app."""
COLOURS = ("blue", "red-orange", "green", "pink", "amber", "light blue")
"""`theme.LINES` in words."""
STROKES = ("solid", "dash", "dashdot", "longdash", "longdashdot")
"""How the boxes of fields are drawn; dots are left to the true boxes."""


def page_with_heat(
    image: Image.Image,
    values: ArrayLike,
    geometry: Geometry | None = None,
    *,
    window: Sequence[float] | None = None,
    proposed: Sequence[Sequence[float]] = (),
    true: Sequence[Sequence[float]] = (),
    colormap: str = theme.COLORMAP,
    opacity: float = OPACITY,
    fade: bool = False,
    zoom: bool = False,
    scale: str | Scale = "raw",
    together: Any = None,
    unit: str = "share of attention",
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """The page with the cells of one token or field over it, in the window asked for.

    Args:
        image: the upright page, possibly stored smaller than `geometry.original`.
        values: (rows, columns) over the model's input.
        window: (left, top, right, bottom) in pixels of the original page, from `viewport`; None shows all of it.
        zoom: let dragging a box zoom further, and a double click go back to the window; a finger then cannot scroll the page.
            The browser forgets dragged zoom when the figure is replaced, so levels that must outlive a step belong into `window`.
        proposed, true: boxes to outline, in pixels of the original page: in the two tones of a query, and dotted in
            `theme.TRUTH`, as no other box is.
        geometry, colormap, opacity, fade, scale, together, unit, title, height: as for `overlay`.
    """
    notes = ["orange outline: proposed box"] * bool(len(proposed)) + ["dotted cyan: true box"] * bool(len(true))
    common: dict[str, Any] = {"scale": scale, "together": together, "unit": unit, "title": title, "height": height}
    common |= {"colormap": colormap, "opacity": opacity, "fade": fade}
    fig = overlay.overlay(image, values, geometry, note="; ".join(notes), **common)
    if window is not None:
        left, top, right, bottom = checked(window, "window")
        fig.layout.xaxis.range, fig.layout.yaxis.range = [left, right], [bottom, top]
    dotted = "".join(outlines.square(checked(box, "true")) for box in true)
    boxes = [checked(box, "proposed") for box in proposed]
    fig.layout.shapes = [
        *fig.layout.shapes,
        *([outlines.path(dotted, theme.TRUTH, 2.5, dash="dot", name="true box")] if dotted else []),
        *outlines.rims(boxes, (4.5, 2), name="proposed box"),
    ]
    if zoom:
        fig.layout.xaxis.fixedrange = fig.layout.yaxis.fixedrange = False
        fig.layout.dragmode = "zoom"
    return fig


def outline_name(number: int) -> str:
    """How the box of field `number`, from 0, is drawn, in words for a legend.

    >>> outline_name(0), outline_name(7)
    ('blue', 'red-orange, dash')
    """
    stroke = _stroke(number)
    return COLOURS[number % len(COLOURS)] + f", {stroke}" * (stroke != STROKES[0])


def _stroke(number: int) -> str:
    return STROKES[number // len(COLOURS) % len(STROKES)]


def fields_on_page(
    image: Image.Image,
    values: ArrayLike,
    geometry: Geometry | None,
    boxes: Sequence[Sequence[float] | None],
    names: Sequence[str],
    *,
    chosen: int = 0,
    **options: Any,
) -> go.Figure:
    """The page under the heat of one field, with the box of every field numbered from 1; a click reports the field.

    Args:
        image: the upright page.
        values: (rows, columns) heat of the chosen field.
        geometry: from the original to the model's input.
        boxes: proposed for each field, in pixels of the original page; None for a field without one.
        names: one plain text per field, for hovering.
        chosen: number of the field, counted from 0, whose box is drawn thick.
        options: as for `page_with_heat`.
    """
    canvas.one_each(len(boxes), "box", names=names)
    fig = page_with_heat(image, values, geometry, **options)
    size = geometry.original if geometry else image.size
    # A little outside the box, so that the outline does not cover the print that fills it.
    pad = PAD * max(size)
    given = [(n, checked(box, f"box {n + theme.FIRST}")) for n, box in enumerate(boxes) if box is not None]
    there = [(n, (left - pad, top - pad, right + pad, low + pad)) for n, (left, top, right, low) in given]
    shapes, labels = [*fig.layout.shapes], []
    look = {"showarrow": False, "bgcolor": "#ffffff", "name": "field", "borderwidth": 2, "borderpad": 1}
    for n, box in sorted(there, key=lambda one: one[0] == chosen):  # the chosen one over all others
        color, wide = theme.LINES[n % len(theme.LINES)], 2 * (n == chosen)
        # White under colour, so that the outline stands out from any page.
        tones, dashes = ("#ffffff", color), ("solid", _stroke(n))
        shapes += outlines.rims([box], (3.5 + wide, 2 + wide), tones, dashes=dashes, name="field box")
        labels.append(
            {
                "x": box[0],
                "y": box[1],
                "text": str(n + theme.FIRST),
                "bordercolor": color,
                "font": {"color": "#000000", "size": theme.SMALL + wide},
                **look,
                **_beside(box, size),
            }
        )
    fig.layout.shapes = shapes
    fig.layout.annotations = [*labels, *fig.layout.annotations]
    x, y = ([(box[at] + box[at + 2]) / 2 for _, box in there] for at in range(2))
    text = [f"{n + theme.FIRST}: {theme.safe(names[n])}" for n, _ in there]
    fig.add_trace(canvas.markers(x, y, np.array([n for n, _ in there], np.int32), text))
    return fig.update_layout(canvas.CLICKS)


def _beside(box: Sequence[float], size: tuple[int, int]) -> dict[str, str]:
    """Where a box's number stands: above its corner; where that would be off a page of this (width, height), left of it or within."""
    if box[1] > NUMBER * size[1]:
        return {"xanchor": "left", "yanchor": "bottom"}
    return {"xanchor": "right" if box[0] > NUMBER * size[0] else "left", "yanchor": "top"}


def minimap(
    image: Image.Image, window: Sequence[float], size: tuple[int, int] | None = None, *, height: int = 180
) -> go.Figure:
    """The whole page, small, with the window outlined and the rest veiled; not to be zoomed itself.

    Args:
        image: the upright page.
        window: (left, top, right, bottom) in pixels of the original page.
        size: (width, height) of the original page; None takes the image's.
        height: of the figure in pixels.
    """
    where, inner = Geometry.of(*(size or image.size)), checked(window, "window")
    fig = Sketch({"type": "scatter", "x": [], "y": [], "hoverinfo": "skip"})
    page = canvas.add_picture(fig, image, where, max_side=2 * height)
    shapes = [outlines.veil(page, [inner]), *outlines.rims([inner], (4, 2), name="window")]
    return fig.figure(shapes=shapes, height=height, hovermode=False)


def heads_of_token(
    record: AttentionRecord,
    token: int,
    *,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "per map",
    chosen: tuple[int, int] | None = None,
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """Every head of every layer for one token, layers down and heads across; a click reports [layer, place of the head].

    The maps lie as on the page, in its proportions, also where the model reads it turned.

    Args:
        record: with cross-attention.
        token: row of the cross-attention, counted from 0.
        scale: "per map" compares shapes, "shared" sizes.
        chosen: (number of the layer, place of the head among those kept), counted from 0, to outline.
        height: in pixels; None follows the number of layers and heads.
    """
    maps, depth = token_maps(record, token)
    at = None if chosen is None else (depth.index(chosen[0]) if chosen[0] in depth else -1, chosen[1])
    heads, layers = max(len(one) for one in maps), len(maps)
    shape = maps[0].shape[1] / maps[0].shape[2]
    if record.geometry is not None:
        left, top, right, bottom = outlines.seen_box(record.geometry)
        shape = float((bottom - top) / (right - left))
    tall = height or round(min(theme.HEIGHT, 150 + max(120, 640 * min(1.3, layers * shape / heads))))
    fig = mosaic.atlas(maps, colormap=colormap, scale=scale, chosen=at, layers=depth, title=title, height=tall)
    fig.layout.yaxis.scaleratio = shape
    return fig
