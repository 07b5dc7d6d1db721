"""Maps over a made-up review, word by word: every way to look for the words that decide it, and guesses that know no model."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer import attention_flow, entropy, methods, received
from visualizer.measures.words import words_of
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord, Axis
from worlds.sentences import Sentence, sentence

ASKED = ("gradient-rollout", "relevance", "masking")
"""Methods that ask for a class."""
LAST = "class token, layer {}, head mean"

Row = NDArray[Any]


def needs() -> frozenset[Any]:
    """What a record must hold for all maps."""
    return frozenset().union(*(methods()[name].needs for name in ASKED))


def class_rows(record: AttentionRecord) -> Row:
    """(layers, heads, tokens) what the class token reads."""
    return np.stack([layer[:, 0] for layer in record.layers])


def maps_of(record: AttentionRecord) -> Iterator[tuple[str, Row]]:
    """Every map of a record that holds what `needs` says: (name, (tokens,) values)."""
    rows, layers = class_rows(record), list(record.layers)
    means = rows.mean(axis=1)
    for depth, row in enumerate(means):
        yield LAST.format(depth + 1), row
    yield "class token, mean of layers", means.mean(axis=0)
    yield "class token, head of least entropy", rows.reshape(-1, rows.shape[-1])[entropy(rows).argmin()]
    yield "attention received, last layer", received(layers[-1].mean(axis=0))
    yield "rollout", methods()["rollout"](record, query="class").row
    yield "attention flow", attention_flow(layers)
    for name in ASKED:
        yield name, methods()[name](record).row


def tokens_of(axis: Axis, made: Sentence) -> list[tuple[int, ...]]:
    """The numbers of the tokens of each word of a review; signs and special tokens belong to none.

    Raises:
        GateError: an axis that does not say which tokens are parts of one word, or one of another text.

    >>> from worlds.sentences import sentence
    >>> axis = Axis.text(("no", "##t", "good", ".", "[SEP]"), ("[CLS]",), (-1, 0, 0, 1, 2, -1))
    >>> from dataclasses import replace
    >>> tokens_of(axis, replace(sentence(7), text="Not good.", words=("Not", "good"), decisive=(0, 1)))
    [(1, 2), (3,)]
    """
    found: list[tuple[int, ...]] = [()] * len(made.words)
    low = 0
    for word in words_of(axis, made.text, keep_special=False):
        start = made.text.find(word.text, low)
        if start < 0:
            continue
        low = start + len(word.text)
        for n, (begin, end) in enumerate(made.spans):
            if start < end and begin < low:
                found[n] += word.tokens
    if not all(found):
        raise GateError("axis", "tokens of each word of the review", f"none of {made.words[found.index(())]!r}")
    return found


def by_word(row: Row, axis: Axis, made: Sentence) -> Row:
    """(..., words) values of the words of a review, the sums of their tokens'.

    Args:
        row: (..., tokens) values.
        axis: the tokens.
        made: the review.
    """
    return np.stack([row[..., list(tokens)].sum(axis=-1) for tokens in tokens_of(axis, made)], axis=-1)


def knowing_nothing(made: Sentence) -> dict[str, float]:
    """Chance of a hit for guesses that use no model; the last two know which words praise or blame."""
    count, decisive = len(made.words), set(made.decisive)
    return {
        "any word": len(decisive) / count,
        "longest word": float(longest(made) in decisive),
        "last word": float(count - 1 in decisive),
        "any polar word": len(decisive & set(made.polar)) / len(made.polar),
        "last polar word": float(made.polar[-1] in decisive),
    }


def longest(made: Sentence) -> int:
    """The number of the word with most letters, the first of several."""
    return max(range(len(made.words)), key=lambda n: len(made.words[n]))


def hits(record: AttentionRecord, made: Sentence) -> dict[str, float]:
    """For each map of a record, and each guess, 1 if its strongest word is one that decides, else 0; the chance of it for a draw."""
    axis = record.maps[-1].key
    found = {name: float(int(by_word(row, axis, made).argmax()) in made.decisive) for name, row in maps_of(record)}
    return found | knowing_nothing(made)


def hits_of(model: Any, picture: None, number: int) -> dict[str, float]:
    """`hits` of a loaded model on the made-up review of that number, of a template that training never saw."""
    made = sentence(number, "held-out")
    return hits(model.attend(made.text, keep=needs()), made)
