"""Maps over text as Pillow pictures: every token on a ground of its colour, in lines of text, with scale and words under them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from visualizer.figures import canvas
from visualizer.figures.composite import PAPER, as_tall, printed
from visualizer.measures.words import written
from visualizer.method.base import Map, scale_of
from visualizer.style import letters, theme
from visualizer.style.scale import Scale, Scaled, apply_scale
from vit_attention.gate import GateError
from vit_attention.records import Axis

SIZE, LINE, PAD, GAP, RIM = 14, 24, 3, 4, 8
"""In pixels: letters, lines, room inside a token's ground, between two words, and at the rim."""
TURNED = "the text is written from right to left, and so are its tokens here"
Place = tuple[str, int, int, int]
"""A token as it is drawn, its left edge, the number of its line and its width."""


def token_sheet(found: Map, caption: str = "", **options: Any) -> Image.Image:
    """One map over text as a picture; the caption is what the map shows, or another. Options as for `token_frames`."""
    return token_frames([replace(found, words=caption or found.words)], **{"scale": "raw", **options})[0]


def token_frames(
    maps: Sequence[Map],
    *,
    settings: str = "",
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "shared",
    together: Any = None,
    width: int = 448,
) -> list[Image.Image]:
    """One picture for each map over text, all on one scale unless it is "per map"; tokens stay at their places.

    Args:
        maps: of one text, special tokens included.
        settings: one line or more to make it again.
        colormap, scale, together: as for `visualizer.figures.composite.composite`.
        width: of the pictures in pixels, 64 or more.

    Raises:
        GateError: no maps, maps of something else, or of several texts.
    """
    if not maps or any(one.axis.kind != "text" for one in maps):
        raise GateError("maps", "maps over a text", f"{len(maps)} over {maps[0].axis.kind if maps else 'nothing'}")
    axis = maps[0].axis
    if any(one.names != maps[0].names for one in maps):
        raise GateError("maps", "maps over one text", "maps over several")
    names, turned = maps[0].names, letters.right_to_left(maps[0].names)
    places = _places(axis, width, turned)
    grids = [one.row[None] for one in maps]
    signed = True if any(one.signed for one in maps) else None
    if len(maps) == 1:
        whole = apply_scale(grids[0], scale_of(maps, scale), together, unit=maps[0].unit, signed=signed)
        drawn = [whole.values]
    else:
        drawn, whole = canvas.scale_all(grids, scale_of(maps, scale), together, maps[0].unit, signed)
    frames = []
    for one, values in zip(maps, drawn, strict=True):
        scaled = replace(whole, values=values)
        parts = [one.words, scaled.caption, TURNED * turned, *settings.split("\n")]
        frames.append(printed(_drawn(places, scaled, colormap, width), scaled, parts, colormap, width, names))
    return as_tall(frames)


def _places(axis: Axis, width: int, turned: bool) -> list[Place]:
    """Where every token stands: in lines, the pieces of one word side by side."""
    room, left, line = width - 2 * RIM, 0, 0
    out: list[Place] = []
    for n, name in enumerate(written(axis)):
        text = letters.fitted(letters.drawable(name), room - 2 * PAD, SIZE)
        wide = round(letters.length(text, SIZE)) + 2 * PAD
        joined = n > 0 and len(axis.words) > 0 and axis.words[n] == axis.words[n - 1] >= 0
        left += 0 if joined or not left else GAP
        if left + wide > room and left:
            left, line = 0, line + 1
        out.append((text, RIM + (room - left - wide if turned else left), line, wide))
        left += wide
    return out


def _drawn(places: Sequence[Place], scaled: Scaled, colormap: str, width: int) -> Image.Image:
    lines = 1 + max(line for _, _, line, _ in places)
    sheet = Image.new("RGB", (width, RIM + LINE * lines), PAPER)
    pen, font = ImageDraw.Draw(sheet), letters.typeface(SIZE)
    shares = scaled.unit_interval()[0]
    for (text, left, line, wide), share in zip(places, shares, strict=True):
        ground = _ground(share, scaled, colormap)
        box = (left, RIM + LINE * line, left + wide - 1, RIM + LINE * line + LINE - 4)
        pen.rectangle(box, fill=ground)
        middle = (left + wide / 2, RIM + LINE * line + (LINE - 4) / 2)
        pen.text(middle, text, fill=ink(ground), font=font, anchor="mm")
    return sheet


def _ground(share: float, scaled: Scaled, colormap: str) -> tuple[int, ...]:
    """The colour of a value; paper where it is not defined."""
    if np.isnan(share):
        return PAPER
    colour: NDArray[np.uint8] = scaled.coloured(np.asarray(share), colormap)
    return tuple(int(part) for part in colour)


def ink(ground: Sequence[int]) -> str:
    """Black or white, whichever is easier to read on a ground.

    >>> ink((255, 234, 70)), ink((0, 32, 77))
    ('#000000', '#ffffff')
    """
    red, green, blue = (part / 255 for part in ground)
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#ffffff"
