"""A run's numbers, one a patch or token, as a map of the whole input; no token asks."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from visualizer.method.map import Map, answer
from visualizer.method.question import Askers, Question
from vit_attention.records import AttentionRecord, Similar


def of_parts(record: AttentionRecord, values: ArrayLike, words: str, unit: str, **more: Any) -> Map:
    """The map of (rows, columns) or (tokens,) numbers; special tokens are left out (NaN).

    Args:
        record: whose last layer says what the tokens stand for.
        values: of all tokens, or of patches without special tokens.
        words, unit, more: as for `answer`.
    """
    one = list(Question().maps(record).values())[-1]
    row, given = np.full(len(one.key), np.nan), np.asarray(values, np.float64).ravel()
    row[len(row) - len(given) :] = given
    special = [word < 0 for word in one.key.words] or np.arange(len(row)) < one.key.prefix
    row[special] = np.nan
    return answer(record, one, Askers((), ""), row, words, unit, one.layer, **more)


def score_words(record: AttentionRecord) -> str:
    """What is asked about, as the score that it is: "the score of star", or "the similarity of ... to ..."."""
    said = record.prediction
    return said.asked_words if isinstance(said.target, Similar) else f"the score of {said.asked}"


def score_unit(record: AttentionRecord) -> str:
    """The unit of that score."""
    return "cosine similarity" if isinstance(record.prediction.target, Similar) else "raw score"
