"""The overlay as SVG: sharp at every size, and its text stays text."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.figures import picture, stage
from visualizer.figures.composite import legend_lines, truth_rims
from visualizer.style import theme
from visualizer.style.scale import Scale, Scaled
from visualizer.style.scale import scale as scale_values
from visualizer.words.plain import printable
from vit_attention.records.geometry import Geometry


def overlay_svg(
    image: Image.Image,
    values: ArrayLike,
    geometry: Geometry | None = None,
    caption: str = "",
    *,
    settings: str = "",
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    scale: str | Scale = "raw",
    together: Any = None,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    unit: str = "share of attention",
    width: int = 448,
) -> bytes:
    """The overlay as SVG: the picture inside as JPEG, every patch a rectangle with its value, text that stays text.

    Args: as for `composite`.
    """
    grid = stage.grid_of(values)
    where = stage.fitting(image, geometry)
    scaled = scale_values(grid, scale, together, unit=unit)
    ratio = width / where.original[0]
    high = where.original[1] * ratio
    lines = legend_lines(scaled, where, caption, settings, query, truth, width)
    total = high + 46 + 17 * len(lines) + 6
    size = f'width="{width}" height="{total:.0f}" viewBox="0 0 {width} {total:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<title>{_xml(caption or scaled.caption)}</title>",
        f'<rect width="{width}" height="{total:.0f}" fill="#ffffff"/>',
        f'<image href="{picture.data_uri(image)}" width="{width}" height="{high:.2f}" preserveAspectRatio="none"/>',
        f'<clipPath id="picture"><rect width="{width}" height="{high:.2f}"/></clipPath>',
        f'<g id="map" opacity="{opacity}" clip-path="url(#picture)" shape-rendering="crispEdges">',
        *_rects(grid, scaled, where, colormap, ratio),
        "</g>",
        f'<g fill="none" transform="scale({ratio:.6f})">{_svg_lines(where, grid.shape, query, truth, ratio)}</g>',
        *_svg_bar(scaled, colormap, width, high),
        '<g id="legend" font-family="sans-serif" font-size="12" fill="#1e1e1e">',
        *(f'<text x="8" y="{high + 56 + 17 * n:.1f}">{_xml(line)}</text>' for n, line in enumerate(lines)),
        "</g></svg>",
    ]
    return "\n".join(parts).encode("utf-8")


def _xml(text: object) -> str:
    """`text` for XML: escaped, and without the control characters that XML cannot hold."""
    return html.escape(printable(text))


def _hex(colour: NDArray[Any]) -> str:
    return "#" + bytes(colour.tolist()).hex()


def _rects(grid: NDArray[Any], scaled: Scaled, where: Geometry, colormap: str, ratio: float) -> list[str]:
    placed, order = where.place(scaled.unit_interval()), stage.numbers(where, grid.shape)
    colours, text = theme.table(colormap), stage.patch_text(grid, "")
    size = f'width="{placed.width * ratio:.3f}" height="{placed.height * ratio:.3f}"'
    out = []
    for (row, column), value in np.ndenumerate(placed.values):
        if np.isnan(value):
            continue
        x, y = (placed.left + column * placed.width) * ratio, (placed.top + row * placed.height) * ratio
        said = _xml(text[int(order.values[row, column])])
        fill = _hex(colours[round(float(value) * 255)])
        out.append(f'<rect x="{x:.3f}" y="{y:.3f}" {size} fill="{fill}"><title>{said}</title></rect>')
    return out


def _svg_lines(
    where: Geometry, shape: tuple[int, int], query: Sequence[int], truth: ArrayLike | None, ratio: float
) -> str:
    """The veil over what the model never saw and the outlines, in pixels of the original."""
    out = []
    if stage.hides(where):
        veil = stage.unseen(where)[0]["path"]
        out.append(f'<path id="unseen" d="{veil}" fill="#808080" fill-opacity="0.6" fill-rule="evenodd"/>')
    for rim in truth_rims(truth, where) if truth is not None else ():
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in rim)
        out.append(f'<polyline points="{points}" stroke="{theme.TRUTH}" stroke-width="{2 / ratio:.3f}"/>')
    for one in stage.outlines(stage.numbers(where, shape), query):
        line = one["line"]
        out.append(f'<path d="{one["path"]}" stroke="{line["color"]}" stroke-width="{line["width"] / ratio:.3f}"/>')
    return "".join(out)


def _svg_bar(scaled: Scaled, colormap: str, width: int, top: float) -> list[str]:
    length, colours = width - 56, theme.table(colormap)
    stops = "".join(
        f'<stop offset="{n / 16:.4f}" stop-color="{_hex(colours[round(n * 255 / 16)])}"/>' for n in range(17)
    )
    out = [f'<linearGradient id="scale">{stops}</linearGradient>']
    out.append(f'<rect x="28" y="{top + 8:.1f}" width="{length}" height="12" fill="url(#scale)"/>')
    for at, text in zip(scaled.ticks, scaled.tick_text, strict=True):
        x = 28 + (at - scaled.low) / (scaled.high - scaled.low) * length
        style = 'font-family="sans-serif" font-size="11" text-anchor="middle" fill="#1e1e1e"'
        out.append(f'<text x="{x:.1f}" y="{top + 34:.1f}" {style}>{_xml(text)}</text>')
    return out
