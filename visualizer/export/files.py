"""Files to keep: PNG, GIF, WebP, ZIP, SVG, CSV and HTML, each with its scale, legend and settings on it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io
from numpy.typing import ArrayLike
from PIL import Image, ImageColor

from visualizer.export.svg import overlay_svg
from visualizer.figures import stage
from visualizer.figures.composite import INK, PAPER, composite, layer_frames
from visualizer.style import theme
from vit_attention.records.geometry import Geometry

__all__ = [
    "composite",
    "layer_frames",
    "layers_gif",
    "layers_webp",
    "layers_zip",
    "overlay_png",
    "overlay_svg",
    "standalone_html",
    "to_csv",
]

COLOURS_IN_GIF = 128
"""Colours of the palette that all frames of a GIF share."""


def overlay_png(
    image: Image.Image, values: ArrayLike, geometry: Geometry | None = None, caption: str = "", **options: Any
) -> bytes:
    """`composite` as PNG bytes; the same arguments."""
    return _encoded(composite(image, values, geometry, caption, **options), "PNG")


def _encoded(drawn: Image.Image, format: str) -> bytes:
    out = io.BytesIO()
    # The default compression takes four times as long on photographs and saves a tenth.
    drawn.save(out, format, compress_level=2)
    return out.getvalue()


def layers_gif(
    image: Image.Image,
    maps: ArrayLike | Sequence[ArrayLike],
    geometry: Geometry | None = None,
    caption: str = "",
    *,
    duration: int = 500,
    **options: Any,
) -> bytes:
    """The layers as an endless GIF, all frames in one undithered palette of 128 colours; `duration` in ms a frame."""
    frames = layer_frames(image, maps, geometry, caption, **options)
    palette = _palette(frames, options.get("colormap", theme.COLORMAP))
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    out = io.BytesIO()
    small[0].save(out, "GIF", save_all=True, append_images=small[1:], duration=duration, loop=0, optimize=False)
    return out.getvalue()


def _palette(frames: Sequence[Image.Image], colormap: str) -> Image.Image:
    """One palette for all frames: every eighth colour of the map, the outlines, and what the frames need most."""
    fixed = [*theme.table(colormap)[::8].tolist(), list(PAPER), list(INK)]
    fixed += [ImageColor.getrgb(colour) for colour in (*theme.QUERY[1:], theme.TRUTH)]
    thumbs = [frame.resize((frame.width // 4, frame.height // 4), Image.Resampling.NEAREST) for frame in frames]
    sample = Image.fromarray(np.concatenate([np.asarray(thumb) for thumb in thumbs]))
    free = sample.quantize(COLOURS_IN_GIF - len(fixed), Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([int(v) for colour in fixed for v in colour] + free[: 3 * (COLOURS_IN_GIF - len(fixed))])
    return palette


def layers_webp(
    image: Image.Image,
    maps: ArrayLike | Sequence[ArrayLike],
    geometry: Geometry | None = None,
    caption: str = "",
    *,
    duration: int = 500,
    **options: Any,
) -> bytes:
    """The layers as an endless animated WebP, smaller than a GIF and in full colour; `duration` in ms a frame."""
    frames = layer_frames(image, maps, geometry, caption, **options)
    out = io.BytesIO()
    frames[0].save(
        out, "WEBP", save_all=True, append_images=frames[1:], duration=duration, loop=0, quality=80, method=0
    )
    return out.getvalue()


def layers_zip(
    image: Image.Image,
    maps: ArrayLike | Sequence[ArrayLike],
    geometry: Geometry | None = None,
    caption: str = "",
    **options: Any,
) -> bytes:
    """One PNG per layer, named layer-01.png and so on in the order given, in a ZIP archive."""
    frames = layer_frames(image, maps, geometry, caption, **options)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for n, frame in enumerate(frames):
            archive.writestr(f"layer-{n + theme.FIRST:02d}.png", _encoded(frame, "PNG"))
    return out.getvalue()


def to_csv(values: ArrayLike) -> str:
    """A (rows, columns) map as text with one line per patch: row, column (both from 1) and the exact value.

    >>> to_csv([[0.25, float("nan")]])
    'row,column,value\\n1,1,0.25\\n1,2,\\n'
    """
    grid = stage.grid_of(values)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("row", "column", "value"))
    for (row, column), value in np.ndenumerate(grid):
        # str of the array's own type gives the shortest text that reads back as the same number.
        writer.writerow((row + theme.FIRST, column + theme.FIRST, "" if np.isnan(value) else str(value)))
    return out.getvalue()


def standalone_html(fig: go.Figure) -> str:
    """`fig` as one HTML page that works without a network; about 5 MB, since it carries the drawing library."""
    return str(plotly.io.to_html(fig, include_plotlyjs=True, full_html=True, config={"displaylogo": False}))
