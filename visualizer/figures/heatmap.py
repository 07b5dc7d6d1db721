"""Maps without a picture: the patch grid alone, a whole queries x keys matrix, and signed values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures import stage
from visualizer.style import theme
from visualizer.style.scale import Scale, Scaled
from visualizer.style.scale import scale as scale_values
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

EXACT = 64
"""A matrix with more rows or columns than this is sent in 255 steps of colour instead of exact numbers."""
LARGEST = 256
"""A matrix with more rows or columns than this is drawn as means over blocks."""
STEPS = 254
"""Highest colour step; 255 is left for undefined cells, which stay clear."""


def patch_map(
    values: ArrayLike,
    *,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "raw",
    together: Any = None,
    query: Sequence[int] = (),
    clickable: bool = False,
    box: bool = False,
    labels: Sequence[str] | None = None,
    unit: str = "share of attention",
    title: str = "",
    height: int = 420,
) -> go.Figure:
    """The (rows, columns) grid alone, with a colour bar and the scale in words.

    Args: as for `visualizer.figures.overlay.overlay`.
    """
    grid = stage.grid_of(values)
    scaled = scale_values(grid, scale, together, unit=unit)
    return _grid(grid, scaled, theme.colorscale(colormap), query, clickable, box, labels, unit, title, height)


def signed(
    values: ArrayLike,
    *,
    colormap: str = theme.DIVERGENT,
    limit: float | None = None,
    query: Sequence[int] = (),
    clickable: bool = False,
    labels: Sequence[str] | None = None,
    unit: str = "difference",
    title: str = "",
    height: int = 420,
) -> go.Figure:
    """A (rows, columns) grid of signed values in a diverging map whose middle is always zero.

    Args:
        limit: value of the outermost colours; None means the largest absolute value.
    """
    grid = stage.grid_of(values)
    if colormap not in theme.DIVERGING:
        raise ValueError(f"colour map: want one of {', '.join(theme.DIVERGING)} for signed values, got {colormap!r}")
    scaled = symmetric(grid, unit, limit)
    return _grid(grid, scaled, theme.colorscale(colormap), query, clickable, False, labels, unit, title, height)


def symmetric(values: NDArray[Any], unit: str, limit: float | None = None) -> Scaled:
    """The scale from -limit to +limit; values beyond a given limit take the outermost colours, and are counted."""
    known = np.abs(values[np.isfinite(values)]).astype(np.float64)
    largest = float(known.max()) if known.size else 0.0
    end = largest if limit is None else float(limit)
    if limit is not None and not limit > 0:
        raise ValueError(f"limit: want more than 0, got {limit}")
    end, zero = (end, "") if end > 1e-12 else (1.0, "; every value is 0" if known.size else "; no value is defined")
    beyond = int((known > end).sum())
    note = f"; {beyond} beyond drawn like the ends" if beyond else ""
    text = tuple(("+" if v > 0 else "") + theme.short(v) for v in (-end, -end / 2, 0.0, end / 2, end))
    caption = f"colour: {unit}, {text[0]} to {text[-1]}, middle is 0{zero}{note}"
    return Scaled(values, -end, end, caption, (-end, -end / 2, 0.0, end / 2, end), text)


def _grid(
    grid: NDArray[Any],
    scaled: Scaled,
    colors: list[list[float | str]],
    query: Sequence[int],
    clickable: bool,
    box: bool,
    labels: Sequence[str] | None,
    unit: str,
    title: str,
    height: int,
) -> go.Figure:
    rows, columns = grid.shape
    where = Geometry.of(columns, rows)
    placed, text = where.place(scaled.values), stage.patch_text(grid, unit, labels)
    fig = go.Figure(
        go.Heatmap(
            z=placed.values.astype("float32"),
            **stage.cells(placed),
            zmin=scaled.low,
            zmax=scaled.high,
            colorscale=colors,
            colorbar=stage.colour_bar(scaled),
            hovertemplate="%{text}<extra></extra>",
            text=None if clickable else [text[r * columns : (r + 1) * columns] for r in range(rows)],
            hoverinfo="skip" if clickable else None,
            name="map",
        )
    )
    stage.picture_axes(fig, (0, 0, columns, rows))
    order = stage.numbers(where, (rows, columns))
    rim = {"type": "path", "path": stage.square((0, 0, columns, rows)), "line": {"color": theme.LINE, "width": 1}}
    fig.layout.shapes = [rim, *stage.outlines(order, query)]
    if clickable:
        x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
        fig.add_trace(stage.click_markers(x, y, np.arange(rows * columns, dtype=np.int32), text))
        stage.let_click(fig, box)
    caption = scaled.caption + ("\norange outline: query" if len(query) else "")
    return theme.base(fig, title=title, caption=caption, height=height, bottom=stage.BAR)


def matrix(
    weights: ArrayLike,
    query_axis: Axis,
    key_axis: Axis,
    *,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "raw",
    together: Any = None,
    unit: str = "share of attention",
    title: str = "",
    height: int = 520,
) -> go.Figure:
    """The whole (queries, keys) matrix of one head: a row is a query, its colours are what it reads from each key.

    More than 64 rows or columns are sent in 255 steps of colour, more than 256 as means over blocks; both are said
    under the figure. Lines part the special tokens from the rest.

    Raises:
        ValueError: the axes do not fit the weights.
    """
    full = stage.grid_of(weights, "weights")
    if full.shape != (len(query_axis), len(key_axis)):
        raise ValueError(f"weights: want {(len(query_axis), len(key_axis))} (queries, keys), got {full.shape}")
    step = -(-max(full.shape) // LARGEST)
    scaled = scale_values(block_means(full, step), scale, together, unit=unit)
    notes = [f"each cell drawn is the mean of {step} x {step} weights"] if step > 1 else []
    z, low, high, colors = scaled.values.astype("float32"), scaled.low, scaled.high, theme.colorscale(colormap)
    bar, value = stage.colour_bar(scaled, len=220), "%{z:.3g} " + theme.safe(unit).replace("%{", "% {")
    if max(z.shape) > EXACT:
        z, (low, high), colors = quantised(scaled), (0, 255), clear_end(colors)
        bar["tickvals"] = [(t - scaled.low) / (scaled.high - scaled.low) * STEPS for t in scaled.ticks]
        one = (scaled.high - scaled.low) / STEPS
        value = f"colour step %{{z}} of {STEPS}"
        notes.append(f"drawn in {STEPS} steps of {theme.short(one)}")
    elif scaled.caption.find("stretched") >= 0 or scaled.caption.find("logarithmic") >= 0:
        value = "%{z:.3g} on the scale below"
    fig = go.Figure(
        go.Heatmap(z=z, x0=(step - 1) / 2, dx=step, y0=(step - 1) / 2, dy=step, zmin=low, zmax=high, colorscale=colors)
    )
    fig.data[0].update(colorbar=bar, name="matrix", hovertemplate=f"query %{{y}}, key %{{x}}: {value}<extra></extra>")
    _token_axes(fig, query_axis, key_axis)
    caption = "\n".join([scaled.caption, *notes])
    return theme.base(fig, title=title, caption=caption, height=height, bottom=stage.BAR, top=70)


def block_means(full: NDArray[Any], step: int) -> NDArray[Any]:
    """Means over step x step blocks of the last two axes; edges average what is there, NaN is left out."""
    if step <= 1:
        return full
    rows, columns = full.shape[-2:]
    lead = [(0, 0)] * (full.ndim - 2)
    wide = np.pad(full.astype(np.float64), [*lead, (0, -rows % step), (0, -columns % step)], constant_values=np.nan)
    blocks = wide.reshape(*full.shape[:-2], wide.shape[-2] // step, step, wide.shape[-1] // step, step)
    known = np.isfinite(blocks)
    count = known.sum(axis=(-3, -1))
    total = np.where(known, blocks, 0).sum(axis=(-3, -1))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def quantised(scaled: Scaled) -> NDArray[np.uint8]:
    """The scaled values in 0 to 254 steps as bytes; 255 is undefined."""
    return np.where(np.isnan(scaled.values), 255, np.round(np.nan_to_num(scaled.unit_interval()) * STEPS)).astype(
        np.uint8
    )


def clear_end(colors: list[list[float | str]]) -> list[list[float | str]]:
    """The scale for bytes from `quantised`: 0 to 254 in colour, 255 clear; for a range of 0 to 255."""
    edge = (STEPS + 0.5) / 255
    inner = [[round(float(at) * STEPS / 255, 6), colour] for at, colour in colors]
    last, clear = inner[-1][1], "rgba(0,0,0,0)"
    return [*inner, [edge, last], [edge, clear], [1.0, clear]]


def _token_axes(fig: go.Figure, query_axis: Axis, key_axis: Axis) -> None:
    common = {"showgrid": False, "zeroline": False, "fixedrange": True, "constrain": "domain", "ticks": "outside"}
    for name, axis, word in (("xaxis", key_axis, "keys (read from)"), ("yaxis", query_axis, "queries (that read)")):
        places, words = _ticks(axis)
        font = {"size": theme.SMALL}
        fig.layout[name] = {**common, "tickvals": places, "ticktext": words, "tickfont": font, "automargin": True}
        fig.layout[name].title = {"text": word, "font": {"size": theme.FONT_SIZE}, "standoff": 4}
    keys, queries = len(key_axis), len(query_axis)
    fig.update_xaxes(range=[-0.5, keys - 0.5], side="top", tickangle=-45)
    fig.update_yaxes(range=[queries - 0.5, -0.5])
    if max(keys, queries) < 4 * min(keys, queries):
        fig.update_yaxes(scaleanchor="x")
    lines = [f"M{n - 0.5},-0.5V{queries - 0.5}" for n in (key_axis.prefix,) if n]
    lines += [f"M-0.5,{n - 0.5}H{keys - 0.5}" for n in (query_axis.prefix,) if n]
    if lines:
        fig.add_shape(type="path", path="".join(lines), line={"color": theme.QUERY[1], "width": 1.5})


def _ticks(axis: Axis, most: int = 24) -> tuple[list[int], list[str]]:
    """Where to name tokens: every special one that fits, then words, regions or rows of patches at even steps."""
    special = list(range(min(axis.prefix, 3)))
    stride = axis.grid[1] if axis.kind == "patches" and axis.grid else 1
    rest = list(range(axis.prefix, len(axis), stride))
    if axis.kind == "patches":
        every = -(-len(rest) // 5)
        # The first row of patches would be printed over the special tokens.
        rest = rest[every if special else 0 :: every]
        words = [f"row {(t - axis.prefix) // stride + theme.FIRST}" for t in rest]
    else:
        rest = rest[:: -(-max(len(rest), 1) // most)]
        words = [theme.safe(axis.name(t)) for t in rest]
    return special + rest, [theme.safe(axis.special[t]) for t in special] + words
