"""The box a field was read from: proposed from its words' heat, drawn tight round the print, ready to download."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage

from visualizer.measures import undefined
from visualizer.measures.fields import Field, as_json, fields
from visualizer.measures.pointing import Box, around, as_box
from visualizer.measures.reading import page_geometry, token_heat, token_names
from visualizer.measures.regions import under
from visualizer.measures.windows import runs
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord, Geometry

CUT = 0.25
"""A cell belongs to a proposed box if it holds at least this share of what the strongest cell holds."""
DARK = 0.35
"""A pixel is ink if it is darker than the paper by this share of what the darkest pixel is."""
LETTER_GAP = 0.2
"""Ink beyond the box's edge belongs to the same word if the gap before it is at most this share of the line's height."""


class Proposal(NamedTuple):
    """A field with the box of each of its words, and the one round them; None where nothing was pointed at."""

    field: Field
    box: Box | None
    words: tuple[Box | None, ...]


def proposals(
    record: AttentionRecord,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    tight: bool = True,
) -> list[Proposal]:
    """Every field the model wrote with its boxes on the original page, from `peaks` by `propose_box`.

    Args:
        record: with cross-attention and a geometry.
        layers, heads: as for `token_heat`.
        tight: draw boxes tight round the ink of the record's picture, if it has one.

    Raises:
        ValueError: a record without geometry.
    """
    geometry = page_geometry(record)
    ink = ink_of(record.image) if tight and record.picture else None
    found = fields(token_names(record))
    maps = iter(peaks(token_heat(record, layers, heads), [word.tokens for one in found for word in one.words]))
    out = []
    for one in found:
        boxes = tuple(propose_box(next(maps), geometry, ink=ink) for _ in one.words)
        there = [box for box in boxes if box is not None]
        out.append(Proposal(one, around(there) if there else None, boxes))
    return out


def peaks(heat: ArrayLike, groups: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """One map per group for proposing its box: in each cell the largest share that any member gave it.

    A mean dims what only one sub-word looked at; sub-words that look nowhere in particular dim it most.

    Args:
        heat: (members, rows, columns); NaN does not count.
        groups: numbers of the members of each group.

    Returns:
        (groups, rows, columns), not summing to 1; 0 where no member is defined.
    """
    maps = np.nan_to_num(undefined.at_least_single(heat), nan=0.0)
    blank = np.zeros(maps.shape[1:], np.float32)
    return np.stack([maps[list(one)].max(axis=0, initial=0) for one in groups]) if len(groups) else blank[None][:0]


def propose_box(
    heat: ArrayLike, geometry: Geometry | None = None, cut: float = CUT, ink: NDArray[np.bool_] | None = None
) -> Box | None:
    """The box on the original page that a map points at: its strongest cell and the strong cells that touch it.

    Taken is the strongest cell (of equals, the first in reading order) and, over sides and corners, every cell with
    at least `cut` of its value that is joined to it through such cells; the box is the smallest that holds them. The
    rule has one number, chosen by overlap with the known boxes of synthetic receipts. Alone it cannot be finer than a
    cell; with the page's ink, `snap` draws it tight round the line of print that it means.

    Args:
        heat: (rows, columns) over the model's input; NaN counts as nothing.
        geometry: from the original to the model's input; None gives the box in cells.
        cut: share of the strongest cell, above 0 to 1; smaller gives larger boxes.
        ink: from `ink_of`; needs `geometry`. None keeps whole cells.

    Returns:
        (left, top, right, bottom), cut at the page's edges, or None for a map without any positive value or whose
        strongest cells lie on padding.

    >>> propose_box([[0.0, 0.1, 0.5], [0.1, 0.0, 0.3]], Geometry.of(30, 20))
    (20.0, 0.0, 30.0, 20.0)
    """
    grid = np.nan_to_num(undefined.shaped(heat, "heat", "(rows, columns)").astype(np.float64), nan=0.0)
    if not 0 < cut <= 1:
        raise GateError("cut", "more than 0 and at most 1", f"{cut}")
    if not grid.max() > 0:
        return None
    joined, _ = ndimage.label(grid >= cut * grid.max(), structure=np.ones((3, 3)))
    inside = np.argwhere(joined == joined.flat[grid.argmax()])
    box = np.array([*inside.min(axis=0)[::-1], *(inside.max(axis=0)[::-1] + 1)], np.float64)
    if geometry is None:
        return as_box(box)
    cell = np.array(geometry.seen) / (grid.shape[1], grid.shape[0])
    on_page = geometry.boxes_to_original(box * np.tile(cell, 2))[0]
    cut_off = np.clip(on_page, 0, np.tile(geometry.original, 2))
    if not (cut_off[2:] > cut_off[:2]).all():
        return None
    return as_box(cut_off) if ink is None else snap(as_box(cut_off), grid, geometry, ink)


def boxed(
    record: AttentionRecord,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    tight: bool = True,
) -> dict[str, Any]:
    """What was read and where, as plain data for a JSON file: every field and word with its proposed box.

    Args: as for `proposals`.

    Returns:
        "json" as in `as_json`; "page" (width, height) in pixels; "fields", each with path, text, box and words; boxes
        are [left, top, right, bottom] in pixels of the original page, rounded to a tenth, or None.
    """
    listed = [
        {
            "path": one.path,
            "text": one.text,
            "box": _rounded(box),
            "words": [{"text": w.text, "box": _rounded(b)} for w, b in zip(one.words, boxes, strict=True)],
        }
        for one, box, boxes in proposals(record, layers, heads, tight)
    ]
    return {
        "model": record.model,
        "page": list(record.geometry.original) if record.geometry else [],
        "json": as_json(token_names(record)),
        "fields": listed,
    }


def _rounded(box: Box | None) -> list[float] | None:
    return None if box is None else [round(v, 1) for v in box]


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
    lines = [one for one in runs(np.flatnonzero(part.sum(axis=1) > 0.02 * part.shape[1]), 2) if one[1] - one[0] > 3]
    if not lines:
        return box
    x, y = (np.arange(left, right) + 0.5) * ratio[0], (np.arange(top, bottom) + 0.5) * ratio[1]
    values, there = under(geometry.place(np.nan_to_num(np.asarray(heat, dtype=np.float64))), x, y)
    weight = (part * values * there).sum(axis=1)
    first, last = max(lines, key=lambda one: float(weight[one[0] : one[1]].sum()))
    across = np.flatnonzero(part[first:last].any(axis=0))
    ends = (left + int(across[0]), left + int(across[-1]))
    begin, end = _words(ink[top + first : top + last], ends)
    upper, lower = _whole(ink[:, begin:end], top + first, top + last, bottom - top)
    begin, end = _words(ink[upper:lower], ends)
    return float(begin * ratio[0]), float(upper * ratio[1]), float(end * ratio[0]), float(lower * ratio[1])


def _words(line: NDArray[np.bool_], ends: tuple[int, int]) -> tuple[int, int]:
    """Where the words of a line that hold the columns `ends` begin and end."""
    words = runs(np.flatnonzero(np.asarray(line.any(axis=0))), round(LETTER_GAP * len(line)))
    return next(one[0] for one in words if one[1] > ends[0]), next(one[1] for one in words if one[1] > ends[1])


def _whole(ink: NDArray[np.bool_], first: int, last: int, most: int) -> tuple[int, int]:
    """Rows `first` to `last` of a line that a box may have cut, with those it goes on in, at most `most` at each end."""
    inked = ink.sum(axis=1) > 0.02 * ink.shape[1]
    start = max(first - most, 0)
    found = [(one[0] + start, one[1] + start) for one in runs(np.flatnonzero(inked[start : last + most]), 2)]
    upper = min((one[0] for one in found if one[0] <= first < one[1]), default=first)
    lower = max((one[1] for one in found if one[0] < last <= one[1]), default=last)
    return min(upper, first), max(lower, last)
