"""From cells to print: a box that a coarse map proposes, drawn tight round the line of ink that it means."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.measures.pointing import Box
from vit_attention.records.geometry import Geometry

DARK = 0.35
"""A pixel is ink if it is darker than the paper by this share of what the darkest pixel is."""
LETTER_GAP = 0.2
"""Ink beyond the box's edge belongs to the same word if the gap before it is at most this share of the line's height."""


def ink_of(page: Image.Image) -> NDArray[np.bool_]:
    """(height, width) True where a page of dark print on lighter paper has ink."""
    grey = np.asarray(page.convert("L"), dtype=np.float32)
    darker = np.median(grey) - grey
    return np.asarray(darker > max(DARK * float(darker.max()), 8))


def snap(box: Box, heat: ArrayLike, geometry: Geometry, ink: NDArray[np.bool_]) -> Box:
    """`box` drawn tight round one line of print: the line in it that the map weighs most, to the ends of its words.

    The place comes from the map, the edges from the page: a cell is often larger than a word, and its edge may cut
    through a line, which is then followed to its own end.

    Args:
        box: from `propose_box`, in pixels of the original page.
        heat: (rows, columns) over the model's input, the map the box was proposed from.
        geometry: from the original page to the model's input.
        ink: from `ink_of`; the page may be stored smaller than the original.

    Returns:
        (left, top, right, bottom) in pixels of the original page; `box` itself where it holds no ink.
    """
    ratio = np.array(geometry.original) / (ink.shape[1], ink.shape[0])
    left, top, right, bottom = (round(v) for v in np.array(box) / np.tile(ratio, 2))
    part = ink[top:bottom, left:right]
    # A pixel in fifty, lest specks and the tail of a letter join two lines.
    lines = [one for one in _runs(part.sum(axis=1) > 0.02 * part.shape[1], 2) if one[1] - one[0] > 3]
    if not lines:
        return box
    weight = (part * _under(heat, geometry, (top, bottom), (left, right), ratio)).sum(axis=1)
    first, last = max(lines, key=lambda one: float(weight[one[0] : one[1]].sum()))
    across = np.flatnonzero(part[first:last].any(axis=0))
    ends = (left + int(across[0]), left + int(across[-1]))
    begin, end = _words(ink[top + first : top + last], ends)
    upper, lower = _whole(ink[:, begin:end], top + first, top + last, bottom - top)
    begin, end = _words(ink[upper:lower], ends)
    return float(begin * ratio[0]), float(upper * ratio[1]), float(end * ratio[0]), float(lower * ratio[1])


def _words(line: NDArray[np.bool_], ends: tuple[int, int]) -> tuple[int, int]:
    """Where the words of a line that hold the columns `ends` begin and end."""
    words = _runs(np.asarray(line.any(axis=0)), round(LETTER_GAP * len(line)))
    return next(one[0] for one in words if one[1] > ends[0]), next(one[1] for one in words if one[1] > ends[1])


def _whole(ink: NDArray[np.bool_], first: int, last: int, most: int) -> tuple[int, int]:
    """Rows `first` to `last` of a line that a box may have cut, with those it goes on in, at most `most` at each end."""
    inked = ink.sum(axis=1) > 0.02 * ink.shape[1]
    start = max(first - most, 0)
    found = [(one[0] + start, one[1] + start) for one in _runs(inked[start : last + most], 2)]
    upper = min((one[0] for one in found if one[0] <= first < one[1]), default=first)
    lower = max((one[1] for one in found if one[0] < last <= one[1]), default=last)
    return min(upper, first), max(lower, last)


def _runs(on: NDArray[np.bool_], gap: int) -> list[tuple[int, int]]:
    """(first, last exclusive) of the stretches of True that gaps of more than `gap` part."""
    places = np.flatnonzero(on)
    cuts = np.flatnonzero(np.diff(places) > gap) + 1
    return [(int(one[0]), int(one[-1]) + 1) for one in np.split(places, cuts) if len(one)]


def _under(
    heat: ArrayLike, geometry: Geometry, rows: tuple[int, int], columns: tuple[int, int], ratio: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The value of the cell under each pixel of the stored page, 0 outside the map."""
    placed = geometry.place(np.nan_to_num(np.asarray(heat, dtype=np.float64)))
    down = np.floor(((np.arange(*rows) + 0.5) * ratio[1] - placed.top) / placed.height).astype(int)
    right = np.floor(((np.arange(*columns) + 0.5) * ratio[0] - placed.left) / placed.width).astype(int)
    inside = [(at >= 0) & (at < count) for at, count in zip((down, right), placed.values.shape, strict=True)]
    shape = placed.values.shape
    return np.asarray(
        placed.values[np.ix_(down.clip(0, shape[0] - 1), right.clip(0, shape[1] - 1))] * np.outer(*inside)
    )
