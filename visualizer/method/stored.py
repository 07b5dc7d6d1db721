"""What a record of a large picture still holds of a layer: its weights, some rows of them, or one matrix for all heads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.method.question import QuestionError, one_head, weights_of
from vit_attention.records import AttentionMap, AttentionRecord
from vit_attention.records.checks import of_input


def complete(one: AttentionMap) -> bool:
    """Whether a map has all its heads and rows."""
    return one.queries is None and one.heads is None


def fused_matrix(record: AttentionRecord, one: AttentionMap, fusion: str) -> NDArray[Any] | None:
    """(tokens, tokens) all heads of a map fused by "mean", "max" or "min", if the record keeps that."""
    return signal_of(record, one, f"head-{fusion}")


def signal_of(record: AttentionRecord, one: AttentionMap, name: str) -> NDArray[Any] | None:
    """A map's part of a signal that has one for every map in which the input's own tokens ask; None where there is none."""
    kept: Any = record.signals.get(name)
    at = next((number for number, other in enumerate(of_input(record)) if other is one), None)
    return None if kept is None or at is None or at >= len(kept) else np.asarray(kept[at])


def layer_of(record: AttentionRecord, one: AttentionMap, fusion: str) -> NDArray[Any]:
    """(heads, tokens, tokens) of a map: its weights if they are complete, else the matrix of all heads as a single one.

    Raises:
        QuestionError: the record has neither.
    """
    if complete(one):
        return one.weights
    fused = fused_matrix(record, one, fusion)
    if fused is None:
        raise QuestionError(
            "head_fusion", f"this record has no matrices of all heads: attend with keep={{'head-{fusion}'}}"
        )
    return fused[None]


def rows_of(record: AttentionRecord, one: AttentionMap, rows: Sequence[int], fusion: str) -> NDArray[np.float32]:
    """(heads, rows, keys) of a map; rows that were not kept are taken from the matrix of all heads, as a single one.

    Raises:
        QuestionError: a row that the record has in neither.
    """
    there = one.queries is None or {*rows} <= {*one.queries}
    fused = None if there else fused_matrix(record, one, fusion)
    return weights_of(one, rows) if fused is None else np.asarray(fused[None, list(rows)], np.float32)


def head_rows(record: AttentionRecord, one: AttentionMap, rows: Sequence[int], head: int | None) -> NDArray[Any]:
    """(rows, keys) of one head, or of the mean of all heads; raises QuestionError for what the record did not keep."""
    found = rows_of(record, one, rows, "mean") if head is None else weights_of(one, rows)
    return one_head(one, found, head)
