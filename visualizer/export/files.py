"""Files to keep: PNG, GIF, WebP, ZIP, SVG, CSV and HTML, each with its scale, legend and settings on it."""

import csv
import html
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageColor

from visualizer.figures import canvas, outlines
from visualizer.figures.composite import BAR, INK, PAPER, composite, layer_frames, legend, spaced
from visualizer.style import letters, theme
from visualizer.style.letters import printable
from visualizer.style.scale import Scale, Scaled, apply_scale
from vit_attention.records.geometry import Geometry

COLOURS_IN_GIF = 256
"""Colours of the palette that all frames of a GIF share."""
SVG_SIZE = 11
"""Height of words in an SVG; in a typeface as wide as DejaVu they fill the line."""
FAST = {"compress_level": 2}
"""How PNGs are packed: the default takes four times as long on photographs and saves a tenth."""


def overlay_png(
    image: Image.Image, values: ArrayLike, geometry: Geometry | None = None, caption: str = "", **options: Any
) -> bytes:
    """`composite` as PNG bytes; the same arguments."""
    return _encoded(composite(image, values, geometry, caption, **options), "PNG", **FAST)


def _encoded(drawn: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    drawn.save(out, kind, **options)
    return out.getvalue()


def layers_gif(*drawn: Any, duration: int = 500, **options: Any) -> bytes:
    """`gif` of `layer_frames`; the same arguments."""
    return gif(layer_frames(*drawn, **options), duration=duration, colormap=options.get("colormap", theme.COLORMAP))


def gif(frames: Sequence[Image.Image], *, duration: int = 500, colormap: str = theme.COLORMAP) -> bytes:
    """An endless GIF, all frames in one undithered palette of 256 colours; `duration` in ms a frame."""
    palette = _palette(frames, colormap)
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    endless = {"save_all": True, "append_images": small[1:], "duration": duration, "loop": 0}
    return _encoded(small[0], "GIF", **endless, optimize=False)


def _palette(frames: Sequence[Image.Image], colormap: str) -> Image.Image:
    """One palette for all frames: every eighth colour of the map, the outlines, and what the frames need most."""
    fixed = [*theme.table(colormap)[::8].tolist(), list(PAPER), list(INK)]
    fixed += [ImageColor.getrgb(colour) for colour in (*theme.QUERY[1:], theme.TRUTH)]
    thumbs = [frame.resize((frame.width // 4, frame.height // 4), Image.Resampling.NEAREST) for frame in frames]
    sample = Image.fromarray(np.concatenate([np.asarray(thumb) for thumb in thumbs]))
    free = sample.quantize(COLOURS_IN_GIF - len(fixed), Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([int(v) for colour in fixed for v in colour] + free[: 3 * (COLOURS_IN_GIF - len(fixed))])
    return palette


def layers_webp(*drawn: Any, duration: int = 500, **options: Any) -> bytes:
    """`webp` of `layer_frames`; the same arguments."""
    return webp(layer_frames(*drawn, **options), duration=duration)


def webp(frames: Sequence[Image.Image], *, duration: int = 500) -> bytes:
    """An endless animated WebP, smaller than a GIF and in full colour; `duration` in ms a frame."""
    endless = {"save_all": True, "append_images": frames[1:], "duration": duration, "loop": 0}
    return _encoded(frames[0], "WEBP", **endless, quality=80, method=0)


def layers_zip(*drawn: Any, **options: Any) -> bytes:
    """`archive` of `layer_frames`; the same arguments."""
    return archive(layer_frames(*drawn, **options))


def archive(frames: Sequence[Image.Image], numbers: Sequence[int] | None = None) -> bytes:
    """A ZIP archive of one PNG a frame, named layer-01.png and so on, or by the layers' numbers, which count from 0."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        for n, frame in zip(range(len(frames)) if numbers is None else numbers, frames, strict=True):
            packed.writestr(f"layer-{n + theme.FIRST:02d}.png", _encoded(frame, "PNG", **FAST))
    return out.getvalue()


def overlay_svg(
    image: Image.Image,
    values: ArrayLike,
    geometry: Geometry | None = None,
    caption: str = "",
    *,
    settings: str = "",
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    fade: bool = False,
    scale: str | Scale = "raw",
    together: Any = None,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    unit: str = "share of attention",
    signed: bool | None = None,
    width: int = 448,
) -> bytes:
    """The overlay as SVG: the picture inside as JPEG, every patch a rectangle with its value, text that stays text.

    Args: as for `composite`.
    """
    grid = canvas.grid_of(values)
    where = canvas.fitting(image, geometry)
    scaled = apply_scale(grid, scale, together, unit=unit, signed=signed).fading(fade)
    ratio = width / where.original[0]
    high = where.original[1] * ratio
    lines = [
        line
        for part in legend(scaled, where, caption, settings, query, truth)
        for line in letters.wrapped(printable(part), width - 16, SVG_SIZE)
    ]
    bar = 0 if scaled.palette is not None else BAR
    total = high + bar + 10 + 17 * len(lines)
    size = f'width="{width}" height="{total:.0f}" viewBox="0 0 {width} {total:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<title>{_xml(caption or scaled.caption)}</title>",
        f'<rect width="{width}" height="{total:.0f}" fill="#ffffff"/>',
        f'<image href="{canvas.data_uri(scaled.under(image))}" width="{width}" height="{high:.2f}" preserveAspectRatio="none"/>',
        f'<clipPath id="picture"><rect width="{width}" height="{high:.2f}"/></clipPath>',
        f'<g id="map" opacity="{opacity}" clip-path="url(#picture)" shape-rendering="crispEdges">',
        *_rects(grid, scaled, where, colormap, ratio),
        "</g>",
        f'<g fill="none" transform="scale({ratio:.6f})">{_svg_lines(where, grid.shape, query, truth, ratio)}</g>',
        *(_svg_bar(scaled, colormap, width, high) if bar else ()),
        f'<g id="legend" font-family="{letters.FAMILY}, sans-serif" font-size="{SVG_SIZE}" fill="#1e1e1e">',
        *(f'<text x="8" y="{high + bar + 14 + 17 * n:.1f}">{_xml(line)}</text>' for n, line in enumerate(lines)),
        "</g></svg>",
    ]
    return "\n".join(parts).encode("utf-8")


def _xml(text: object) -> str:
    """`text` for XML: escaped, and without the control characters that XML cannot hold."""
    return html.escape(printable(text))


def _hex(colour: NDArray[Any]) -> str:
    return "#" + bytes(colour.tolist()).hex()


def _rects(grid: NDArray[Any], scaled: Scaled, where: Geometry, colormap: str, ratio: float) -> list[str]:
    placed, order = where.place(scaled.unit_interval()), outlines.numbers(where, grid.shape)
    text = canvas.patch_text(grid, "")
    size = f'width="{placed.width * ratio:.3f}" height="{placed.height * ratio:.3f}"'
    out = []
    for (row, column), value in np.ndenumerate(placed.values):
        if np.isnan(value):
            continue
        x, y = (placed.left + column * placed.width) * ratio, (placed.top + row * placed.height) * ratio
        said = _xml(text[int(order.values[row, column])])
        fill = _hex(scaled.coloured(value, colormap))
        clear = f' fill-opacity="{scaled.cover(value):.3f}"' * scaled.faded
        out.append(f'<rect x="{x:.3f}" y="{y:.3f}" {size} fill="{fill}"{clear}><title>{said}</title></rect>')
    return out


def _svg_lines(
    where: Geometry, shape: tuple[int, int], query: Sequence[int], truth: ArrayLike | None, ratio: float
) -> str:
    """The veil over what the model never saw and the outlines, in pixels of the original."""
    look = 'fill="#808080" fill-opacity="0.6" fill-rule="evenodd"'
    out = [f'<path id="unseen" d="{veil["path"]}" {look}/>' for veil in outlines.unseen(where)[:1]]
    for rim in outlines.truth_rims(truth, where) if truth is not None else ():
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in rim)
        out.append(f'<polyline points="{points}" stroke="{theme.TRUTH}" stroke-width="{2 / ratio:.3f}"/>')
    for one in outlines.rims(outlines.patch_boxes(where, shape, query)):
        line = one["line"]
        out.append(f'<path d="{one["path"]}" stroke="{line["color"]}" stroke-width="{line["width"] / ratio:.3f}"/>')
    return "".join(out)


def _svg_bar(scaled: Scaled, colormap: str, width: int, top: float) -> list[str]:
    length, places = width - 56, np.linspace(0, 1, 17)
    colours = scaled.on_paper(places, colormap, PAPER)
    stops = "".join(
        f'<stop offset="{place:.4f}" stop-color="{_hex(one)}"/>' for place, one in zip(places, colours, strict=True)
    )
    out = [f'<linearGradient id="scale">{stops}</linearGradient>']
    out.append(f'<rect x="28" y="{top + 8:.1f}" width="{length}" height="12" fill="url(#scale)"/>')
    for at, text in spaced(scaled, length, SVG_SIZE):
        x = 28 + (at - scaled.low) / (scaled.high - scaled.low) * length
        style = 'font-family="sans-serif" font-size="11" text-anchor="middle" fill="#1e1e1e"'
        out.append(f'<text x="{x:.1f}" y="{top + 34:.1f}" {style}>{_xml(text)}</text>')
    return out


def to_csv(values: ArrayLike, colours: NDArray[Any] | None = None) -> str:
    """A (rows, columns) map as text with one line per patch: row, column (both from 1) and the exact value.

    For maps that bring their own (rows, columns, 3) `colours`, three columns more hold red, green and blue from 0 to 1.

    >>> to_csv([[0.25, float("nan")]])
    'row,column,value\\n1,1,0.25\\n1,2,\\n'
    """
    grid = canvas.grid_of(values)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("row", "column", "value", *(() if colours is None else ("red", "green", "blue"))))
    for (row, column), value in np.ndenumerate(grid):
        # str of the array's own type gives the shortest text that reads back as the same number.
        numbers = [value, *(() if colours is None else colours[row, column])]
        exact = ("" if np.isnan(one) else str(one) for one in numbers)
        writer.writerow((row + theme.FIRST, column + theme.FIRST, *exact))
    return out.getvalue()


def standalone_html(fig: go.Figure) -> str:
    """`fig` as one HTML page that works without a network; about 5 MB, since it carries the drawing library."""
    return str(plotly.io.to_html(fig, include_plotlyjs=True, full_html=True, config={"displaylogo": False}))
