"""Numbers and askers as people type them, and what they mean on the axis of a map."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vit_attention.cli.errors import ChoiceError
from vit_attention.records import Axis

MOST = 4096
"""Largest number of a layer, head or token range that is spelled out."""

FIELD = "field:"
"""In front of the path of a field, which some word may be called like."""

_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
_PATCH = re.compile(r"(\d{1,6})\s*,\s*(\d{1,6})")


@dataclass(frozen=True)
class Asking:
    """Which rows of a map are drawn together.

    Attributes:
        rows: numbers on the query axis, special tokens first.
        words: who asks, in words.
        part: what tells its files from those of other askers; "" if there is one alone.
        shares: how much each row counts, of 1 together; None counts them alike.
    """

    rows: tuple[int, ...]
    words: str
    part: str = ""
    shares: tuple[float, ...] | None = None


def numbers(text: str) -> tuple[int, ...]:
    """Numbers written as a list of numbers and ranges, sorted, each once; raises ValueError for anything else.

    >>> numbers("0,5-7")
    (0, 5, 6, 7)
    """
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"want numbers such as 3 or 0,5-7, got {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < first + MOST:
            raise ValueError(f"want a range from small to large of at most {MOST} numbers, got {part.strip()!r}")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def askings(axis: Axis, wanted: Sequence[str]) -> list[Asking]:
    """Who asks on the rows of `axis`; nothing wanted takes the class token, or the mean of all where there is none.

    Args:
        axis: of the queries.
        wanted: "class" or another special token's name, "row,column" of a patch, a token's number, a word, "field:PATH" of
            a document, "mean" or "each". Several patches, numbers or words ask together.

    Raises:
        ChoiceError: something that this axis does not have.
        ValueError: a word that was not said.

    >>> askings(Axis.patches(2, 2, ("class",)), ["1,0"])
    [Asking(rows=(3,), words='the patch in row 2, column 1', part='', shares=None)]
    """
    if list(wanted) == ["each"]:
        return [Asking((row,), name(axis, row), f"query_{row}") for row in range(len(axis))]
    if list(wanted) == ["mean"] or not wanted:
        if not wanted and axis.prefix and axis.kind != "text":
            return [Asking((0,), name(axis, 0))]
        return [Asking(tuple(range(len(axis))), f"the mean of all {len(axis)} {_plural(axis)}")]
    if {"each", "mean"} & set(wanted):
        raise ChoiceError('--query: want "mean" or "each" alone, or patches, numbers and words')
    if len(wanted) == 1 and wanted[0].startswith(FIELD):
        return [_field(axis, wanted[0].removeprefix(FIELD))]
    found = [_rows(axis, text) for text in wanted]
    rows = tuple(dict.fromkeys(row for some in found for row in some))
    if len(rows) == 1:
        return [Asking(rows, name(axis, rows[0]))]
    if len(found) == 1:
        return [Asking(rows, f'"{wanted[0]}" ({len(rows)} tokens)')]
    return [Asking(rows, f"{len(rows)} {_plural(axis)} together")]


def name(axis: Axis, row: int) -> str:
    """Row `row` in words, as pages say it.

    >>> name(Axis.text(("▁tea", "</s>")), 0), name(Axis.patches(1, 1, ("class",)), 0)
    ('token 1, "tea"', 'the class token')
    """
    if axis.kind != "text":
        return f"the {axis.name(row)}"
    return f'token {row + 1}, "{spoken((*axis.special, *axis.labels)[row])}"'


def spoken(token: str) -> str:
    """A token without the mark of a new word, in printable characters."""
    return "".join(c if c.isprintable() else " " for c in token.replace("▁", " ")).strip() or token


def is_word(text: str) -> bool:
    """Whether only rows of text can be called so: neither a number nor a place, nor what every axis has.

    >>> is_word("ring"), is_word("each"), is_word("3"), is_word("6,8"), is_word("mean")
    (True, True, False, False, False)
    """
    return not (text.strip().isdecimal() or _PATCH.fullmatch(text.strip()) or text in ("mean", "class"))


def _field(axis: Axis, path: str) -> Asking:
    """A field of a document; every word of it counts the same however many tokens it has, as on the pages."""
    from visualizer.measures.fields import canonical, fields

    found = fields((*axis.special, *axis.labels)) if axis.kind == "text" else ()
    written = [one for one in found if one.words]
    known = [one for one in written if one.path == path] or [one for one in written if canonical(one.path) == path]
    if not known:
        paths = ", ".join(dict.fromkeys(one.path for one in found)) or "none"
        raise ValueError(f"--query: want a field that was read ({paths}), got {path!r}")
    words = known[0].words
    shares = tuple(1 / len(words) / len(word.tokens) for word in words for _ in word.tokens)
    rows = tuple(row for word in words for row in word.tokens)
    return Asking(rows, f"the field {known[0].path}", shares=shares)


def _spelled(axis: Axis) -> list[str]:
    return [spoken(token) for token in (*axis.special, *axis.labels)]


def _plural(axis: Axis) -> str:
    return {"text": "tokens", "regions": "regions"}.get(axis.kind, "patches" if not axis.prefix else "tokens")


def _spelled_so(axis: Axis, text: str) -> tuple[int, ...]:
    """The rows of a token, of a word of several tokens, or of a field of a document; () for none. The first counts."""
    spelled = _spelled(axis)
    if text in spelled:
        return (spelled.index(text),)
    from visualizer.measures.fields import canonical, fields

    found = fields((*axis.special, *axis.labels))
    words = [word.tokens for field in found for word in field.words if word.text == text]
    paths = [field.tokens for field in found if text in (field.path, canonical(field.path))]
    return tuple(row for row in (*words, *paths, ())[0] if row >= 0)


def _rows(axis: Axis, text: str) -> tuple[int, ...]:
    # What was read or said differs from picture to picture; what asks in a grid does not.
    wrong: type[Exception] = ValueError if axis.kind == "text" else ChoiceError
    patch = _PATCH.fullmatch(text.strip())
    if patch and axis.kind == "patches" and axis.grid is not None:
        row, column = int(patch[1]), int(patch[2])
        if row < axis.grid[0] and column < axis.grid[1]:
            return (axis.prefix + row * axis.grid[1] + column,)
        raise ChoiceError(
            f"--query: want a patch from 0,0 to {axis.grid[0] - 1},{axis.grid[1] - 1} (row,column), got {text}"
        )
    if text.strip().isdecimal():
        if int(text) < len(axis):
            return (int(text),)
        raise wrong(f"--query: want a number from 0 to {len(axis) - 1}, got {text}")
    if text in axis.special:
        return (axis.special.index(text),)
    rows = _spelled_so(axis, text) if axis.kind == "text" else ()
    if rows:
        return rows
    raise wrong(f"--query: want {_offers(axis)}, got {text!r}")


def _offers(axis: Axis) -> str:
    first = [f'"{one}"' for one in axis.special[:4]] if axis.kind != "text" else []
    if axis.kind == "patches":
        first.append("row,column")
    if axis.kind == "text":
        first.append("what was said: " + " ".join(_spelled(axis)[:40]))
    return ", ".join([*first, f"a number from 0 to {len(axis) - 1}", '"mean" or "each"'])
