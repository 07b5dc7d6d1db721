"""Subwords of a text gathered to the words they are parts of."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.spelling import as_written, byte_signs, decoded, joined, spoken
from vit_attention.gate import GateError, shown
from vit_attention.records import AttentionMap, AttentionRecord, Axis

GATHERED = (
    "Subwords are gathered to words: rows averaged, columns summed (Clark et al. 2019, arXiv:1906.04341, section 4.1); "
    "gradients, lengths and other signals of tokens are left out."
)
ALONE = "Special tokens are left out, and each row is divided by the sum of what is left."


class Word(NamedTuple):
    """A word of a text, or a special token: how it is written, and the numbers of its tokens."""

    text: str
    tokens: tuple[int, ...]


@lru_cache(maxsize=64)
def written(axis: Axis) -> tuple[str, ...]:
    """Every token of a text axis as people write it; a piece of a letter by its bytes.

    Returns:
        One text a token, special tokens first.

    >>> written(Axis.text(("un", "##happy", "[SEP]"), ("[CLS]",), (-1, 0, 0, -1)))
    ('[CLS]', 'un', 'happy', '[SEP]')
    """
    tokens = (*axis.special, *axis.labels)
    out = [spoken(token) for token in tokens]
    for group in groups(axis.words):
        whole = "".join(tokens[n] for n in group)
        for n in group if len(group) > 1 and decoded(whole) != whole else ():
            if not tokens[n].isascii() and decoded(tokens[n]) == tokens[n]:
                out[n] = "bytes " + bytes(byte_signs()[sign] for sign in tokens[n]).hex(" ")
    return tuple(out)


def groups(words: Sequence[int], keep_special: bool = True) -> list[tuple[int, ...]]:
    """The numbers of the tokens of every word in the order of the text; special tokens, -1, each alone or left out.

    >>> groups((-1, 0, 1, 1, -1)), groups((-1, 0, 1, 1, -1), keep_special=False)
    ([(0,), (1,), (2, 3), (4,)], [(1,), (2, 3)])
    """
    found: dict[int, list[int]] = {}
    for token, word in enumerate(words):
        if word >= 0 or keep_special:
            found.setdefault(word if word >= 0 else -1 - token, []).append(token)
    return [tuple(one) for one in found.values()]


def words_of(axis: Axis, text: str = "", keep_special: bool = True) -> tuple[Word, ...]:
    """The words of a text axis in order, special tokens among them; () where it is not known which token is of which word.

    Args:
        axis: of tokens of text.
        text: the text that went in; words are then written as in it, else as the tokenizer wrote them.
        keep_special: whether special tokens are among them.

    >>> words_of(Axis.text(("un", "##happy", "[SEP]"), ("[CLS]",), (-1, 0, 0, -1)), "Unhappy")[1]
    Word(text='Unhappy', tokens=(1, 2))
    """
    tokens = (*axis.special, *axis.labels)
    found = [Word(joined([tokens[n] for n in group]), group) for group in groups(axis.words, keep_special)]
    own = [n for n, one in enumerate(found) if axis.words[one.tokens[0]] >= 0]
    labels = as_written([found[n].text for n in own], text) if text else []
    for n, label in zip(own, labels, strict=False):
        found[n] = found[n]._replace(text=label)
    return tuple(found)


def gather_words(
    matrix: ArrayLike, words: Sequence[int], keep_special: bool = True, renormalise: bool = False
) -> NDArray[Any]:
    """Attention between words from attention between their tokens: rows averaged, columns summed.

    Attention to a word that is split is the sum over its tokens, attention from it the mean (Clark et al. 2019,
    arXiv:1906.04341, section 4.1), so that each row still sums to 1.

    Args:
        matrix: (..., tokens, tokens) weights, such as those of a layer's heads.
        words: the number of each token's word, -1 for special tokens, as ``axis.words``.
        keep_special: whether special tokens stay, each alone; without them rows sum to less than 1.
        renormalise: divide each row by its sum, NaN where nothing is left.

    Returns:
        (..., words, words), in the order of the text.

    Raises:
        GateError: another shape, other numbers than these, or no word at all.

    >>> gather_words([[[0.2, 0.3, 0.5], [0.1, 0.1, 0.8], [0.3, 0.5, 0.2]]], (-1, 0, 0)).round(2).tolist()
    [[[0.2, 0.8], [0.2, 0.8]]]
    """
    values = undefined.at_least_single(undefined.rectangular(matrix, "matrix", "(..., tokens, tokens)"))
    found = groups(_checked(words), keep_special)
    if values.ndim < 2 or values.shape[-2:] != (len(words), len(words)):
        raise GateError("matrix", f"(..., {len(words)}, {len(words)}), a word for each token", f"{values.shape}")
    if not found:
        raise GateError("words", "at least one word of the text", "none")
    out = _gathered(_gathered(values, found, -1), found, -2)
    return undefined.ratio(out, out.sum(axis=-1, keepdims=True)).astype(out.dtype) if renormalise else out


def _checked(words: Iterable[Any]) -> list[int]:
    given = [*words]
    wrong = [one for one in given if not isinstance(one, (int, np.integer)) or isinstance(one, bool) or one < -1]
    if wrong:
        raise GateError("words", "the number of each token's word, -1 for special tokens", shown(wrong[0]))
    return [int(one) for one in given]


def _gathered(values: NDArray[Any], found: Sequence[tuple[int, ...]], axis: int) -> NDArray[Any]:
    """Columns summed (axis -1), or rows averaged (axis -2)."""
    sizes = np.array([len(one) for one in found])
    picked = values.take([n for one in found for n in one], axis=axis)
    sums = np.add.reduceat(picked, np.cumsum(sizes) - sizes, axis=axis)
    return np.asarray(sums if axis == -1 else sums / sizes.astype(values.dtype)[:, None])


def by_words(record: AttentionRecord, special: bool = True) -> AttentionRecord:
    """The record with words for tokens on its axes of text, written as in the text; its notes say what was done.

    Args:
        record: of a text, with all rows of every layer.
        special: whether special tokens stay; without them each row is divided by the sum of what is left.

    Raises:
        GateError: a record that does not say which token belongs to which word, or that kept only some rows.
    """
    known = [axis for one in record.maps for axis in (one.query, one.key) if axis.words]
    if not known:
        raise GateError("record", "maps over a text whose words are known", "none")
    if any(one.queries is not None for one in record.maps):
        raise GateError("record", "all rows of every layer", "some", advice="Attend again without queries=.")
    notes = [*record.settings.get("notes", ()), GATHERED, *([] if special else [ALONE])]
    maps = tuple(_by_words(one, record.text, special) for one in record.maps)
    settings, none = {**record.settings, "notes": notes}, np.zeros((0, 0), np.float32)
    return replace(record, maps=maps, settings=settings, norms=none, signals={})


def _by_words(one: AttentionMap, text: str, special: bool) -> AttentionMap:
    weights = one.single
    if one.key.words:
        weights = _gathered(weights, groups(one.key.words, special), -1)
    if one.query.words:
        weights = _gathered(weights, groups(one.query.words, special), -2)
    if not special:
        weights = undefined.ratio(weights, weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    query, key = (word_axis(axis, text, special) for axis in (one.query, one.key))
    weights = weights.astype(one.weights.dtype)  # rows of half precision sum to 1 within its error alone
    return replace(one, weights=weights, gradient=None, residual=None, query=query, key=key)


def word_axis(axis: Axis, text: str = "", special: bool = True) -> Axis:
    """An axis with a word for each group of tokens; an axis of anything else as it is."""
    if not axis.words:
        return axis
    found = words_of(axis, text, special)
    lead = axis.prefix if special else 0
    numbers = iter(range(len(found)))
    own = [next(numbers) if axis.words[one.tokens[0]] >= 0 else -1 for one in found]
    return Axis.text([one.text for one in found[lead:]], axis.special[:lead], own)
