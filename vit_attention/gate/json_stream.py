"""JSON of any size, value by value from a file, so that memory depends on the largest value asked for, not on the file."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate.refusal import GateError, reading, shown

CHUNK = 1 << 20
_SOLID = re.compile(rb"[^ \t\r\n]")
# Possessive, since for a way back a megabyte of text would take a hundred.
_PIECE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|[^\s"\[\]{},:]++', re.DOTALL)
_OF_NUMBERS = b"0123456789+-.eE, \t\r\n"
_MOST_KEYS = 100


class JsonStream:
    """A cursor in a JSON file.

    Args:
        stream: the file, open for bytes.
        file: its name, for messages.

    Every method raises `GateError` for what is not JSON, or not the kind of value asked for.

    >>> import io
    >>> found = JsonStream(io.BytesIO(b'{"rows": [[0.5, 0.5], [1, 0]]}'), "a.json")
    >>> [(key, [found.numbers(100).tolist() for _ in found.items(9)]) for key in found.fields()]
    [('rows', [[0.5, 0.5], [1.0, 0.0]])]
    """

    def __init__(self, stream: BinaryIO, file: str) -> None:
        self.file, self.where = file, ""
        self._stream, self._buffer, self._at, self._base = stream, b"", 0, 0
        self._fill(len(BOM_UTF8))
        self._at = len(BOM_UTF8) * self._buffer.startswith(BOM_UTF8)  # Windows puts it in front of UTF-8

    @property
    def place(self) -> int:
        """Where the cursor is, in bytes from the start of the file."""
        return self._base + self._at

    def jump(self, place: int) -> None:
        """Put the cursor elsewhere."""
        self._stream.seek(place)
        self._buffer, self._at, self._base = b"", 0, place

    def refuse(self, want: str, got: str = "") -> NoReturn:
        """Say what was wanted here, and what came; "" for the next signs in the file."""
        ahead = self._buffer[self._at : self._at + 24].decode("utf-8", "replace")
        got = got or (shown(ahead) if ahead else "the end of the file")
        got = f"{got} at byte {self.place:,}"
        raise GateError(self.file, want, got, field=self.where)

    def fields(self) -> Iterator[str]:
        """The keys of an object; whoever goes through them reads the value of each before the next."""
        found: set[str] = set()
        self._take("{")
        while not (self.peek() == "}" and not found):
            key = self._key()
            if key in found or len(found) == _MOST_KEYS:
                self.refuse(f"at most {_MOST_KEYS} keys, each once")
            found.add(key)
            self._take(":")
            yield key
            if self._take(",}") == "}":
                return
        self._take("}")

    def items(self, most: int) -> Iterator[int]:
        """The numbers of the entries of a list, of which each is read before the next; refuses more than `most`."""
        self._take("[")
        for number in range(most + 1):
            if number == 0 and self.peek() == "]":
                break
            if number == most:
                self.refuse(f"at most {most:,} entries")
            yield number
            if self._take(",]") == "]":
                return
        self._take("]")

    def raw(self, most: int) -> bytes:
        """The bytes of one value of any kind, at most so many."""
        self.peek()
        self._fill(most + 1)
        depth, end = 0, self._at
        for piece in _PIECE.finditer(self._buffer, self._at, self._at + most + 1):
            depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(piece[0], 0)
            end = piece.end()
            if depth <= 0:
                break
        if depth or end == self._at or end - self._at > most:
            self.refuse(f"a JSON value of at most {most:,} bytes")
        found = self._buffer[self._at : end]
        self._at = end
        return found

    def skip(self, most: int) -> None:
        """Passes over one value of any kind of at most so many bytes, which has to be JSON all the same."""
        with reading(self.file, "JSON", self.where):
            json.loads(self.raw(most))

    def numbers(self, most: int) -> NDArray[np.float64]:
        """A list of numbers alone, of at most `most` bytes; nothing is copied for each number that would stay."""
        if self.peek() != "[":
            self.refuse("a list of numbers")
        self._fill(most + 1)
        end = self._buffer.find(b"]", self._at, self._at + most) + 1
        row = self._buffer[self._at : end]
        if not end or row[1:-1].translate(None, _OF_NUMBERS):
            self.refuse(f"a list of numbers of at most {most:,} bytes")
        with reading(self.file, "a list of numbers", self.where):
            found = np.array(json.loads(row), np.float64)
        self._at = end
        return found

    def finish(self) -> None:
        """Refuse anything behind the value that the file consists of."""
        if self.peek():
            self.refuse("the end of the file")

    def peek(self) -> str:
        """The next sign that is no blank; "" at the end of the file."""
        while True:
            found = _SOLID.search(self._buffer, self._at)
            if found:
                self._at = found.start()
                return found[0].decode("ascii", "replace")
            self._at = len(self._buffer)
            self._fill(1)
            if self._at == len(self._buffer):
                return ""

    def _key(self) -> str:
        if self.peek() != '"':
            self.refuse("a key in quotation marks")
        with reading(self.file, "JSON", self.where):
            return str(json.loads(self.raw(1000)))

    def _take(self, signs: str) -> str:
        sign = self.peek()
        if not sign or sign not in signs:
            self.refuse(f"JSON with {' or '.join(map(repr, signs))}")
        self._at += 1
        return sign

    def _fill(self, count: int) -> None:
        """So many bytes ahead of the cursor, if the file has them."""
        if len(self._buffer) - self._at < count:
            with reading(self.file, "a file that can be read", self.where):
                more = self._stream.read(max(count, CHUNK))
            self._base += self._at
            self._buffer, self._at = self._buffer[self._at :] + more, 0
