"""Who asks, of which layer and head, and what a record has to say to that."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.words import written
from visualizer.method.said import class_row, field_rows, said
from vit_attention.records import AttentionMap, AttentionRecord, Axis, half_to_single

FIELD = "field:"
"""In front of the path of a field, which some word may be called like."""

Maps = dict[int, AttentionMap]
# Digits of other scripts are words: a token may be called so.
_PATCH = re.compile(r"(\d{1,6})\s*,\s*(\d{1,6})", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


class QuestionError(ValueError):
    """A question that this kind of record or this method cannot answer, whatever the picture.

    Attributes:
        option: which part of the question is wrong: query, layer, head, kind, method, or the name of a knob.
        text: what is wrong with it.
    """

    def __init__(self, option: str, text: str) -> None:
        super().__init__(f"{option}: {text}")
        self.option, self.text = option, text


class SignalError(QuestionError):
    """A record that was made without what a method reads; one made with it has the map."""


class NothingCapturedError(ValueError):
    """A record without a map of the kind that is asked for."""

    def __init__(self, why: str, step: str) -> None:
        super().__init__(f"No attention maps captured: {why}. {step}")


@dataclass(frozen=True)
class Askers:
    """Which rows of a map are read together.

    Attributes:
        rows: numbers on the query axis, special tokens first.
        words: who asks, in words.
        shares: how much each row counts, of 1 together; None counts them alike.
    """

    rows: tuple[int, ...]
    words: str
    shares: tuple[float, ...] | None = None

    def shares_of(self, count: int) -> NDArray[np.float64]:
        """(count,) how much each row of an axis counts, 1 together."""
        found = np.zeros(count)
        found[list(self.rows)] = 1 / len(self.rows) if self.shares is None else self.shares
        return found

    def together(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(..., keys) of (..., rows, keys): what several rows read together.

        >>> Askers((0, 1), "two", shares=(0.75, 0.25)).together(np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
        [0.75, 0.25]
        """
        return np.asarray(rows.mean(axis=-2) if self.shares is None else np.array(self.shares, np.float32) @ rows)


@dataclass(frozen=True)
class Question:
    """The query, layer and head that a method is applied to.

    Attributes:
        query: query tokens, as `askers` takes them; () for the class token, or the mean of all if there is none.
        layer: number of the layer, from 0; None takes the last one.
        head: number of the head, from 0; None takes all of them together.
        kind: "self", "cross" or "window"; None takes the first two.
    """

    query: tuple[str, ...] = ()
    layer: int | None = None
    head: int | None = None
    kind: str | None = None

    def maps(self, record: AttentionRecord) -> Maps:
        """The selected maps, by number; raises `QuestionError` for a layer that is not among them."""
        found = numbered(record, self.kind)
        if self.layer is not None and self.layer not in found:
            raise QuestionError("layer", f"want numbers of {span(found)}, got {self.layer}")
        return found

    def map(self, record: AttentionRecord) -> tuple[int, AttentionMap]:
        """Number and map of the selected layer."""
        found = self.maps(record)
        number = max(found) if self.layer is None else self.layer
        return number, found[number]

    def chain(self, record: AttentionRecord, kind: str | None = None) -> Maps:
        """The layers up to the selected one that have the same keys, by number; only those of `kind`."""
        fitting = {n: one for n, one in self.maps(record).items() if kind is None or one.kind == kind}
        if not fitting:
            raise QuestionError("method", "wants self-attention over the picture, and this model has none there")
        last = max(fitting) if self.layer is None else self.layer
        if last not in fitting:
            raise QuestionError("layer", f"want a number of {span(fitting)}, got {last}")
        end = _shape(fitting[last])
        return {n: one for n, one in fitting.items() if n <= last and _shape(one) == end}

    def product(self, record: AttentionRecord, fusions: Sequence[str] = ()) -> Maps:
        """The complete chain of self-attention; the product of an incomplete one has no meaning.

        Args:
            record: with all heads and rows of every layer, or with a matrix for all heads in their place.
            fusions: the head fusions whose matrices will do: "mean", "max", "min".

        Raises:
            QuestionError: a layer, head or row is missing. One may start at a later layer than the first.
        """
        if record.settings.get("unheard"):
            raise QuestionError("method", "wants every layer, and some of this network could not be captured: take raw")
        found = self.chain(record, "self")
        fused = any(f"head-{fusion}" in record.signals for fusion in fusions)
        if not fused and any(one.queries is not None or one.heads is not None for one in found.values()):
            ways = [f"with keep={{'head-{fusion}'}} or " for fusion in fusions[:1]]
            raise QuestionError(
                "method",
                f"wants all heads and queries, and this record kept some: extract it again {''.join(ways)}without choosing any",
            )
        # Only where layers were chosen: a network may have blocks without attention, and its numbers gaps.
        last = max(found) if self.layer is not None else max(*found, len(record.norms) - 1)
        if record.settings.get("layers") and len(found) <= last - min(found):
            kept = span(found)
            raise QuestionError(
                "method",
                f"wants every layer to {last}, and this record kept {kept}: extract it again without choosing any",
            )
        return found


