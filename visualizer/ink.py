"""From cells to print: a box that a coarse map proposes, drawn tight round the line of ink that it means."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.pointing import Box
from vit_attention.geometry import Geometry

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

    The place comes from the map, the edges from the page: a cell is often larger than a word.

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
    words = _runs(np.asarray(ink[top + first : top + last].any(axis=0)), round(LETTER_GAP * (last - first)))
    begin = next(one[0] for one in words if one[1] > left + across[0])
    end = next(one[1] for one in words if one[1] > left + across[-1])
    return (
        float(begin * ratio[0]), float((top + first) * ratio[1]), float(end * ratio[0]), float((top + last) * ratio[1]),
    )  # fmt: skip


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
