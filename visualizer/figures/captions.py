"""Captions as figures: regions under the attention of one word, and all words as a film strip."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import canvas, composite, mosaic, outlines, overlay
from visualizer.measures import undefined
from visualizer.measures.regions import region_boxes, region_heat
from visualizer.style import theme
from visualizer.style.scale import Scale, apply_scale
from visualizer.style.sketch import Sketch
from vit_attention.records import Axis, Geometry

STRONGEST = 3
"""Boxes that are outlined: more would hide the picture."""
TILE, GAP = 120, 8
"""Pixels of one picture of a film strip, across, and between two of them."""
STRIP, STRIP_OF_TWO = 26, 46
"""Room over a picture for one line of text and for two, which do not shrink on a phone."""


def regions_map(
    image: Image.Image,
    values: ArrayLike,
    axis: Axis,
    geometry: Geometry | None = None,
    *,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    clickable: bool = False,
    scale: str | Scale = "raw",
    together: Any = None,
    opacity: float = 0.6,
    fade: bool = False,
    unit: str = "share of attention",
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """Regions coloured by one value each, on the picture: cells of a grid, or boxes with the strongest ones outlined.

    Args:
        values: (regions,).
        axis: what the regions are.
        query: numbers of regions to outline as those that ask.
        clickable: a click reports the number of the nearest region, from 0.
        together: (..., regions) of all maps that share the range, for the shared scale.
        image, geometry, truth, scale, opacity, fade, unit, title, height: as for `visualizer.figures.overlay.overlay`.
    """
    given = np.asarray(values)
    common: dict[str, Any] = {
        "opacity": opacity,
        "fade": fade,
        "unit": unit,
        "title": title,
        "height": height,
        "truth": truth,
    }
    common |= {"scale": scale, "together": None if together is None else region_heat(together, axis, geometry)}
    heat = region_heat(given, axis, geometry)
    if axis.grid is not None:
        return overlay.overlay(image, heat, geometry, query=query, clickable=clickable, **common)
    fig = overlay.overlay(image, heat, geometry, **common)
    fig.data[0].update(hoverinfo="skip", hovertemplate=None, text=None)
    boxes = region_boxes(axis, geometry)
    known = np.flatnonzero(~np.isnan(boxes).any(axis=1))
    best = [n for n in np.argsort(-given, kind="stable")[:STRONGEST].tolist() if n in known]
    thin = [shape for n in best for shape in outlines.rims([boxes[n]], (3, 1), ("rgba(0,0,0,0.6)", "#ffffff"))]
    asking = [shape for n in query for shape in outlines.rims([boxes[n]])]
    fig.layout.shapes = [*fig.layout.shapes, *thin, *asking]
    x, y = ((boxes[known, :2] + boxes[known, 2:]) / 2).T
    text = [theme.safe(f"{axis.name(n)}: {theme.short(given[n])} {unit}") for n in known.tolist()]
    fig.add_trace(canvas.markers(x, y, known.astype(np.int32), text))
    return fig.update_layout(canvas.CLICKS) if clickable else fig


def film_strip(
    image: Image.Image,
    maps: ArrayLike,
    words: Sequence[str],
    geometry: Geometry | None = None,
    *,
    notes: Sequence[str] | None = None,
    chosen: int | None = None,
    per_row: int = 5,
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    fade: bool = False,
    scale: str | Scale = "shared",
    unit: str = "share of attention",
    title: str = "",
    width: int = 620,
    height: int | None = None,
) -> go.Figure:
    """The picture once a word, each under that word's map: one picture in one figure; a click reports the word's number.

    Args:
        image: the upright picture.
        maps: (words, rows, columns) over the model's input; NaN cells stay uncovered.
        words: what stands over each picture.
        geometry: from the original to the model's input.
        notes: a second line for each word.
        chosen: number of the word to outline, from 0.
        per_row: pictures in a row.
        colormap, opacity, fade: as for `visualizer.figures.overlay.overlay`.
        scale: "shared" (sizes can be compared between words), "per map" or "log".
        width: pixels that the strip will have across, from which its height follows.
        height: in pixels; None follows the width, up to what stands beside a text.

    Raises:
        ValueError: another shape, or words or notes that do not fit the maps.
    """
    stack = undefined.shaped(maps, "maps", "(words, rows, columns)")
    canvas.one_each(len(stack), "map", words=words, notes=notes)
    where = canvas.fitting(image, geometry)
    scaled = apply_scale(stack, scale, stack, unit=unit).fading(fade)
    size = (TILE, max(1, round(TILE * where.original[1] / where.original[0])))
    tiles = [composite.paint(image, replace(scaled, values=v), where, size, colormap, opacity) for v in scaled.values]
    across, strip = min(per_row, len(tiles)), STRIP if notes is None else STRIP_OF_TWO
    boxes, whole = mosaic.tiled(len(tiles), across, size, GAP, strip)
    # A trace without points carries the colour bar.
    ends = {
        "color": [scaled.low],
        "cmin": scaled.low,
        "cmax": scaled.high,
        "colorscale": scaled.colorscale(colormap),
    }
    marker = {**ends, "showscale": True, "colorbar": canvas.colour_bar(scaled), "opacity": 0}
    empty = {"type": "scatter", "x": [None], "y": [None], "mode": "markers", "hoverinfo": "skip", "name": "scale"}
    fig = Sketch({**empty, "marker": marker})
    # A picture each, not one sheet: between them the page's own ground must show, light or dark.
    fig.layout["images"] = [
        canvas.layout_image(Image.fromarray(tile), *size, corner=box[:2])
        for tile, box in zip(tiles, boxes, strict=True)
    ]
    text = [f"word {n + theme.FIRST}: {theme.safe(word)}" for n, word in enumerate(words)]
    mosaic.add_tiles(fig, boxes, whole, text, chosen, clickable=True)
    height = height or min(theme.HEIGHT, 120 + round(width * whole[1] / whole[0]))
    second = [""] * len(words) if notes is None else [f"<br>{theme.safe(one)}" for one in notes]
    labels = mosaic.tile_names(boxes, [theme.safe(word) + more for word, more in zip(words, second, strict=True)])
    return fig.figure(title=title, caption=scaled.caption, labels=labels, height=height, bottom=canvas.BAR)
