"""Attention of a sentence as JSON from outside: two forms, checked in one pass without keeping the numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vit_attention.gate.bundle import Count, Name, Text
from vit_attention.gate.json_stream import JsonStream
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, shown
from vit_attention.gate.schema import FIRST, Schema

EXTRACTED, BACKEND = "extracted", "backend"
FORMS = {EXTRACTED: "attention_matrices", BACKEND: "layers"}
"""The two forms of a file, and the key under which each keeps its numbers."""
ROW_SUMS = 5e-3
"""By how much a row may miss the sum of 1, as in half precision."""

PADDING = ("[PAD]", "<pad>")
"""What tokenizers call the tokens that fill a text up."""
T = TypeVar("T")

_LETTER = 12  # bytes of one letter as JSON, where it is written as two escapes
_NUMBER = 32  # bytes of one number with the blanks around it


class Words(Schema):
    """The tokens and the text they were made of."""

    tokens: Annotated[tuple[Name, ...], FIRST, Field(min_length=1, max_length=LIMITS["sentence tokens"].most)]
    text: Text


class Number(Schema):
    """The number of a layer or head."""

    number: Count


@dataclass(frozen=True)
class Layer:
    """One layer: its number, and the number and the place in the file, in bytes, of each of its heads."""

    number: int
    heads: tuple[int, ...]
    places: tuple[int, ...]


@dataclass(frozen=True)
class Contents:
    """What is in a file that was found sound.

    Attributes:
        form: a key of `FORMS`.
        tokens, text: as the file has them.
        layers: where their matrices are.
        error: the largest distance of the sum of a row from 1; rows of zeros, which padding may have, do not count.
    """

    form: str
    tokens: tuple[str, ...]
    text: str
    layers: tuple[Layer, ...]
    error: float

    @property
    def padding(self) -> tuple[int, ...]:
        """Which tokens are padding, by their names."""
        return tuple(n for n, token in enumerate(self.tokens) if token in PADDING)


def contents(stream: JsonStream) -> Contents:
    """What is in the file, every number of which is read and checked, and none kept.

    Raises:
        GateError: no JSON, neither of the two forms, a matrix that is not square or of another size than the tokens, a number
            that is no share, or a row whose sum is not 1; where padding was cut away (backend), above 1.
    """
    return _Scan(stream).contents()


class _Scan:
    def __init__(self, stream: JsonStream) -> None:
        self.stream, self.size = stream, 0
        self.lowest, self.highest, self.empty = 1.0, 1.0, set[int]()

    def contents(self) -> Contents:
        raw, found = {}, {}
        for key in self.stream.fields():
            with self._in(key):
                if key in Words.model_fields:
                    raw[key] = self.stream.raw(LIMITS["text"].most * _LETTER)
                elif key == FORMS[EXTRACTED]:
                    found[EXTRACTED] = tuple(self._heads(number) for number in self._items("layers"))
                elif key == FORMS[BACKEND]:
                    found[BACKEND] = tuple(self._layer() for _ in self._items("layers"))
                else:
                    self.stream.skip(LIMITS["small manifest"].most)
        self.stream.finish()
        fields = b",".join(b'"%s":%s' % (key.encode(), value) for key, value in raw.items())
        words = Words.read(b"{" + fields + b"}", self.stream.file)
        if len(found) != 1:
            want = f"one of the keys {' and '.join(FORMS.values())}"
            raise GateError(self.stream.file, want, "both" if found else "neither")
        ((form, layers),) = found.items()
        self._check(form, words, layers)
        return Contents(form, words.tokens, words.text, layers, max(self.highest - 1, 1 - self.lowest))

    def _check(self, form: str, words: Words, layers: tuple[Layer, ...]) -> None:
        """What can only be said of a file as a whole, whose keys may stand in any order."""
        file, field = self.stream.file, FORMS[form]
        if self.size != len(words.tokens):
            want = f"{len(words.tokens)} x {len(words.tokens)}, as there are so many tokens"
            raise GateError(file, want, f"{self.size} x {self.size}", field=field)
        if {*words.tokens} <= {*PADDING}:
            raise GateError(file, "those of a text", "padding alone", field="tokens")
        zeros = [n for n in self.empty if words.tokens[n] not in PADDING]
        if zeros:
            raise GateError(file, "rows that sum to 1", f"zeros alone in row {zeros[0]}", field=field)
        if form == EXTRACTED and self.lowest < 1 - ROW_SUMS:
            raise GateError(file, "rows that sum to 1", f"a sum of {self.lowest:.4g}", field=field)
        numbers = [one.number for one in layers]
        for some, what in ((numbers, "layer_idx"), *((one.heads, "head_idx") for one in layers)):
            if list(some) != sorted(set(some)):
                raise GateError(file, "rising numbers, each once", shown(list(some)), field=what)

    def _layer(self) -> Layer:
        number, heads = self._numbered("layer_idx", "heads", lambda: [self._head() for _ in self._items("heads")])
        return Layer(number, tuple(one for one, _ in heads), tuple(place for _, place in heads))

    def _head(self) -> tuple[int, int]:
        return self._numbered("head_idx", "attention", self._matrix)

    def _numbered(self, index: str, body: str, read: Callable[[], T]) -> tuple[int, T]:
        """An object of a number and something else."""
        numbers, found = [], []
        for key in self.stream.fields():
            with self._in(key):
                if key == index:
                    numbers.append(Number.read(b'{"number":%s}' % self.stream.raw(100), self.stream.file).number)
                elif key == body:
                    found.append(read())
                else:
                    self.stream.skip(LIMITS["small manifest"].most)
        if not (numbers and found):
            self.stream.refuse(f"{index} and {body}", f"an object without {body if numbers else index}")
        return numbers[0], found[0]

    def _heads(self, layer: int) -> Layer:
        places = tuple(self._matrix() for _ in self._items("heads"))
        return Layer(layer, tuple(range(len(places))), places)

    def _items(self, limit: str) -> Iterator[int]:
        number = -1
        for number in self.stream.items(LIMITS[limit].most):
            with self._in(str(number)):
                yield number
        if number < 0:
            self.stream.refuse("at least one entry", "none")

    def _matrix(self) -> int:
        """Checks one matrix; returns where it is."""
        self.stream.peek()
        place, row = self.stream.place, -1
        for row, values in enumerate(rows(self.stream)):
            self.size = self.size or len(values)
            if len(values) != self.size:
                self.stream.refuse(f"rows of {self.size} numbers", f"one of {len(values)}")
            self._row(row, values)
        if row + 1 != self.size:
            self.stream.refuse(f"{self.size} rows, as there are columns", str(row + 1))
        return place

    def _row(self, row: int, values: NDArray[np.float64]) -> None:
        total = float(values.sum())
        if not (values.min() >= 0 and values.max() <= 1 + ROW_SUMS and total <= 1 + ROW_SUMS):
            want = "shares from 0 to 1 that sum to 1"
            got = f"{values.min():.4g} to {values.max():.4g} with a sum of {total:.4g}"
            raise GateError(self.stream.file, want, got, field=f"{self.stream.where}.{row}")
        if total == 0:
            self.empty.add(row)
        else:
            self.lowest, self.highest = min(self.lowest, total), max(self.highest, total)

    @contextmanager
    def _in(self, part: str) -> Iterator[None]:
        """Names the place in the file in messages; the key of a file is shortened, since it may be anything."""
        before = self.stream.where
        self.stream.where = f"{before}.{part[:40]}" if before else part[:40]
        yield
        self.stream.where = before


def rows(stream: JsonStream) -> Iterator[NDArray[np.float64]]:
    """The rows of the matrix at the cursor."""
    for _ in stream.items(LIMITS["sentence tokens"].most):
        values = stream.numbers(LIMITS["sentence tokens"].most * _NUMBER)
        if not values.size:
            stream.refuse("rows of at least one number", "an empty one")
        yield values
