"""The weights between the tokens of a text in one layer and head, ready for figures and their words."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.words import written
from visualizer.method.question import Question, QuestionError, askers, head_words, name, one_head, weights_of
from vit_attention.records import AttentionMap, AttentionRecord, Axis


class TokenPairs(NamedTuple):
    """The weights of one layer and head between tokens of a text.

    Attributes:
        weights: (tokens, tokens), a row for each token that asks.
        axis: the tokens.
        words: layer and head in words.
        note: what was left out, or "".
    """

    weights: NDArray[np.float32]
    axis: Axis
    words: str
    note: str

    def called(self, token: int) -> str:
        """A token as sentences name it."""
        return name(self.axis, token)


def token_pairs(
    record: AttentionRecord,
    layer: int | None = None,
    head: int | None = None,
    kind: str | None = None,
    special: bool = True,
) -> TokenPairs:
    """The weights between all tokens of a text.

    Args:
        record: with maps in which the tokens of a text look at each other.
        layer, head, kind: as for a method.
        special: whether special tokens stay; without them rows sum to less than 1.

    Raises:
        QuestionError: a layer or head that is not there, one of something else than text, or one that kept some rows alone.
    """
    number, one = Question(layer=layer, head=head, kind=kind).map(record)
    check_text(one)
    weights = np.asarray(one_head(one, weights_of(one, range(len(one.query))), head), np.float32)
    axis, note = one.key, ""
    if not special:
        kept = ordinary(axis)
        weights, axis = weights[np.ix_(kept, kept)], without_special(axis)
        note = "special tokens are left out, so that rows sum to less than 1"
    return TokenPairs(weights, axis, f"layer {number + 1}, {head_words(head)}", note)


def check_text(one: AttentionMap) -> None:
    """Raise `QuestionError` for a map in which something else than the tokens of one text look at each other."""
    if one.key.kind != "text" or written(one.query) != written(one.key):
        got = f"one where {one.query.kind} look at {one.key.kind}"
        raise QuestionError("layer", f"want one in which the tokens of a text look at each other, got {got}")


def ordinary(axis: Axis) -> list[int]:
    """The tokens that are no special tokens, as far as the axis says; raises `QuestionError` where there is none."""
    kept = [n for n in range(axis.prefix, len(axis)) if not axis.words or axis.words[n] >= 0]
    if not kept:
        raise QuestionError("special", "want a text with a token that is no special one, got special tokens alone")
    return kept


def without_special(axis: Axis) -> Axis:
    """The axis of the tokens that are no special tokens."""
    kept = ordinary(axis)
    words = [axis.words[n] for n in kept] if axis.words else ()
    return Axis.text([axis.labels[n - axis.prefix] for n in kept], (), words)


def token_of(axis: Axis, token: int | str) -> int:
    """The number of one token, given as such or as a word of one token; of several the first.

    Raises:
        QuestionError, GateError: a token that is not there.
    """
    rows = askers(axis, [str(token)]).rows
    if len(rows) > 1 and str(token) == "mean":
        raise QuestionError("token", "want one token, got the mean of all")
    return rows[0]
