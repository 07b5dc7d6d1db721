"""Several pictures as small tiles of one figure, each under its name and, where there is one, its map."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image, ImageOps

from visualizer.figures import canvas
from visualizer.figures.composite import paint
from visualizer.figures.mosaic import add_tiles, tile_names, tiled
from visualizer.style import letters, theme
from visualizer.style.scale import apply_scale
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError
from vit_attention.records.geometry import Geometry

SIDE, GAP, STRIP = 160, 10, 44
"""Pixels of a tile, between two of them, and of the two lines over each."""


class Tile(NamedTuple):
    """One picture of a sheet.

    Attributes:
        image: upright.
        name, caption: plain text, a line each over the tile.
        values: (rows, columns) of a map on it; None shows the bare picture.
        geometry: from the picture to the model's input.
    """

    image: Image.Image
    name: str
    caption: str = ""
    values: ArrayLike | None = None
    geometry: Geometry | None = None


def picture_sheet(
    tiles: Sequence[Tile],
    *,
    per_row: int = 4,
    chosen: int | None = None,
    unit: str = "share of attention",
    title: str = "",
    height: int = 440,
) -> go.Figure:
    """The tiles in rows; each map has its own scale, from its smallest to its largest value. A click reports a tile's number, from 0.

    Args:
        tiles: at least one.
        per_row: tiles in a row.
        chosen: number of a tile to outline.
        unit: what a value of a map is.
        title, height: plain text; pixels.

    Raises:
        GateError: no tile, or a number of none.
    """
    if not tiles:
        raise GateError("tiles", "at least one", "none")
    boxes, size = tiled(len(tiles), min(per_row, len(tiles)), (SIDE, SIDE), GAP, STRIP)
    fig = Sketch()
    for one, (left, top, right, bottom) in zip(tiles, boxes, strict=True):
        image = ImageOps.pad(_painted(one), (SIDE * 2, SIDE * 2), Image.Resampling.LANCZOS, color=(128, 128, 128))
        fig.layout["images"].append(canvas.layout_image(image, right - left, bottom - top, corner=(left, top)))
    text = [f"{theme.safe(_short(one.name, 20))}<br>{theme.safe(_short(one.caption, 24))}" for one in tiles]
    add_tiles(fig, boxes, size, text, chosen, clickable=True)
    mapped = any(one.values is not None for one in tiles)
    caption = f"colour: {unit}, from the smallest (blue) to the largest value (yellow) of each map" if mapped else ""
    return fig.figure(title=title, caption=caption, labels=tile_names(boxes, text), height=height)


def _short(text: str, most: int) -> str:
    """At most so many signs, cut between two words where the first of them fill half of the line.

    >>> _short("Galaxies of the deep field", 20), _short("IMG_20260131_142233.jpg", 20)
    ('Galaxies of the…', 'IMG_20260131_142233…')
    """
    cut = letters.cut(text, most)
    at = cut.rfind(" ")
    return f"{cut[:at].rstrip(' ,;:')}…" if cut != text and text[len(cut) - 1] != " " and at > most // 2 else cut


def _painted(one: Tile) -> Image.Image:
    small = one.image.convert("RGB")
    ratio = 2 * SIDE / max(small.size)
    size = max(1, round(small.width * ratio)), max(1, round(small.height * ratio))
    if one.values is None:
        return small.resize(size, Image.Resampling.LANCZOS)
    where = canvas.fitting(one.image, one.geometry)
    scaled = apply_scale(canvas.grid_of(one.values), "raw").fading(True)
    painted: Any = paint(one.image, scaled, where, size, theme.COLORMAP, 0.8)
    return Image.fromarray(np.asarray(painted))
