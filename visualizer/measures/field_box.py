"""The box a field was read from: proposed from its words' heat, drawn on the original page, ready to download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.fields import Field, as_json, fields
from visualizer.measures.ink import ink_of, snap
from visualizer.measures.pointing import Box, around
from visualizer.measures.reading import token_heat, token_names
from vit_attention.records import AttentionRecord
from vit_attention.records.geometry import Geometry

CUT = 0.25
"""A cell belongs to a proposed box if it holds at least this share of what the strongest cell holds."""


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
    if record.geometry is None:
        raise ValueError("record: want one with a geometry, got one without a page")
    ink = ink_of(record.image) if tight and record.picture else None
    found = fields(token_names(record))
    maps = iter(peaks(token_heat(record, layers, heads), [word.tokens for one in found for word in one.words]))
    out = []
    for one in found:
        boxes = tuple(propose_box(next(maps), record.geometry, ink=ink) for _ in one.words)
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
    cell; with the page's ink, `visualizer.measures.ink.snap` draws it tight round the line of print that it means.

    Args:
        heat: (rows, columns) over the model's input; NaN counts as nothing.
        geometry: from the original to the model's input; None gives the box in cells.
        cut: share of the strongest cell, above 0 to 1; smaller gives larger boxes.
        ink: from `visualizer.measures.ink.ink_of`; needs `geometry`. None keeps whole cells.

    Returns:
        (left, top, right, bottom), cut at the page's edges, or None for a map without any positive value or whose
        strongest cells lie on padding.

    >>> propose_box([[0.0, 0.1, 0.5], [0.1, 0.0, 0.3]], Geometry.of(30, 20))
    (20.0, 0.0, 30.0, 20.0)
    """
    grid = np.nan_to_num(np.asarray(heat, dtype=np.float64), nan=0.0)
    if grid.ndim != 2 or not grid.size:
        raise ValueError(f"heat: want (rows, columns), got shape {grid.shape}")
    if not 0 < cut <= 1:
        raise ValueError(f"cut: want more than 0 and at most 1, got {cut}")
    if not grid.max() > 0:
        return None
    inside = np.argwhere(_joined(grid >= cut * grid.max(), int(grid.argmax())))
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0) + 1
    box = np.array([left, top, right, bottom], np.float64)
    if geometry is None:
        return _box(box)
    cell = np.array(geometry.seen) / (grid.shape[1], grid.shape[0])
    on_page = geometry.boxes_to_original(box * np.tile(cell, 2))[0]
    cut_off = np.clip(on_page, 0, np.tile(geometry.original, 2))
    if not (cut_off[2:] > cut_off[:2]).all():
        return None
    return _box(cut_off) if ink is None else snap(_box(cut_off), grid, geometry, ink)


def _joined(strong: NDArray[np.bool_], start: int) -> NDArray[np.bool_]:
    """The strong cells that touch cell number `start` directly or through others."""
    rows, columns = strong.shape
    out = np.zeros_like(strong)
    waiting = [divmod(start, columns)]
    while waiting:
        row, column = waiting.pop()
        if 0 <= row < rows and 0 <= column < columns and strong[row, column] and not out[row, column]:
            out[row, column] = True
            waiting += [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return out


def _box(values: Sequence[float] | NDArray[Any]) -> Box:
    left, top, right, bottom = (float(v) for v in values)
    return left, top, right, bottom


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
    page = list(record.geometry.original) if record.geometry else []
    return {"model": record.model, "page": page, "json": as_json(token_names(record)), "fields": listed}


def _rounded(box: Box | None) -> list[float] | None:
    return None if box is None else [round(v, 1) for v in box]
