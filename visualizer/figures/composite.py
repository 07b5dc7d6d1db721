"""One overlay, or one per layer, as a Pillow picture with its colour bar, scale and settings printed under it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageOps

from visualizer.figures import canvas, outlines
from visualizer.measures.regions import under
from visualizer.style import letters, theme
from visualizer.style.scale import Scale, Scaled, apply_scale
from vit_attention.gate import GateError
from vit_attention.records.geometry import Geometry

SIZE = 11
"""Height of the words under a picture, in pixels."""
TALLEST = 16
"""How many times as high as the paper is wide a picture may be; one that is taller is drawn narrower."""
BAR = 42
"""Height of the colour bar with its numbers and the room above it, in pixels; maps that bring their own colours have none."""
INK, PAPER, DIM = (30, 30, 30), (255, 255, 255), (128, 128, 128)


def paint(
    image: Image.Image, scaled: Scaled, geometry: Geometry, size: tuple[int, int], colormap: str, opacity: float
) -> NDArray[np.uint8]:
    """(height, width, 3) RGB: the original at `size` (width, height) under coloured patches, the unseen rim dimmed."""
    width, height = size
    photo = np.asarray(scaled.under(image).convert("RGB").resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    placed = geometry.place(scaled.unit_interval())
    x = (np.arange(width) + 0.5) * geometry.original[0] / width
    y = (np.arange(height) + 0.5) * geometry.original[1] / height
    cell, seen = under(placed, x, y)
    colour = scaled.coloured(cell, colormap).astype(np.float32)
    cover = opacity * scaled.cover(cell).astype(np.float32)[..., None]
    heat = np.where((seen & np.isfinite(cell))[..., None], photo + cover * (colour - photo), photo)
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
    fade: bool = False,
    scale: str | Scale = "raw",
    together: Any = None,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    unit: str = "share of attention",
    signed: bool | None = None,
    width: int = 448,
) -> Image.Image:
    """The overlay as an RGB picture with colour bar, scale, caption and settings printed under it.

    Args:
        image, values, geometry, colormap, opacity, fade, scale, together, query, truth, unit, signed: as for the Plotly
            overlay.
        caption: what is shown, such as model, layer and head.
        settings: one line or more to make it again.
        width: of the picture in pixels, 64 or more.
    """
    return framed(
        image,
        apply_scale(canvas.grid_of(values), scale, together, unit=unit, signed=signed).fading(fade),
        geometry,
        caption,
        settings,
        colormap,
        opacity,
        query,
        truth,
        width,
    )


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
    where = canvas.fitting(image, geometry)
    size = size_on_paper(where, width)
    drawn = Image.fromarray(paint(image, scaled, where, size, colormap, opacity))
    sheet = printed(drawn, scaled, legend(scaled, where, caption, settings, query, truth), colormap, width)
    pen = ImageDraw.Draw(sheet)
    ratio = size[0] / where.original[0]
    if truth is not None:
        for rim in outlines.truth_rims(truth, where):
            pen.line([tuple(p) for p in (rim * ratio).tolist()], fill=theme.TRUTH, width=2)
    for box in outlines.patch_boxes(where, scaled.values.shape, query):
        left, top, right, bottom = (v * ratio for v in box)
        pen.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=theme.QUERY[0], width=4)
        pen.rectangle((left - 1, top - 1, right, bottom), outline=theme.QUERY[1], width=2)
    return sheet


def printed(
    drawn: Image.Image, scaled: Scaled, parts: Sequence[str], colormap: str, width: int, shown: Sequence[str] = ()
) -> Image.Image:
    """A drawing on paper of this width, its colour bar and paragraphs of words under it.

    Args:
        shown: other words on the drawing; where the typeface lacks one of their letters, the last paragraph says so.
    """
    parts = [letters.drawable(part) for part in (*parts, letters.remark([*parts, *shown]))]
    lines = [line for part in parts for line in letters.wrapped(part, width - 16, SIZE)]
    bar = 0 if scaled.palette is not None else BAR
    sheet = Image.new("RGB", (width, drawn.height + bar + 10 + 17 * len(lines)), PAPER)
    sheet.paste(drawn)
    pen = ImageDraw.Draw(sheet)
    if bar:
        colour_bar(sheet, pen, scaled, colormap, drawn.height)
    for n, line in enumerate(lines):
        pen.text((8, drawn.height + bar + 2 + 17 * n), line, fill=INK, font=letters.typeface(SIZE))
    return sheet


def size_on_paper(where: Geometry, width: int) -> tuple[int, int]:
    if width < 64:
        raise GateError("width", "at least 64 pixels", f"{width}")
    high, most = round(width * where.original[1] / where.original[0]), width * TALLEST
    return (width, max(1, high)) if high <= most else (max(1, round(width * most / high)), most)


def legend(
    scaled: Scaled, where: Geometry, caption: str, settings: str, query: Sequence[int], truth: ArrayLike | None
) -> list[str]:
    """Everything that is printed under an exported picture, paragraph by paragraph."""
    return [caption, scaled.caption, "; ".join(outlines.notes(where, query, truth)), *settings.split("\n")]


def colour_bar(sheet: Image.Image, pen: ImageDraw.ImageDraw, scaled: Scaled, colormap: str, top: int) -> None:
    """The colour bar with its numbers, across the sheet."""
    length = sheet.width - 56
    ramp = scaled.on_paper(np.linspace(0, 1, length), colormap, PAPER)
    sheet.paste(Image.fromarray(np.repeat(ramp[None], 12, axis=0)), (28, top + 8))
    for at, text in spaced(scaled, length, SIZE - 1):
        x = 28 + (at - scaled.low) / (scaled.high - scaled.low) * (length - 1)
        pen.line((x, top + 20, x, top + 23), fill=INK)
        pen.text((x, top + 24), text, fill=INK, font=letters.typeface(SIZE - 1), anchor="ma")


def spaced(scaled: Scaled, room: float, size: int) -> list[tuple[float, str]]:
    """As many even ticks of a colour bar, position and text, as stand on `room` pixels without touching."""
    ticks = list(zip(scaled.ticks, scaled.tick_text, strict=True))
    width = size + max(letters.length(text, size) for text in scaled.tick_text)
    steps = [step for step in range(1, len(ticks)) if (len(ticks) - 1) % step == 0]
    return next(
        (ticks[::step] for step in steps if width * (len(ticks) - 1) / step <= room), ticks[:: len(ticks) - 1 or 1]
    )


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
    fade: bool = False,
    scale: str | Scale = "shared",
    together: Any = None,
    query: Sequence[int] = (),
    truth: ArrayLike | None = None,
    unit: str = "share of attention",
    signed: bool | None = None,
    width: int = 448,
) -> list[Image.Image]:
    """One composite per map, all on one scale unless it is "per map", each named in its caption.

    Args:
        maps: (layers, rows, columns), or a list of (rows, columns) maps if grids differ.
        names: one per map; None means "layer 1 of 12" and so on. The rest: as for `composite`.
    """
    grids = canvas.grids_of(maps)  # type: ignore[arg-type]
    canvas.one_each(len(grids), "map", names=names)
    words = names or [f"layer {n + theme.FIRST} of {len(grids)}" for n in range(len(grids))]
    drawn, whole = canvas.scale_all(grids, scale, together, unit, signed)
    whole = whole.fading(fade)
    where = canvas.fitting(image, geometry)
    small = image.convert("RGB").resize(size_on_paper(where, width), Image.Resampling.LANCZOS)
    frames = []
    for values, word in zip(drawn, words, strict=True):
        one, said = replace(whole, values=values), f"{word}: {caption}" if caption else word
        frames.append(framed(small, one, where, said, settings, colormap, opacity, query, truth, width))
    return as_tall(frames)


def as_tall(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """The frames on paper of the tallest: captions may wrap differently."""
    tall = max(frame.height for frame in frames)
    return [ImageOps.pad(frame, (frame.width, tall), color=PAPER, centering=(0, 0)) for frame in frames]
