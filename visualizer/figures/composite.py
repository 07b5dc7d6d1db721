"""One overlay, or one per layer, as a Pillow picture with its colour bar, scale and settings printed under it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from visualizer.figures import stage
from visualizer.measures import contour
from visualizer.style import theme
from visualizer.style.scale import Scale, Scaled
from visualizer.style.scale import scale as scale_values
from visualizer.words.plain import printable
from vit_attention.records.geometry import Geometry

INK, PAPER, DIM = (30, 30, 30), (255, 255, 255), (128, 128, 128)


def paint(
    image: Image.Image, scaled: Scaled, geometry: Geometry, size: tuple[int, int], colormap: str, opacity: float
) -> NDArray[np.uint8]:
    """(height, width, 3) RGB: the original at `size` (width, height) under coloured patches, the unseen rim dimmed."""
    width, height = size
    photo = np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    placed = geometry.place(scaled.unit_interval())
    x = (np.arange(width) + 0.5) * geometry.original[0] / width
    y = (np.arange(height) + 0.5) * geometry.original[1] / height
    column = np.floor((x - placed.left) / placed.width).astype(int)
    row = np.floor((y - placed.top) / placed.height).astype(int)
    rows, columns = placed.values.shape
    seen = ((row >= 0) & (row < rows))[:, None] & ((column >= 0) & (column < columns))
    cell = placed.values[np.ix_(row.clip(0, rows - 1), column.clip(0, columns - 1))]
    colour = theme.table(colormap)[np.nan_to_num(np.round(cell * 255)).astype(int)].astype(np.float32)
    heat = np.where((seen & np.isfinite(cell))[..., None], photo + opacity * (colour - photo), photo)
    return np.where(seen[..., None], heat, photo + 0.6 * (np.array(DIM) - photo)).astype(np.uint8)


def composite(
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
) -> Image.Image:
    """The overlay as an RGB picture with colour bar, scale, caption and settings printed under it.

    Args:
        image, values, geometry, colormap, opacity, scale, together, query, truth, unit: as for the Plotly overlay.
        caption: what is shown, such as model, layer and head.
        settings: one line or more to make it again.
        width: of the picture in pixels, 64 or more.
    """
    scaled = scale_values(stage.grid_of(values), scale, together, unit=unit)
    return framed(image, scaled, geometry, caption, settings, colormap, opacity, query, truth, width)


def framed(
    image: Image.Image,
    scaled: Scaled,
    geometry: Geometry | None,
    caption: str,
    settings: str,
    colormap: str,
    opacity: float,
    query: Sequence[int],
    truth: ArrayLike | None,
    width: int,
) -> Image.Image:
    where = stage.fitting(image, geometry)
    size = size_on_paper(where, width)
    lines = legend_lines(scaled, where, caption, settings, query, truth, width)
    sheet = Image.new("RGB", (width, size[1] + 46 + 17 * len(lines) + 6), PAPER)
    sheet.paste(Image.fromarray(paint(image, scaled, where, size, colormap, opacity)))
    pen = ImageDraw.Draw(sheet)
    ratio = width / where.original[0]
    if truth is not None:
        for rim in truth_rims(truth, where):
            pen.line([tuple(p) for p in (rim * ratio).tolist()], fill=theme.TRUTH, width=2)
    order = stage.numbers(where, scaled.values.shape)
    for patch in query:
        left, top, right, bottom = (v * ratio for v in stage.box_of(order, int(patch)))
        pen.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=theme.QUERY[0], width=4)
        pen.rectangle((left - 1, top - 1, right, bottom), outline=theme.QUERY[1], width=2)
    colour_bar(sheet, pen, scaled, colormap, size[1])
    for n, line in enumerate(lines):
        pen.text((8, size[1] + 44 + 17 * n), line, fill=INK, font=_font(12))
    return sheet


def size_on_paper(where: Geometry, width: int) -> tuple[int, int]:
    if width < 64:
        raise ValueError(f"width: want at least 64 pixels, got {width}")
    return width, max(1, round(width * where.original[1] / where.original[0]))


def truth_rims(truth: ArrayLike, where: Geometry) -> list[NDArray[np.float64]]:
    """Rims of a mask in pixels of the original."""
    mask = np.asarray(truth, dtype=bool)
    return [rim * (np.array(where.original) / (mask.shape[1], mask.shape[0])) for rim in contour.rims(mask)]


def legend_lines(
    scaled: Scaled,
    where: Geometry,
    caption: str,
    settings: str,
    query: Sequence[int],
    truth: ArrayLike | None,
    width: int,
) -> list[str]:
    """Everything that is printed under an exported picture, wrapped to its width."""
    keys = ["orange outline: query"] * bool(len(query)) + ["cyan line: true object"] * (truth is not None)
    keys += ["grey rim: the model never saw it"] * stage.hides(where)
    parts = [caption, scaled.caption, "; ".join(keys), *settings.split("\n")]
    room = max(8, int((width - 16) / 6.4))
    return [line for part in parts for line in textwrap.wrap(printable(part), room)]


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def colour_bar(sheet: Image.Image, pen: ImageDraw.ImageDraw, scaled: Scaled, colormap: str, top: int) -> None:
    """The colour bar with its numbers, across the sheet."""
    length = sheet.width - 56
    ramp = theme.table(colormap)[np.linspace(0, 255, length).astype(int)]
    sheet.paste(Image.fromarray(np.repeat(ramp[None], 12, axis=0)), (28, top + 8))
    for at, text in zip(scaled.ticks, scaled.tick_text, strict=True):
        x = 28 + (at - scaled.low) / (scaled.high - scaled.low) * (length - 1)
        pen.line((x, top + 20, x, top + 23), fill=INK)
        pen.text((x, top + 24), text, fill=INK, font=_font(11), anchor="ma")


def layer_frames(
    image: Image.Image,
    maps: ArrayLike | Sequence[ArrayLike],
    geometry: Geometry | None = None,
    caption: str = "",
    *,
    names: Sequence[str] | None = None,
    settings: str = "",
    colormap: str = theme.COLORMAP,
    opacity: float = 0.6,
    scale: str | Scale = "shared",
    together: Any = None,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    unit: str = "share of attention",
    width: int = 448,
) -> list[Image.Image]:
    """One composite per map, all on one scale unless it is "per map", each named in its caption.

    Args:
        maps: (layers, rows, columns).
        names: one per map; None means "layer 1 of 12" and so on. The rest: as for `composite`.
    """
    stack = np.asarray(maps)
    if stack.ndim != 3 or not stack.size:
        raise ValueError(f"maps: want (layers, rows, columns), got shape {stack.shape}")
    words = names or [f"layer {n + theme.FIRST} of {len(stack)}" for n in range(len(stack))]
    if len(words) != len(stack):
        raise ValueError(f"names: want {len(stack)}, one per map, got {len(words)}")
    mode = "shared" if scale == "raw" else scale
    whole = scale_values(stack, mode, stack if together is None else together, unit=unit)
    where = stage.fitting(image, geometry)
    size = size_on_paper(where, width)
    small, out = image.convert("RGB").resize(size, Image.Resampling.LANCZOS), []
    for values, word in zip(whole.values, words, strict=True):
        one = Scaled(values, whole.low, whole.high, whole.caption, whole.ticks, whole.tick_text)
        said = f"{word}: {caption}" if caption else word
        out.append(framed(small, one, where, said, settings, colormap, opacity, query, truth, width))
    return _same_size(out)


def _same_size(frames: list[Image.Image]) -> list[Image.Image]:
    """Frames whose captions wrapped differently, on paper of the tallest."""
    tall = max(frame.height for frame in frames)
    out = []
    for frame in frames:
        sheet = Image.new("RGB", (frame.width, tall), PAPER)
        sheet.paste(frame)
        out.append(sheet)
    return out
