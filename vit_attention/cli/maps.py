"""What is asked of a record, and one map ready to be painted; without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.cli.choices import Asking
from vit_attention.cli.errors import ChoiceError
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry

SHARE, RELEVANCE = "share of attention", "relevance"


@dataclass(frozen=True)
class Look:
    """What of a record is drawn.

    Attributes:
        layer: numbers of layers, 0 first; None takes all, or for methods through depth the last.
        head: numbers of heads, 0 first; None takes all.
        avg_heads: whether all heads are drawn as their mean; chosen heads are always drawn one by one.
        method: one of `options.METHODS`.
        query: as `choices.askings` takes it.
        kind: "self", "cross" or "window"; None takes the first two.
        fusion, residual, discard, start_layer: the knobs of the methods through depth.
    """

    layer: tuple[int, ...] | None = None
    head: tuple[int, ...] | None = None
    avg_heads: bool = True
    method: str = "raw"
    query: tuple[str, ...] = ()
    kind: str | None = None
    fusion: str = "mean"
    residual: float = 0.5
    discard: float = 0.0
    start_layer: int = 0


@dataclass(frozen=True, eq=False)
class Drawing:
    """One map, ready to be painted.

    Attributes:
        number, name, part: for the names of its files: layer, module path or method, and what tells it from its like.
        values: (rows, columns) over the model's input.
        raw: (1, heads, queries, keys) the weights behind it; of a method through depth the one row that it made.
        words, unit: what it shows, and what one value is.
        row, axis: (keys,) the values with special tokens, and what they stand for.
        patches: numbers of the asking patches, to outline.
    """

    number: int
    name: str
    part: str
    values: NDArray[Any]
    raw: NDArray[Any]
    words: str
    unit: str
    row: NDArray[Any]
    axis: Axis
    patches: tuple[int, ...]


Maps = dict[int, AttentionMap]


def spans(maps: Maps) -> str:
    """The numbers of maps in words, for messages."""
    return f"{min(maps)} to {max(maps)}" if len(maps) > 2 else " and ".join(map(str, maps))


def head_numbers(one: AttentionMap) -> tuple[int, ...]:
    """Original numbers of the heads a map kept."""
    return one.heads if one.heads is not None else tuple(range(len(one.weights)))


def place(one: AttentionMap, head: int) -> int:
    """Where a map keeps head number `head`; raises ChoiceError if it does not."""
    there = head_numbers(one)
    if head not in there:
        span = f"0 to {there[-1]}" if there == tuple(range(len(there))) else ", ".join(map(str, there))
        raise ChoiceError(f"--head: want numbers of {span}, got {head}")
    return there.index(head)


def heads_of(one: AttentionMap, rows: Sequence[int]) -> NDArray[np.float32]:
    """(heads, rows, keys) in single precision; raises ChoiceError for a row that the record did not keep."""
    places = list(rows)
    if one.queries is not None:
        gone = [row for row in rows if row not in one.queries]
        if gone:
            raise ChoiceError(f"--query: this record kept the rows {list(one.queries)[:12]} alone, got {gone[0]}")
        places = [one.queries.index(row) for row in rows]
    return one.single[:, places]


def together(rows: NDArray[Any], asked: Asking) -> NDArray[Any]:
    """(..., keys) of (..., rows, keys): what several rows read together.

    >>> together(np.array([[1.0, 0.0], [0.0, 1.0]]), Asking((0, 1), "two", shares=(0.75, 0.25))).tolist()
    [0.75, 0.25]
    """
    return np.asarray(rows.mean(axis=-2) if asked.shares is None else np.array(asked.shares, np.float32) @ rows)


def drawing(
    record: AttentionRecord,
    one: AttentionMap,
    asked: Asking,
    row: NDArray[Any],
    words: str,
    unit: str,
    file: tuple[int, str, str],
    raw: NDArray[Any] | None = None,
) -> Drawing:
    """A row of a map as a drawing; `file` is (number, name, part) of its files, `raw` the weights if not the row alone."""
    number, name, part = file
    patches = tuple(n - one.query.prefix for n in asked.rows if n >= one.query.prefix)
    outlined = patches if one.query.kind == "patches" and len(asked.rows) < len(one.query) else ()
    return Drawing(
        number=number, name=name, part="_".join(p for p in (asked.part, part) if p),
        values=on_input(one.key, row, record.geometry),
        raw=np.asarray(row, np.float32)[None, None, None] if raw is None else raw,
        words=f"{words}, asked by {asked.words}", unit=unit, row=row, axis=one.key, patches=outlined,
    )  # fmt: skip


def on_input(axis: Axis, row: NDArray[Any], geometry: Geometry | None) -> NDArray[Any]:
    """(rows, columns) over the model's input: patches as they are; where regions overlap, the strongest counts.

    What no region covers is NaN: the model had nothing to look at there.

    >>> on_input(
    ...     Axis("regions", boxes=np.array([[0.0, 0, 2, 2], [1, 0, 2, 2]])), np.array([0.3, 0.7]), Geometry.of(2, 1)
    ... )
    array([[0.3, 0.7]])
    """
    seen = row[axis.prefix :]
    if axis.grid is not None:
        return seen.reshape(axis.grid)
    if geometry is None or axis.boxes is None or np.isnan(axis.boxes).all():
        raise ValueError(
            "regions: nobody said where they lie on the picture: want boxes (left, top, right, bottom in its pixels) beside "
            "the features, in an array called boxes of the .npz file"
        )
    from visualizer.measures.regions import region_heat

    return region_heat(row, axis, geometry)
