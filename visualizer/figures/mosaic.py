"""Many maps in one figure as one trace: the heads of a layer, and the atlas of all layers and heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures import head_table, stage
from visualizer.figures.heatmap import STEPS, block_means, clear_end, quantised
from visualizer.style import theme
from visualizer.style.scale import Scale, Scaled
from visualizer.style.scale import scale as scale_values

CELLS = 30_000
"""Most cells in one figure; at one byte each the figure stays under 60 kB. Larger grids are drawn as block means."""


def head_grid(
    maps: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    per_row: int | None = None,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "shared",
    together: Any = None,
    chosen: int | None = None,
    clickable: bool = False,
    unit: str = "share of attention",
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """The (heads, rows, columns) maps of one layer side by side, each under its name and caption.

    Args:
        names: one plain text per head; None means "head 1" and so on.
        captions: a second line per head, such as its entropy.
        per_row: heads in a row; None means 4, or fewer if there are fewer.
        scale: "shared", "per map", "log" or "clipped"; "raw" means "shared" here.
        together: all maps that share the range, to compare layers.
        chosen: number of a head to outline.
        clickable: a click reports the head's number, from 0.

    Raises:
        ValueError: another shape, or names or captions that do not fit the heads.
    """
    stack = np.asarray(maps)
    if stack.ndim != 3 or not stack.size:
        raise ValueError(f"maps: want (heads, rows, columns), got shape {stack.shape}")
    heads = len(stack)
    label = _head_labels(heads, names, captions)
    across = min(per_row or 4, heads)
    scaled, step = _scaled(stack, scale, together, unit)
    rows, columns = scaled.values.shape[1:]
    gap, strip = max(1, columns // 14), round((0.42 if captions is not None else 0.26) * columns)
    sheet, corners = _sheet(quantised(scaled), across, gap, strip)
    fig = _figure(sheet, scaled, colormap, (1.0, 1.0))
    stage.picture_axes(fig, (0, 0, sheet.shape[1], sheet.shape[0]))
    if chosen is not None:
        top, left = corners[head_table.within(chosen, heads, "chosen")]
        fig.layout.shapes = head_table.two_tone((left, top, left + columns, top + rows))
    if clickable:
        middle = np.array([(left + columns / 2, top + rows / 2) for top, left in corners])
        fig.add_trace(stage.click_markers(middle[:, 0], middle[:, 1], np.arange(heads, dtype=np.int32), label))
        stage.let_click(fig)
    tall = height or min(900, 130 + round(560 * min(1.2, sheet.shape[0] / sheet.shape[1])))
    theme.base(fig, title=title, caption=_caption(scaled, step), height=tall, bottom=stage.BAR)
    style = {"showarrow": False, "yanchor": "bottom", "font": {"size": theme.SMALL}, "borderpad": 1}
    named = [
        {"x": left + columns / 2, "y": top, "text": text, **style}
        for (top, left), text in zip(corners, label, strict=True)
    ]
    # All at once: each single add_annotation checks and copies all that are there already.
    fig.layout.annotations = [*named, *(one.to_plotly_json() for one in fig.layout.annotations)]
    return fig


def atlas(
    maps: NDArray[Any] | Sequence[Any],
    *,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "per map",
    chosen: tuple[int, int] | None = None,
    layers: Sequence[int] | None = None,
    unit: str = "share of attention",
    title: str = "",
    height: int = 560,
) -> go.Figure:
    """All maps of a model, layers down and heads across, as one trace of bytes; a click reports [layer, head].

    Args:
        maps: (layers, heads, rows, columns), or one (heads, rows, columns) per layer if heads or grids differ.
        scale: "per map" to compare shapes or "shared" to compare sizes; also "log" and "clipped".
        chosen: (layer, head), counted from 0, to outline.
        layers: original numbers of the layers, counted from 0, if not all are given.

    Raises:
        ValueError: another shape, or `chosen` outside.
    """
    given = [np.asarray(one) for one in maps]
    for at, one in enumerate(given):
        if one.ndim != 3 or not one.size:
            raise ValueError(f"maps: want (heads, rows, columns) in layer {at}, got shape {one.shape}")
    depth = list(range(len(given))) if layers is None else [int(n) for n in layers]
    if not given or len(depth) != len(given):
        raise ValueError(f"layers: want one number per layer, got {len(depth)} for {len(given)}")
    counts = [len(one) for one in given]
    scaled, step = _scaled(_stack(given), scale, None, unit)
    rows, columns = scaled.values.shape[2:]
    wide = quantised(scaled).transpose(0, 2, 1, 3).reshape(len(given) * rows, max(counts) * columns)
    fig = _figure(wide, scaled, colormap, (1 / columns, 1 / rows), theme.FIRST - 0.5)
    head_table.head_axes(fig, len(given), max(counts), depth, rows / columns)
    head_table.outline_cell(fig, chosen, counts)
    head_table.head_markers(fig, counts, depth, [_peak(one) for layer in given for one in layer])
    return theme.base(fig, title=title, caption=_caption(scaled, step), height=height, bottom=stage.BAR, top=42)


def _head_labels(heads: int, names: Sequence[str] | None, captions: Sequence[str] | None) -> list[str]:
    for word, given in (("names", names), ("captions", captions)):
        if given is not None and len(given) != heads:
            raise ValueError(f"{word}: want {heads}, one per head, got {len(given)}")
    first = names if names is not None else [f"head {h + theme.FIRST}" for h in range(heads)]
    second = captions if captions is not None else [""] * heads
    return [theme.safe(a) + (f"<br>{theme.safe(b)}" if b else "") for a, b in zip(first, second, strict=True)]


def _stack(given: list[NDArray[Any]]) -> NDArray[np.float32]:
    """(layers, most heads, most rows, most columns); missing heads are NaN, coarser grids repeat their cells."""
    heads, rows, columns = (max(one.shape[axis] for one in given) for axis in range(3))
    out = np.full((len(given), heads, rows, columns), np.nan, np.float32)
    for layer, one in zip(out, given, strict=True):
        down, across = np.arange(rows) * one.shape[1] // rows, np.arange(columns) * one.shape[2] // columns
        layer[: len(one)] = one[:, down][:, :, across]
    return out


def _scaled(stack: NDArray[Any], scale: str | Scale, together: Any, unit: str) -> tuple[Scaled, int]:
    """Scale the stack as one, after means over step x step blocks if it is too large to send."""
    step = 1
    while stack.size / step**2 > CELLS and step < max(stack.shape[-2:]):
        step += 1
    drawn = block_means(stack, step)
    mode = "shared" if scale == "raw" else scale
    return scale_values(drawn, mode, drawn if together is None else together, unit=unit), step


def _caption(scaled: Scaled, step: int) -> str:
    return scaled.caption + (f"\neach cell drawn is the mean of {step} x {step} patches" if step > 1 else "")


def _sheet(
    tiles: NDArray[np.uint8], across: int, gap: int, strip: int
) -> tuple[NDArray[np.uint8], list[tuple[int, int]]]:
    """Tiles on one sheet, `across` in a row under strips for their names; also the (top, left) of each."""
    heads, rows, columns = tiles.shape
    down = -(-heads // across)
    sheet = np.full((down * (rows + strip), across * (columns + gap) - gap), 255, np.uint8)
    corners = [((h // across) * (rows + strip) + strip, (h % across) * (columns + gap)) for h in range(heads)]
    for tile, (top, left) in zip(tiles, corners, strict=True):
        sheet[top : top + rows, left : left + columns] = tile
    return sheet, corners


def _figure(
    sheet: NDArray[np.uint8], scaled: Scaled, colormap: str, step: tuple[float, float], start: float = 0.0
) -> go.Figure:
    bar = stage.colour_bar(scaled)
    bar["tickvals"] = [(t - scaled.low) / (scaled.high - scaled.low) * STEPS for t in scaled.ticks]
    place = {"x0": start + step[0] / 2, "dx": step[0], "y0": start + step[1] / 2, "dy": step[1]}
    colors = clear_end(theme.colorscale(colormap))
    trace = go.Heatmap(
        z=sheet, **place, zmin=0, zmax=255, colorscale=colors, colorbar=bar, hoverinfo="skip", name="maps"
    )
    return go.Figure(trace)


def _peak(one: NDArray[Any]) -> str:
    known = one[np.isfinite(one)]
    return f"max {theme.short(known.max())}" if known.size else "not defined"
