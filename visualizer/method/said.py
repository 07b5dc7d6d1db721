"""Which tokens of a text are meant: by their number, a word, a token, the class token, or a field of a document."""

from typing import NamedTuple

from visualizer.measures.fields import canonical, fields
from visualizer.measures.spelling import plain
from visualizer.measures.words import Word, words_of, written
from vit_attention.gate import GateError, shown
from vit_attention.records import AttentionRecord, Axis

CLASS_TOKENS = ("[CLS]", "<cls>", "<s>")
"""What the token is called whose last state a classifier of text reads, where it leads."""
SHOWN = 40
"""Most words that a refusal offers."""


class FieldRows(NamedTuple):
    """The rows of a field of a document: its path, its rows, and how much each counts, of 1 together."""

    path: str
    rows: tuple[int, ...]
    shares: tuple[float, ...]


def class_row(axis: Axis) -> int | None:
    """The row of the class token, or None where none leads.

    Tokens that lead text which was generated are its prompt: "<s>" is a class token only of text that went in.

    >>> class_row(Axis.text(("good", "[SEP]"), ("[CLS]",), (-1, 0, -1))), class_row(Axis.text(("tea",), ("<s>",)))
    (0, None)
    """
    if axis.kind != "text":
        return 0 if axis.prefix else None
    return 0 if axis.prefix and axis.words and axis.special[0] in CLASS_TOKENS else None


def scored_row(record: AttentionRecord, axis: Axis) -> int | None:
    """The row that a target's score is read from: the class token's, or the last of a text that is compared with pictures."""
    return len(axis) - 1 if record.settings.get("pictures") else class_row(axis)


def said(axis: Axis, text: str, number: int | None) -> tuple[int, ...]:
    """The rows of a token's number, the class token, a word with all its tokens, a token, or a field; the first counts.

    What was read or said differs from input to input, so that a miss is no fault of the question.

    Args:
        axis: of text.
        text: what is asked for, as people write it.
        number: the same as a number, or None.

    Raises:
        GateError: nothing of that name; says what there is.

    >>> said(Axis.text(("un", "##happy", "[SEP]"), ("[CLS]",), (-1, 0, 0, -1)), "Unhappy", None)
    (1, 2)
    """
    if number is not None and number < len(axis):
        return (number,)
    row = class_row(axis) if text == "class" else None
    if row is not None:
        return (row,)
    spelled, words = written(axis), words_of(axis)
    rows = _word(words, text) or ((spelled.index(text),) if text in spelled else ()) or _in_document(axis, text)
    if rows:
        return rows
    there = " ".join([one.text for one in words][:SHOWN] or spelled[:SHOWN])
    told = f'a word of the text ({there}), "mean"' if words else f'"mean" or what was said: {there}'
    raise GateError("query", f"a number from 0 to {len(axis) - 1}, {told}", shown(text))


def _word(words: tuple[Word, ...], text: str) -> tuple[int, ...]:
    """The tokens of the first word written so, or else written so but for capitals and accents."""
    exact = (one.tokens for one in words if one.text == text)
    near = (one.tokens for one in words if plain(one.text) == plain(text))
    return next(exact, None) or next(near, ())


def _in_document(axis: Axis, text: str) -> tuple[int, ...]:
    """The tokens of a word of several, or of a field, of what a document reader wrote."""
    found = fields((*axis.special, *axis.labels))
    words = [word.tokens for field in found for word in field.words if word.text == text]
    paths = [field.tokens for field in found if text in (field.path, canonical(field.path))]
    return tuple(row for row in (*words, *paths, ())[0] if row >= 0)


def field_rows(axis: Axis, path: str) -> FieldRows:
    """A field of a document; every word of it counts the same however many tokens it has, as on the pages.

    Raises:
        GateError: no field of this path was read; says which were.
    """
    found = fields((*axis.special, *axis.labels)) if axis.kind == "text" and not axis.words else ()
    written_ones = [one for one in found if one.words]
    known = [one for one in written_ones if one.path == path]
    known = known or [one for one in written_ones if canonical(one.path) == path]
    if not known:
        paths = ", ".join(dict.fromkeys(one.path for one in found)) or "none"
        raise GateError("query", f"a field that was read ({paths})", shown(path))
    words = known[0].words
    shares = tuple(1 / len(words) / len(word.tokens) for word in words for _ in word.tokens)
    return FieldRows(known[0].path, tuple(row for word in words for row in word.tokens), shares)
