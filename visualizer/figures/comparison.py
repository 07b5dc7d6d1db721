"""Two maps side by side on one shared scale, with their signed difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import picture, stage
from visualizer.figures.heatmap import symmetric
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.style.scale import scale as scale_values
from vit_attention.records.geometry import Geometry

Span = tuple[float, float]
GAP = 0.03
"""Room between panels, as a share of the whole width."""


def before_after(
    image: Image.Image | tuple[Image.Image, Image.Image],
    first: ArrayLike,
    second: ArrayLike,
    names: tuple[str, str] = ("before", "after"),
    geometry: Geometry | tuple[Geometry | None, Geometry | None] | None = None,
    difference: bool = True,
    *,
    colormap: str = theme.COLORMAP,
    diverging: str = theme.DIVERGENT,
    opacity: float = 0.6,
    scale: str | Scale = "shared",
    query: Sequence[int] = (),
    unit: str = "share of attention",
    title: str = "",
    narrow: bool = False,
    height: int | None = None,
) -> go.Figure:
    """Two maps in panels of equal size on one scale, and (second - first) with zero fixed in the middle.

    Args:
        image, geometry: one for both, or a pair. The difference lies on the first picture.
        first, second: (rows, columns) each; they may differ in shape, but then there is no difference to draw.
        names: what the panels are called, plain text.
        difference: draw the third panel.
        scale: any mode; both maps are scaled together, "per map" each by itself.
        query: patch numbers to outline in every panel.
        narrow: put the difference under the two maps instead of beside them, for narrow columns and phones.
        height: whole height in pixels; None fits the arrangement.

    Raises:
        ValueError: a difference of maps of unequal shape, or an unknown scale or colour map.
    """
    images = image if isinstance(image, tuple) else (image, image)
    wheres = geometry if isinstance(geometry, tuple) else (geometry, geometry)
    where = [stage.fitting(one, g) for one, g in zip(images, wheres, strict=True)]
    grids = [stage.grid_of(first, "first"), stage.grid_of(second, "second")]
    if difference and grids[0].shape != grids[1].shape:
        raise ValueError(f"difference: want two maps of one shape, got {grids[0].shape} and {grids[1].shape}")
    drawn, scaled = _both(grids, scale, unit)
    fig = go.Figure()
    spans, bars = _places(difference, narrow)
    colors = {"zmin": scaled.low, "zmax": scaled.high, "colorscale": theme.colorscale(colormap), "opacity": opacity}
    bar = stage.colour_bar(scaled, **bars[0], tickvals=_thin(scaled.ticks), ticktext=_thin(scaled.tick_text))
    for n in range(2):
        text = stage.patch_text(grids[n], unit)
        trace = _panel(fig, n + 1, images[n], where[n], drawn[n], text, spans[n], query)
        trace.update(**colors, showscale=n == 0, colorbar=bar if n == 0 else None, name=theme.safe(names[n]))
    captions = [scaled.caption]
    if difference:
        captions.append(
            _difference(fig, images[0], where[0], grids, spans[2], bars[1], query, diverging, unit, opacity)
        )
    heads = [*names, f"{names[1]} minus {names[0]}"][: len(spans)]
    for n, name in enumerate(heads):
        _name(fig, name, n)
    if len(query):
        captions.append("orange outline: query")
    tall = height or (620 if narrow and difference else 400)
    return theme.base(fig, title=title, caption="\n".join(captions), height=tall, bottom=stage.BAR + 4, top=36)


def _places(difference: bool, narrow: bool) -> tuple[list[tuple[Span, Span]], list[dict[str, Any]]]:
    """(across, down) of each panel, all of one size, and place and length of the two colour bars."""
    half, third = (1 - GAP) / 2, (1 - 2 * GAP) / 3
    left, right = {"x": 0.24, "len": 0.36, "lenmode": "fraction"}, {"x": 0.76, "len": 0.36, "lenmode": "fraction"}
    if not difference:
        return [((0, half), (0, 1)), ((half + GAP, 1), (0, 1))], [{"lenmode": "fraction", "len": 0.8}]
    if narrow:
        upper, lower = (0.54, 1), (0, 0.46)
        middle = (0.5 - half / 2, 0.5 + half / 2)
        return [((0, half), upper), ((half + GAP, 1), upper), (middle, lower)], [left, right]
    starts = [n * (third + GAP) for n in range(3)]
    wide, short = {**left, "x": third + GAP / 2, "len": 1.5 * third}, {**right, "x": 1 - third / 2, "len": 0.7 * third}
    return [((start, start + third), (0, 1)) for start in starts], [wide, short]


def _both(grids: list[Any], scale: str | Scale, unit: str) -> tuple[list[Any], Any]:
    """Both maps scaled by one range; maps of unequal shape share it as well."""
    mode = "shared" if scale == "raw" else scale
    rows, columns = (max(one.shape[axis] for one in grids) for axis in range(2))
    stack = np.full((2, rows, columns), np.nan)
    for layer, one in zip(stack, grids, strict=True):
        layer[: one.shape[0], : one.shape[1]] = one
    scaled = scale_values(stack, mode, stack, unit=unit)
    return [drawn[: g.shape[0], : g.shape[1]] for drawn, g in zip(scaled.values, grids, strict=True)], scaled


def _thin(ticks: Sequence[Any]) -> list[Any]:
    """First, middle and last: panels are narrow."""
    return [ticks[0], ticks[len(ticks) // 2], ticks[-1]] if len(ticks) > 3 else list(ticks)


def _panel(
    fig: go.Figure,
    number: int,
    image: Image.Image,
    where: Geometry,
    drawn: Any,
    text: Sequence[str],
    span: tuple[Span, Span],
    query: Sequence[int],
) -> go.Heatmap:
    """Picture, axes, outlines and one heatmap trace, whose colours the caller sets."""
    tag = "" if number == 1 else str(number)
    axes = (f"x{tag}", f"y{tag}")
    placed, order = where.place(drawn), stage.numbers(where, drawn.shape)
    fig.add_layout_image(picture.layout_image(image, *where.original, axes=axes, max_side=336))
    stage.picture_axes(fig, stage.extent(where), number, span[0], domain=list(span[1]))
    fig.layout.shapes = [*fig.layout.shapes, *stage.unseen(where, axes), *stage.outlines(order, query, axes)]
    trace = go.Heatmap(z=placed.values.astype(np.float32), **stage.cells(placed), xaxis=axes[0], yaxis=axes[1])
    trace.update(text=[[text[n] for n in row] for row in order.values.tolist()], hovertemplate="%{text}<extra></extra>")
    fig.add_trace(trace)
    return fig.data[-1]


def _difference(
    fig: go.Figure,
    image: Image.Image,
    where: Geometry,
    grids: list[Any],
    span: tuple[Span, Span],
    place: dict[str, Any],
    query: Sequence[int],
    diverging: str,
    unit: str,
    opacity: float,
) -> str:
    """Draw the third panel; returns its caption."""
    if diverging not in theme.DIVERGING:
        raise ValueError(f"diverging: want one of {', '.join(theme.DIVERGING)}, got {diverging!r}")
    gap = grids[1].astype(np.float64) - grids[0].astype(np.float64)
    scaled = symmetric(gap, f"difference in {unit}", None)
    trace = _panel(fig, 3, image, where, gap, stage.patch_text(gap, unit), span, query)
    bar = stage.colour_bar(scaled, **place)
    bar.update(tickvals=[scaled.low, 0.0, scaled.high], ticktext=[scaled.tick_text[0], "0", scaled.tick_text[-1]])
    trace.update(zmin=scaled.low, zmid=0, zmax=scaled.high, colorscale=theme.colorscale(diverging), colorbar=bar)
    trace.update(opacity=max(opacity, 0.8), name="difference")
    return "difference: " + scaled.caption.removeprefix("colour: difference in ")


def _name(fig: go.Figure, name: str, number: int) -> None:
    """The panel's name over its picture, wherever equal scales leave the picture inside its panel."""
    tag = "" if number == 0 else str(number + 1)
    style = {"showarrow": False, "xanchor": "center", "yanchor": "bottom", "font_size": theme.SMALL + 1}
    refs = {"xref": f"x{tag} domain", "yref": f"y{tag} domain"}
    fig.add_annotation(x=0.5, y=1, text=theme.safe(name, 17), name=f"panel {number + 1}", **refs, **style)