def _shape(one: AttentionMap) -> tuple[str, int, int]:
    return one.kind, len(one.query), len(one.key)


def query_texts(query: Any) -> tuple[str, ...]:
    """A query of Python as the texts that `askers` takes; two numbers, in a tuple or a list, are one patch.

    >>> query_texts((6, 8)), query_texts([(6, 8), (7, 8)]), query_texts(5), query_texts("class")
    (('6,8',), ('6,8', '7,8'), ('5',), ('class',))
    """
    if query is None:
        return ()
    if isinstance(query, (str, int, np.integer)):
        return (str(query),)
    try:
        given = list(query)
    except TypeError as error:
        raise QuestionError(
            "query", f"want a token's number, (row, column), a word, or several, got {query!r}"
        ) from error
    if len(given) == 2 and all(isinstance(n, (int, np.integer)) for n in given):
        return (f"{given[0]},{given[1]}",)
    return tuple(text for one in given for text in query_texts(one))


def number_of(text: str) -> int | None:
    """The number of a token in a text such as "105"; None for any other.

    >>> number_of(" 105 "), number_of("6,8")
    (105, None)
    """
    return int(text) if _NUMBER.fullmatch(text.strip()) else None


def patch_of(text: str) -> tuple[int, int] | None:
    """Row and column of a text such as "6,8"; None for any other.

    >>> patch_of("6, 8"), patch_of("6")
    ((6, 8), None)
    """
    found = _PATCH.fullmatch(text.strip())
    return None if found is None else (int(found[1]), int(found[2]))


def numbered(record: AttentionRecord, kind: str | None = None) -> Maps:
    """The maps of a record by number: their depth, or their place where depths of two kinds collide.

    Maps over a picture go before maps over text; windows of an encoder, whose depths collide with the decoder's, are
    taken where they are asked for.

    Raises:
        NothingCapturedError: there is none.
    """
    pictured = [one for one in record.maps if one.key.kind != "text"]
    found = pictured or list(record.maps)
    wanted = [one for one in found if (one.kind != "window" if kind is None else one.kind == kind)]
    if wanted:
        depths = [one.layer for one in wanted]
        numbers = depths if len(set(depths)) == len(depths) else range(len(wanted))
        return dict(zip(numbers, wanted, strict=True))
    if found:
        kinds = sorted({one.kind for one in found})
        step = "Add --kind window." if kinds == ["window"] else "Leave --kind out."
        raise NothingCapturedError(f"this record has maps of kind {' and '.join(kinds)} alone", step)
    raise NothingCapturedError("this record is empty", "Extract it again without --layers.")


def span(numbers: Sequence[int] | Maps) -> str:
    """Rising numbers in words, for messages.

    >>> span((0, 1, 2)), span((3, 7)), span((4,))
    ('0 to 2', '3 and 7', '4')
    """
    there = list(numbers)
    whole = len(there) > 1 and there == list(range(there[0], there[-1] + 1))
    return f"{there[0]} to {there[-1]}" if whole else " and ".join(map(str, there))


def head_numbers(one: AttentionMap) -> tuple[int, ...]:
    """Original numbers of the heads that a map kept."""
    return one.heads if one.heads is not None else tuple(range(len(one.weights)))


def weights_of(one: AttentionMap, rows: Sequence[int]) -> NDArray[np.float32]:
    """(heads, rows, keys) in single precision; raises `QuestionError` for a row that the record did not keep."""
    gone = [row for row in rows if one.queries is not None and row not in one.queries]
    if gone:
        ways = f"attend with queries=[..., {gone[0]}], or with whole=[{one.layer}] for all rows of this layer"
        raise QuestionError(
            "query", f"this record kept the rows {list(one.queries or ())[:12]} alone, got {gone[0]}: {ways}"
        )
    found = one.weights[:, list(rows) if one.queries is None else [one.queries.index(row) for row in rows]]
    return half_to_single(found) if found.dtype == np.float16 else found


