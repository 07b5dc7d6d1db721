"""Maps side by side on one shared scale: any number of them, or two with their signed difference."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from PIL import Image

from visualizer.figures import canvas, outlines
from visualizer.method.base import Map, scale_of
from visualizer.style import theme
from visualizer.style.scale import Scale, symmetric
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError, shown
from vit_attention.records.geometry import Geometry

Span = tuple[float, float]
GAP = 0.03
"""Room between panels, as a share of the whole width."""
ACROSS, NARROW = 4, 2
"""Most panels in a row, and most on a phone, where they then are 150 pixels wide."""


def side_by_side(
    image: Image.Image | Sequence[Image.Image],
    maps: Sequence[Map],
    names: Sequence[str] | None = None,
    *,
    scale: str | Scale = "shared",
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    fade: bool = False,
    title: str = "",
    narrow: bool = False,
    height: int | None = None,
) -> go.Figure:
    """Maps of any models, classes, layers or methods in panels of equal size, all on one scale.

    Args:
        image: the picture, or one for each map.
        maps: what methods return; their grids may differ.
        names: of the panels, plain text; None takes what each map shows.
        scale: any mode; all maps are scaled together, "per map" each by itself.
        colormap, opacity, fade, title: as for `visualizer.figures.overlay.overlay`.
        narrow: two panels in a row, for narrow columns and phones.
        height: in pixels; None fits the number of panels.

    Raises:
        ValueError: no maps, a map over text, or not one picture or name for each map.
    """
    strange = next((one for one in maps if not isinstance(one, Map)), None)
    if strange is not None:
        want = 'maps of methods, such as methods()["raw"](record)'
        raise GateError("maps", want, f"{type(strange).__name__}; before_after takes arrays")
    if any(one.axis.kind == "text" for one in maps):
        advice = "Draw each with record.show(...), or its layers with step=."
        raise GateError("maps", "maps over a picture", "one over the tokens of a text", advice=advice)
    images = [image] * len(maps) if isinstance(image, Image.Image) else list(image)
    canvas.one_each(len(maps), "map", names=names)
    if len(images) != len(maps):
        raise GateError("image", f"one picture, or {len(maps)}, one per map", f"{len(images)}")
    grids, units = canvas.grids_of(one.values for one in maps), list(dict.fromkeys(one.unit for one in maps))
    signed = True if any(one.signed for one in maps) else None
    mode = scale_of(maps, scale)
    drawn, scaled = canvas.scale_all(grids, mode, None, units[0] if len(units) == 1 else "each map's own unit", signed)
    scaled = scaled.fading(fade)
    across = min(len(maps), NARROW if narrow else ACROSS)
    heads = [
        _name(head, n + 1, 24 if narrow else 88 // across) for n, head in enumerate(names or [m.words for m in maps])
    ]
    over = 8 + 16 * max(head["text"].count("<br>") + 1 for head in heads)
    side = 160 if narrow else min(300, 540 // across)
    height = height or 110 + -(-len(maps) // across) * (side + over)
    spans = _lattice(len(maps), across, over / height)
    bar = canvas.colour_bar(scaled, lenmode="fraction", len=0.8)
    fig = Sketch()
    for n, (one, picture, grid) in enumerate(zip(maps, images, grids, strict=True)):
        where = canvas.fitting(picture, one.geometry)
        trace = canvas.heat(where.place(drawn[n]), scaled, colormap, opacity=opacity)
        trace |= {"showscale": n == 0 and scaled.palette is None, "colorbar": bar if n == 0 else None}
        _panel(fig, n + 1, trace, scaled.under(picture), where, grid, one.unit, spans[n], one.patches)
    captions = [scaled.caption, *([f"units differ: {'; '.join(units)}"] if len(units) > 1 else [])]
    captions += ["orange outline: query"] if any(one.patches for one in maps) else []
    return fig.figure(
        title=title,
        caption=captions,
        labels=heads,
        height=height,
        bottom=canvas.below(scaled) + 4,
        top=over,
    )


def _lattice(count: int, columns: int, over: float) -> list[tuple[Span, Span]]:
    """(across, down) of so many panels, `columns` in a row; `over` is the room above a row, as a share of the height."""
    rows = -(-count // columns)
    wide, tall = (1 - GAP * (columns - 1)) / columns, (1 - over * (rows - 1)) / rows
    starts = [(n % columns * (wide + GAP), 1 - n // columns * (tall + over)) for n in range(count)]
    return [((left, left + wide), (max(0.0, top - tall), top)) for left, top in starts]


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
    fade: bool = False,
    scale: str | Scale = "shared",
    query: Sequence[int] = (),
    outlined: str = "query",
    clickable: bool = False,
    unit: str = "share of attention",
    title: str = "",
    narrow: bool = False,
    height: int | None = None,
) -> go.Figure:
    """Two maps in panels of one size on one scale, and (second - first) with zero fixed in the middle.

    Args:
        image, geometry: one for both, or a pair. The difference lies on the first picture.
        first, second: (rows, columns) each; they may differ in shape, but then there is no difference to draw.
        names: what the panels are called, plain text.
        difference: draw the third panel.
        colormap, opacity, fade, unit, title: as for `visualizer.figures.overlay.overlay`.
        diverging: colours of the difference, one of `theme.DIVERGING`.
        scale: any mode; both maps are scaled together, "per map" each by itself.
        query: patch numbers to outline in every panel.
        outlined: what the outlined patches are, for the caption.
        clickable: let a click in any panel report the number of its patch.
        narrow: put the difference under the two maps, twice as large, instead of beside them; for narrow columns and phones. Two
            maps that are `clickable` stand one above the other, so that a finger can tell patches apart.
        height: whole height in pixels; None fits the arrangement.

    Raises:
        ValueError: a difference of maps of unequal shape, or an unknown scale or colour map.
    """
    images = image if isinstance(image, tuple) else (image, image)
    wheres = geometry if isinstance(geometry, tuple) else (geometry, geometry)
    where = [canvas.fitting(one, g) for one, g in zip(images, wheres, strict=True)]
    grids = [canvas.grid_of(first, "first"), canvas.grid_of(second, "second")]
    if difference and grids[0].shape != grids[1].shape:
        raise GateError("difference", "two maps of one shape", f"{grids[0].shape} and {grids[1].shape}")
    drawn, scaled = canvas.scale_all(grids, scale, None, unit)
    scaled = scaled.fading(fade)
    stacked = narrow and clickable and not difference
    spans, bars = (
        (_lattice(2, 1, 0.05), [{"lenmode": "fraction", "len": 0.8}]) if stacked else _places(difference, narrow)
    )
    few = (0, len(scaled.ticks) // 2, -1) if len(scaled.ticks) > 3 else range(len(scaled.ticks))  # panels are narrow
    ticks = {"tickvals": [scaled.ticks[n] for n in few], "ticktext": [scaled.tick_text[n] for n in few]}
    bar = canvas.colour_bar(scaled, **bars[0], **ticks)
    fig = Sketch()
    for n in range(2):
        trace = canvas.heat(where[n].place(drawn[n]), scaled, colormap, opacity=opacity, name=theme.safe(names[n]))
        trace |= {"showscale": n == 0, "colorbar": bar if n == 0 else None}
        _panel(fig, n + 1, trace, scaled.under(images[n]), where[n], grids[n], unit, spans[n], query, clickable)
    captions, heads = [scaled.caption], [*names]
    if difference:
        if diverging not in theme.DIVERGING:
            raise GateError("diverging", f"one of {', '.join(theme.DIVERGING)}", shown(diverging))
        gap = grids[1].astype(np.float64) - grids[0].astype(np.float64)
        scaled = symmetric(gap, f"difference in {unit}", None).fading(fade)
        ends = {"tickvals": scaled.ticks[::2], "ticktext": scaled.tick_text[::2]}
        look = {"zmid": 0, "colorbar": canvas.colour_bar(scaled, **bars[1], **ends), "name": "difference"}
        trace = canvas.heat(where[0].place(gap), scaled, diverging, opacity=max(opacity, 0.8), **look)
        _panel(fig, 3, trace, scaled.under(images[0]), where[0], gap, unit, spans[2], query, clickable)
        captions.append("difference: " + scaled.caption.removeprefix("colour: difference in "))
        heads.append(f"{names[1]} minus {names[0]}")
    if len(query):
        captions.append(f"orange outline: {outlined}")
    return fig.figure(
        title=title,
        caption=captions,
        labels=[_name(head, n + 1) for n, head in enumerate(heads)],
        height=height or (700 if (narrow and difference) or stacked else 400),
        bottom=canvas.BAR + 4,
        top=36,
    )


def _places(difference: bool, narrow: bool) -> tuple[list[tuple[Span, Span]], list[dict[str, Any]]]:
    """(across, down) of each panel, and place and length of the two colour bars.

    All panels are of one size; where they are narrow, the difference is twice as large as the two over it.
    """
    half, third = (1 - GAP) / 2, (1 - 2 * GAP) / 3
    left, right = {"x": 0.24, "len": 0.36, "lenmode": "fraction"}, {"x": 0.76, "len": 0.36, "lenmode": "fraction"}
    if not difference:
        return [((0, half), (0, 1)), ((half + GAP, 1), (0, 1))], [{"lenmode": "fraction", "len": 0.8}]
    if narrow:
        upper, lower = (0.7, 1), (0, 0.62)
        return [((0, half), upper), ((half + GAP, 1), upper), ((0, 1), lower)], [left, right]
    starts = [n * (third + GAP) for n in range(3)]
    wide, short = {**left, "x": third + GAP / 2, "len": 1.5 * third}, {**right, "x": 1 - third / 2, "len": 0.7 * third}
    return [((start, start + third), (0, 1)) for start in starts], [wide, short]


def _panel(
    fig: Sketch,
    number: int,
    trace: dict[str, Any],
    image: Image.Image,
    where: Geometry,
    values: Any,
    unit: str,
    span: tuple[Span, Span],
    query: Sequence[int],
    clickable: bool = False,
) -> None:
    """Add `trace` on its picture, with axes, outlines and texts to hover over, or markers to click."""
    axes = canvas.axes_of(number)
    canvas.add_picture(
        fig, image, where, number=number, max_side=canvas.SMALL_SIDE, across=span[0], domain=list(span[1])
    )
    fig.layout["shapes"] += outlines.rims(outlines.patch_boxes(where, values.shape, query), axes=axes)
    own, texts = {"xaxis": axes[0], "yaxis": axes[1]}, canvas.patch_text(values, unit)
    if not clickable:
        canvas.hover(trace, where, values.shape, texts)
    fig.data.append({**trace, **own})
    if clickable:
        canvas.add_patches(fig, where, values.shape, texts)
        fig.data[-1] |= own


def _name(name: str, number: int, width: int = 17) -> dict[str, Any]:
    """The panel's name over its picture, wherever equal scales leave the picture inside its panel."""
    x, y = canvas.axes_of(number)
    place = {"x": 0.5, "xref": f"{x} domain", "xanchor": "center", "y": 1, "yref": f"{y} domain", "yanchor": "bottom"}
    return {
        "text": theme.safe(name, width),
        "name": f"panel {number}",
        "showarrow": False,
        "font": {"size": theme.SMALL},
        **place,
    }
