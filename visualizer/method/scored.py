"""The map of a run that leaves one number a token or patch."""

from typing import Any

import numpy as np

from visualizer.method.base import Map, answer
from visualizer.method.question import Askers, Question
from vit_attention.records import AttentionRecord


def scored(record: AttentionRecord, numbers: Any, words: str, unit: str, signed: bool = False) -> Map:
    """One number a token; special tokens are left out (NaN).

    Args:
        record: what the run belongs to.
        numbers: (tokens,), or of the patches alone in any shape.
        words, unit, signed: as in `Map`.
    """
    one = list(Question().maps(record).values())[-1]
    axis, given = one.key, np.asarray(numbers, np.float64).ravel()
    row = np.full(len(axis), np.nan)
    row[axis.prefix :] = given[len(given) - len(axis) + axis.prefix :]
    if axis.words:
        row[[word < 0 for word in axis.words]] = np.nan
    return answer(record, one, Askers((), ""), row, words, unit, one.layer, signed=signed)
