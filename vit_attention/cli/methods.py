"""From a record to the drawings asked for: which maps there are, and the methods that look at one layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vit_attention.cli.choices import Asking, askings, is_word
from vit_attention.cli.depth import THROUGH_DEPTH
from vit_attention.cli.errors import ChoiceError, nothing_captured
from vit_attention.cli.maps import (
    SHARE,
    Drawing,
    Look,
    Maps,
    drawing,
    head_numbers,
    heads_of,
    place,
    spans,
    together,
)
from vit_attention.records import AttentionMap, AttentionRecord


def numbered(record: AttentionRecord, kind: str | None = None) -> Maps:
    """The maps that look at a picture, by number: their depth, or their place where depths of two kinds collide.

    Raises:
        NothingCapturedError: there is none.
    """
    over_text = [one for one in record.maps if one.key.kind == "text"]
    # Windows of an encoder have a page of their own, and their depths collide with the decoder's.
    found = [one for one in record.maps if one.key.kind != "text"]
    wanted = [one for one in found if (one.kind != "window" if kind is None else one.kind == kind)]
    if wanted:
        depths = [one.layer for one in wanted]
        numbers = depths if len(set(depths)) == len(depths) else range(len(wanted))
        return dict(zip(numbers, wanted, strict=True))
    if found:
        kinds = sorted({one.kind for one in found})
        step = "Add --kind window." if kinds == ["window"] else "Leave --kind out."
        raise nothing_captured(f"this record has maps of kind {' and '.join(kinds)} alone", step)
    if over_text:
        raise nothing_captured(
            "all maps of this record run over text, not over a picture", "Keep cross-attention, too."
        )
    raise nothing_captured("this record is empty", "Extract it again without --layers.")


def drawings(record: AttentionRecord, look: Look) -> list[Drawing]:
    """Every map that `look` asks of `record`.

    Raises:
        ChoiceError: a layer, head or asker that is not there, or a method that these maps do not allow.
        NothingCapturedError: no map runs over the picture.
    """
    maps = numbered(record, look.kind)
    missing = [n for n in look.layer or () if n not in maps]
    if missing:
        raise ChoiceError(f"--layer: want numbers of {spans(maps)}, got {', '.join(map(str, missing))}")
    if look.method in ("raw", "fused"):
        found = list(_single(record, maps, look))
        if not found:
            raise ChoiceError(f"--query: none of the maps has {' and '.join(map(repr, look.query))} among its askers")
        return found
    return list(THROUGH_DEPTH[look.method](record, maps, look))


def _single(record: AttentionRecord, maps: Maps, look: Look) -> Iterator[Drawing]:
    told = [number for number, one in maps.items() if one.query.kind == "text"]
    of_words = bool(told) and any(is_word(text) for text in look.query)
    for number, one in maps.items():
        if look.layer is not None and number not in look.layer:
            continue
        # A word of a caption is no asker of the layers below, where regions ask.
        if of_words and one.query.kind != "text":
            if look.layer is None:
                continue
            raise ChoiceError(f"--query: words ask in layer {spans({n: maps[n] for n in told})} alone, and regions in layer {number}: want a region's number there")  # fmt: skip
        for asked in askings(one.query, look.query):
            rows = heads_of(one, asked.rows)
            for part, words, unit, row in _heads(one, asked, rows, number, look):
                yield drawing(record, one, asked, row, words, unit, (number, one.name, part), one.single[None])


def _heads(
    one: AttentionMap, asked: Asking, rows: NDArray[np.float32], number: int, look: Look
) -> Iterator[tuple[str, str, str, NDArray[Any]]]:
    """(part of the file name, words, unit, row) of every head or fusion of heads asked for."""
    layer = f"layer {number + 1}"
    if look.method == "fused":
        from visualizer.measures.rollout import fuse

        if look.head is not None:
            raise ChoiceError("--method fused: takes all heads together; leave --head out, or take --method raw")
        unit = SHARE if look.fusion == "mean" else f"{look.fusion} weight of any head"
        yield "", f"{layer}, {look.fusion} of all heads", unit, together(fuse(rows, look.fusion), asked)
    elif look.head is None and look.avg_heads:
        yield "", f"{layer}, mean of all heads", SHARE, together(rows.mean(axis=0), asked)
    else:
        chosen = head_numbers(one) if look.head is None else look.head
        for head in chosen:
            part = f"head_{head}" if len(chosen) > 1 else ""
            yield part, f"{layer}, head {head + 1}", SHARE, together(rows[place(one, head)], asked)
