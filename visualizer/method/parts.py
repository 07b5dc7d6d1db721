"""A run's numbers, one a patch or token, as a map of the whole input; no token asks."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.method.map import Map, answer
from visualizer.method.question import Askers, Question, QuestionError
from vit_attention.records import AttentionRecord, Axis, Similar


def of_parts(
    record: AttentionRecord, values: ArrayLike, words: str, unit: str, layer: int | None = None, **more: Any
) -> Map:
    """The map of (rows, columns) or (tokens,) numbers; special tokens are left out (NaN).

    Args:
        record: whose last layer says what the tokens stand for.
        values: of all tokens, or of patches without special tokens.
        words, unit, more: as for `answer`.
        layer: its number; None takes the last.
    """
    one = list(Question().maps(record).values())[-1]
    row, given = np.full(len(one.key), np.nan), np.asarray(values, np.float64).ravel()
    row[len(row) - len(given) :] = given
    row[~ordinary(one.key)] = np.nan
    number = one.layer if layer is None else layer
    return answer(record, one, Askers((), ""), row, words, unit, number, **more)


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


def score_words(record: AttentionRecord) -> str:
    """What is asked about, as the score that it is: "the score of star", or "the similarity of ... to ..."."""
    said = record.prediction
    return said.asked_words if isinstance(said.target, Similar) else f"the score of {said.asked}"


def summed(record: AttentionRecord) -> str:
    """What the gradients of an input are summed over, in words."""
    return "summed over " + ("a token's embedding" if record.text else "the pixels of a patch")


def score_unit(record: AttentionRecord) -> str:
    """The unit of that score."""
    return "cosine similarity" if isinstance(record.prediction.target, Similar) else "raw score"
