"""The map of a run that leaves one number a token or patch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.method.base import Map, answer
from visualizer.method.question import Askers, Question, QuestionError
from vit_attention.records import AttentionRecord, Axis


def scored(
    record: AttentionRecord, numbers: Any, words: str, unit: str, signed: bool = False, layer: int | None = None
) -> Map:
    """One number a token; special tokens are left out (NaN).

    Args:
        record: what the run belongs to.
        numbers: (tokens,), or of the patches alone in any shape.
        words, unit, signed: as in `Map`.
        layer: its number; None takes the last.
    """
    one = list(Question().maps(record).values())[-1]
    axis, given = one.key, np.asarray(numbers, np.float64).ravel()
    row = np.full(len(axis), np.nan)
    row[axis.prefix :] = given[len(given) - len(axis) + axis.prefix :]
    row[~ordinary(axis)] = np.nan
    number = one.layer if layer is None else layer
    return answer(record, one, Askers((), ""), row, words, unit, number, signed=signed)


def ordinary(axis: Axis) -> NDArray[np.bool_]:
    """(tokens,) which tokens of an input are no special ones."""
    return np.arange(len(axis)) >= axis.prefix if not axis.words else np.array(axis.words) >= 0


def span_of(depth: int, question: Question, start: int) -> tuple[range, str]:
    """Numbers of the layers from `start` to the chosen one or the last, and that in words.

    A pool behind the blocks, which a record may number after them, is no layer of these.

    Raises:
        QuestionError: the chosen layer lies below the first.
    """
    last = depth - 1 if question.layer is None else min(question.layer, depth - 1)
    if start > last:
        raise QuestionError("start_layer", f"want a whole number from 0 to {last}, got {start}")
    return range(start, last + 1), f"layers {start + 1} to {last + 1}"
