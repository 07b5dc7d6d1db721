"""Text on paper: lines of words drawn in real typefaces, with the box of every word and character."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels of the page, right and bottom exclusive."""

FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
)
"""Typefaces, all from the files that matplotlib brings along."""


@dataclass(frozen=True)
class Word:
    """One printed word.

    Attributes:
        text: its characters.
        box: what its ink and line height take up on the page.
        characters: the box of every character.
    """

    text: str
    box: Box
    characters: tuple[Box, ...]


@dataclass(frozen=True)
class Run:
    """Words to print on one baseline from `left`: size in pixels, face by name."""

    texts: tuple[str, ...]
    left: float
    top: float
    face: str
    size: int


@cache
def font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """A typeface in a size; raises ModuleNotFoundError if matplotlib, whose files they are, is not installed."""
    # find_spec: importing matplotlib itself would cost 30 MB for nothing but the path.
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("documents are printed in the DejaVu faces of matplotlib: want it installed")
    return ImageFont.truetype(str(Path(found.origin).parent / f"mpl-data/fonts/ttf/{face}.ttf"), size)


def width(texts: tuple[str, ...], face: str, size: int) -> float:
    """How many pixels a run of words takes, blanks between them included."""
    return font(face, size).getlength(" ".join(texts))


def draw(canvas: ImageDraw.ImageDraw, run: Run, ink: int) -> list[Word]:
    """Print a run and return its words.

    Characters are placed one by one at the advance widths of the whole text, so that their boxes are exact.
    """
    letters = font(run.face, run.size)
    ascent, descent = letters.getmetrics()
    top, bottom = run.top + 0.12 * ascent, run.top + ascent + 0.75 * descent
    line, words, at = " ".join(run.texts), [], 0
    canvas.text((run.left, run.top), line, fill=ink, font=letters)
    for text in run.texts:
        edges = [run.left + letters.getlength(line[: at + i]) for i in range(len(text) + 1)]
        boxes = tuple((a, top, b, bottom) for a, b in pairwise(edges))
        words.append(Word(text, (edges[0], top, edges[-1], bottom), boxes))
        at += len(text) + 1
    return words


def turned(box: Box, degrees: float, size: tuple[int, int]) -> Box:
    """The box around `box` after the page, (width, height), is turned counter-clockwise about its middle.

    >>> [round(v) for v in turned((0, 0, 10, 20), 180, (100, 100))]
    [90, 80, 100, 100]
    """
    angle = np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    middle = np.array(size) / 2
    corners = np.array([(box[x], box[y]) for x in (0, 2) for y in (1, 3)]) - middle
    after = corners @ np.array([[cos, -sin], [sin, cos]]) + middle
    (left, top), (right, bottom) = after.min(axis=0), after.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def paper(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """(height, width, 3) blank sheet: a tint, a slow shadow over it, fine grain."""
    w, h = size
    tint = rng.uniform(205, 252) + rng.uniform(-9, 9, 3)
    corners = rng.uniform(-14, 14, (2, 2)).astype(np.float32)
    shadow = np.asarray(Image.fromarray(corners).resize((w, h), Image.Resampling.BILINEAR))
    grain = rng.standard_normal((h, w), dtype=np.float32) * np.float32(rng.uniform(0, 7))
    return np.asarray((tint + (shadow + grain)[..., None]).astype(np.float32))
