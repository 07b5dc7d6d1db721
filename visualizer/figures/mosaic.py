"""Many maps in one figure as one trace: the heads of a layer, and the atlas of all layers and heads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures import canvas, outlines
from visualizer.figures.heatmap import block_means, quantised, stepped
from visualizer.figures.summary import head_table
from visualizer.measures import undefined
from visualizer.style import theme
from visualizer.style.scale import Scale, Scaled, apply_scale
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError
from vit_attention.records.geometry import Placed

AROUND, PHONE = 130, 326
"""Pixels of a sheet's figure that are not the sheet, and what a phone has for it across."""
WORDS = 18, 34
"""Pixels over a map for its name, and for its name and its caption."""
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
    note: str = "",
    title: str = "",
    height: int | None = None,
    cell: float = 1.0,
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
        note: a further line of the caption.
        cell: how high a cell is over its width.

    Raises:
        ValueError: another shape, or names or captions that do not fit the heads.
    """
    stack = undefined.shaped(maps, "maps", "(heads, rows, columns)")
    heads = len(stack)
    canvas.one_each(heads, "head", names=names, captions=captions)
    scaled, caption = _scaled(stack, scale, together, unit)
    rows, columns = scaled.values.shape[1:]
    across, gap = min(per_row or 4, heads), max(1, columns // 14)
    room = (height or theme.HEIGHT) - AROUND
    words = WORDS[captions is not None] / cell
    strip = _strip((columns, rows), (across, -(-heads // across)), gap, room / cell, words)
    boxes, (width, tall) = tiled(heads, across, (columns, rows), gap, strip)
    sheet = np.full((tall, width), 255, np.uint8)
    for tile, (left, top, right, bottom) in zip(quantised(scaled), boxes, strict=True):
        sheet[top:bottom, left:right] = tile
    fig = Sketch(stepped(Placed(sheet, 0, 0, 1, 1), scaled, colormap))
    first = [theme.safe(name) for name in names or (f"head {h + theme.FIRST}" for h in range(heads))]
    second = ["<br>" * bool(caption) + theme.safe(caption) for caption in captions or [""] * heads]
    text = [name + more for name, more in zip(first, second, strict=True)]
    add_tiles(fig, boxes, (width, tall), text, chosen, clickable)
    height = height or min(theme.HEIGHT, AROUND + round(560 * cell * tall / width))
    fig.layout["yaxis"]["scaleratio"] = cell
    return fig.figure(
        title=title, caption=(caption, note), labels=tile_names(boxes, text), height=height, bottom=canvas.BAR
    )


def sheet_height(maps: int, across: int, side: int) -> int:
    """Pixels of a sheet of so many maps, each `side` pixels high under a name and a caption.

    >>> sheet_height(5, 2, 100)
    532
    """
    return AROUND + -(-maps // across) * (WORDS[1] + side)


def _strip(size: tuple[int, int], tiles: tuple[int, int], gap: int, room: float, words: float) -> int:
    """Cells over a tile of a (width, height) that its words, so many pixels high, take, on a phone and where `room` is low.

    Args:
        tiles: in a row, and rows.
    """
    pixel = min(PHONE / (tiles[0] * (size[0] + gap)), max(1.0, room / tiles[1] - words) / size[1])
    return int(np.ceil(words / pixel))


def tiled(
    count: int, across: int, size: tuple[int, int], gap: int, strip: int
) -> tuple[list[tuple[int, int, int, int]], tuple[int, int]]:
    """The (left, top, right, bottom) boxes of so many tiles of a (width, height), `across` in a row, and the sheet's size.

    `gap` lies between two tiles of a row; over each is a `strip` for its name.
    """
    wide, tall = size[0] + gap, size[1] + strip
    corners = [(n % across * wide, n // across * tall + strip) for n in range(count)]
    boxes = [(left, top, left + size[0], top + size[1]) for left, top in corners]
    return boxes, (across * wide - gap, -(-count // across) * tall)


def add_tiles(
    fig: Sketch,
    boxes: Sequence[tuple[int, int, int, int]],
    size: tuple[int, int],
    text: Sequence[str],
    chosen: int | None,
    clickable: bool,
) -> None:
    """Axes over a sheet of tiles of a (width, height), an outline round the chosen one, and places to click."""
    canvas.picture_axes(fig, (0, 0, *size))
    if chosen is not None:
        fig.layout["shapes"] = outlines.rims([boxes[canvas.within(chosen, len(boxes), "chosen")]])
    if clickable:
        x, y = np.array([((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in boxes]).T
        fig.data.append(canvas.markers(x, y, np.arange(len(boxes), dtype=np.int32), text))
        fig.layout |= canvas.CLICKS


def tile_names(boxes: Sequence[tuple[int, int, int, int]], text: Sequence[str]) -> list[dict[str, Any]]:
    """The texts, made safe, each over its tile."""
    style = {"yanchor": "bottom", "font": {"size": theme.SMALL}, "borderpad": 1}
    return [
        {"x": (box[0] + box[2]) / 2, "y": box[1], "text": one, **style} for box, one in zip(boxes, text, strict=True)
    ]


def atlas(
    maps: NDArray[Any] | Sequence[Any],
    *,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "per map",
    chosen: tuple[int, int] | None = None,
    layers: Sequence[int] | None = None,
    unit: str = "share of attention",
    said: Sequence[str] | None = None,
    note: str = "",
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """All maps of a model, layers down and heads across, as one trace of bytes; a click reports [layer, head].

    Args:
        maps: (layers, heads, rows, columns), or one (heads, rows, columns) per layer if heads or grids differ.
        scale: "per map" to compare shapes or "shared" to compare sizes; also "log" and "clipped".
        chosen: (layer, head), counted from 0, to outline.
        layers: original numbers of the layers, counted from 0, if not all are given.
        said: what hovering says about each map, plain text, layer by layer; None says its largest value.
        note: a further line of the caption.

    Raises:
        ValueError: another shape, or `chosen` outside.
    """
    given = [undefined.shaped(one, "maps", "(heads, rows, columns)") for one in maps]
    if not given:
        raise GateError("layers", "one number per layer", "0 for 0")
    scaled, caption = _scaled(_stack(given), scale, None, unit)
    rows, columns = scaled.values.shape[2:]
    counts = [len(one) for one in given]
    wide = quantised(scaled).transpose(0, 2, 1, 3).reshape(len(given) * rows, max(counts) * columns)
    low = theme.FIRST - 0.5
    fig = Sketch(stepped(Placed(wide, low, low, 1 / columns, 1 / rows), scaled, colormap))
    canvas.one_each(sum(counts), "map", said=said)
    hover = [_peak(one) for layer in given for one in layer] if said is None else [theme.safe(one) for one in said]
    head_table(fig, counts, layers, hover, chosen, rows / columns)
    return fig.figure(title=title, caption=(caption, note), height=height, bottom=canvas.BAR, top=42)


def _stack(given: list[NDArray[Any]]) -> NDArray[Any]:
    """(layers, most heads, most rows, most columns); missing heads are NaN, coarser grids repeat their cells."""
    rows, columns = (max(one.shape[axis] for one in given) for axis in (1, 2))
    places = [(np.arange(rows) * one.shape[1] // rows, np.arange(columns) * one.shape[2] // columns) for one in given]
    return undefined.padded([one[:, down][:, :, right] for one, (down, right) in zip(given, places, strict=True)])


def _scaled(stack: NDArray[Any], scale: str | Scale, together: Any, unit: str) -> tuple[Scaled, str]:
    """The stack scaled as one, after means over blocks if it is too large to send, and the caption."""
    step = 1
    while stack.size / step**2 > CELLS and step < max(stack.shape[-2:]):
        step += 1
    drawn = block_means(stack, step)
    scaled = apply_scale(
        drawn, "shared" if scale == "raw" else scale, drawn if together is None else together, unit=unit
    )
    return scaled, scaled.caption + f"\neach cell drawn is the mean of {step} x {step} patches" * (step > 1)


def _peak(one: NDArray[Any]) -> str:
    known = one[np.isfinite(one)]
    return f"max {theme.short(known.max())}" if known.size else "not defined"