def one_head(one: AttentionMap, weights: NDArray[Any], head: int | None) -> NDArray[Any]:
    """(rows, keys) of one head of (heads, rows, keys), or the mean of all heads."""
    if head is None:
        return np.asarray(weights.mean(axis=0))
    there = head_numbers(one)
    if head not in there:
        raise QuestionError("head", f"want numbers of {span(there)}, got {head}")
    return np.asarray(weights[there.index(head)])


def head_words(head: int | None) -> str:
    """The chosen head in words."""
    return "mean of all heads" if head is None else f"head {head + 1}"


def askers(axis: Axis, wanted: Sequence[str]) -> Askers:
    """Who asks on the rows of `axis`; nothing wanted takes the class token, or the mean of all where there is none.

    Args:
        axis: of the queries.
        wanted: "class" or another special token's name, "row,column" of a patch, a token's number, a word (all its tokens),
            "field:PATH" of a document, or "mean". Several patches, numbers or words ask together.

    Raises:
        QuestionError: something that this axis does not have.
        ValueError: a word that was not said.

    >>> askers(Axis.patches(2, 2, ("class",)), ["1,0"])
    Askers(rows=(3,), words='the patch in row 2, column 1', shares=None)
    """
    if axis.kind == "text":  # where two numbers are two tokens, since there are no rows and columns
        wanted = [part for text in wanted for part in ([text] if patch_of(text) is None else text.split(","))]
    row = class_row(axis) if not wanted else None
    if row is not None:
        return Askers((row,), name(axis, row))
    if not wanted or list(wanted) == ["mean"]:
        return Askers(tuple(range(len(axis))), f"the mean of all {len(axis)} {_plural(axis, 0)}")
    if "mean" in wanted:
        raise QuestionError("query", 'want "mean" alone, or patches, numbers and words')
    if len(wanted) == 1 and wanted[0].startswith(FIELD):
        path, rows, shares = field_rows(axis, wanted[0].removeprefix(FIELD))
        return Askers(rows, f"the field {path}", shares)
    found = [_rows(axis, text) for text in wanted]
    rows = tuple(dict.fromkeys(row for some in found for row in some))
    if len(rows) == 1:
        return Askers(rows, name(axis, rows[0]))
    if len(found) == 1:
        return Askers(rows, f'"{wanted[0]}" ({len(rows)} tokens)')
    return Askers(rows, f"{len(rows)} {_plural(axis, min(rows))} together")


def name(axis: Axis, row: int) -> str:
    """Row `row` in words, as pages say it.

    >>> name(Axis.text(("▁tea", "</s>")), 0), name(Axis.patches(1, 1, ("class",)), 0)
    ('token 1, "tea"', 'the class token')
    """
    if axis.kind != "text":
        return f"the {axis.name(row)}"
    return f'token {row + 1}, "{written(axis)[row]}"'


def is_word(text: str) -> bool:
    """Whether only rows of text can be called so: neither a number nor a place, nor what every axis has.

    >>> is_word("ring"), is_word("each"), is_word("3"), is_word("6,8"), is_word("mean")
    (True, True, False, False, False)
    """
    return not (number_of(text) is not None or patch_of(text) or text in ("mean", "class"))


def _plural(axis: Axis, first: int) -> str:
    """What the rows from `first` up are called together."""
    return {"text": "tokens", "regions": "regions"}.get(axis.kind, "patches" if first >= axis.prefix else "tokens")


def _rows(axis: Axis, text: str) -> tuple[int, ...]:
    if axis.kind == "text":
        return said(axis, text, number_of(text))
    patch = patch_of(text)
    if patch and axis.grid is not None:
        row, column = patch
        if row < axis.grid[0] and column < axis.grid[1]:
            return (axis.prefix + row * axis.grid[1] + column,)
        last = f"{axis.grid[0] - 1},{axis.grid[1] - 1}"
        raise QuestionError("query", f"want a patch from 0,0 to {last} (row,column), got {text}")
    number = number_of(text)
    if number is not None and number < len(axis):
        return (number,)
    if text in axis.special:
        return (axis.special.index(text),)
    places = ["row,column"] * (axis.kind == "patches")
    offers = [*(f'"{one}"' for one in axis.special[:4]), *places, f"a number from 0 to {len(axis) - 1}", '"mean"']
    raise QuestionError("query", f"want {', '.join(offers)}, got {text!r}")
