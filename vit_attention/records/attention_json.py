"""The attention of a sentence as JSON that other tools read: written and read a layer at a time."""

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError, regular, shown
from vit_attention.gate.attention_json import BACKEND, EXTRACTED, FORMS, PADDING, Contents, contents, rows
from vit_attention.gate.json_stream import JsonStream
from vit_attention.records.maps import ROW_SUM_TOLERANCE, AttentionMap
from vit_attention.records.tokens import axis_of, tokens_of
from vit_attention.records.writing import write as write_file

if TYPE_CHECKING:
    from vit_attention.records.record import AttentionRecord


class Layer(NamedTuple):
    """The number of a layer, and the numbers of its heads."""

    number: int
    heads: tuple[int, ...]


@dataclass(frozen=True)
class Sentence:
    """What a file holds: tokens, text, which layers, and a function that reads the weights of one of them, by its place."""

    tokens: tuple[str, ...]
    text: str
    layers: tuple[Layer, ...]
    read: Callable[[int], NDArray[np.floating]]

    @classmethod
    def of(cls, record: "AttentionRecord") -> "Sentence":
        """That of a record; raises GateError if it has no self-attention over a text, or kept some of the rows alone."""
        maps = [one for one in record.maps if one.kind == "self" and one.query.kind == one.key.kind == "text"]
        if not maps:
            raise GateError("record", "self-attention over a text", "a record without")
        tokens = tokens_of(maps[0].key)
        if any(one.queries is not None or tokens_of(one.query) != tokens for one in maps):
            raise GateError("record", "all rows of every map, over the same tokens", "a record of some")
        layers = tuple(Layer(one.layer, one.heads or tuple(range(len(one.weights)))) for one in maps)
        return cls(tokens, record.text or record.prediction.text, layers, lambda place: maps[place].weights)

    def weights(self) -> Iterator[NDArray[np.floating]]:
        """(heads, queries, keys) of every layer, one after the other."""
        return map(self.read, range(len(self.layers)))

    @property
    def padding(self) -> list[int]:
        """Which tokens are padding, by their names."""
        return [n for n, token in enumerate(self.tokens) if token in PADDING]

    @property
    def padding_read(self) -> float:
        """The largest share that a token of the text reads from all padding together."""
        pads, kept = self.padding, self._kept
        if not pads:
            return 0.0
        return max(float(one[:, kept][:, :, pads].sum(axis=-1).max()) for one in self.weights())

    @property
    def without_padding(self) -> "Sentence":
        """The same without the rows and columns of padding; the others stay as they are."""
        if not self.padding:
            return self
        kept, read = self._kept, self.read
        tokens = tuple(self.tokens[n] for n in kept)
        return replace(self, tokens=tokens, read=lambda place: read(place)[:, kept][:, :, kept])

    @property
    def _kept(self) -> list[int]:
        kept = [n for n, token in enumerate(self.tokens) if token not in PADDING]
        if not kept:
            raise GateError("tokens", "those of a text", "padding alone")
        return kept


def write(path: str | Path, sentence: Sentence, form: str = EXTRACTED) -> Path:
    """The file `path` in one of the two forms, whole or not at all; numbers have six significant digits.

    Args:
        path: file to write.
        sentence: what goes into it.
        form: "extracted": ``tokens``, ``text`` and ``attention_matrices[layer][head][query][key]``; or "backend", without
            padding: ``tokens``, ``text`` and ``layers``, each with ``layer_idx`` and ``heads``, each with ``head_idx`` and
            ``attention[query][key]``.
    """
    if form not in FORMS:
        raise GateError("form", " or ".join(map(repr, FORMS)), shown(form))
    if form == BACKEND:
        sentence = sentence.without_padding

    def fill(out: BinaryIO) -> None:
        head = json.dumps({"tokens": sentence.tokens, "text": sentence.text}, ensure_ascii=False)[:-1]
        out.write(f'{head}, "{FORMS[form]}": ['.encode())
        for count, pair in enumerate(zip(sentence.layers, sentence.weights(), strict=True)):
            out.write(b",\n" if count else b"\n")
            _write_layer(out, form, *pair)
        out.write(b"\n]}\n")

    return write_file(Path(path), fill)


def _write_layer(out: BinaryIO, form: str, layer: Layer, weights: NDArray[np.floating]) -> None:
    before, behind = ("[", "]") if form == EXTRACTED else (f'{{"layer_idx": {layer.number}, "heads": [', "]}")
    out.write(before.encode())
    for count, (number, matrix) in enumerate(zip(layer.heads, weights, strict=True)):
        first, last = ("[", "]") if form == EXTRACTED else (f'{{"head_idx": {number}, "attention": [', "]}")
        out.write((",\n" * (count > 0) + first).encode())
        _write_matrix(out, matrix)
        out.write(last.encode())
    out.write(behind.encode())


def _write_matrix(out: BinaryIO, matrix: NDArray[np.floating]) -> None:
    row = "[" + ",".join(["%.6g"] * matrix.shape[1]) + "]"
    for count, values in enumerate(matrix):
        out.write((",\n" * (count > 0) + row % tuple(values.tolist())).encode())


@dataclass(frozen=True)
class AttentionFile:
    """An open file, every number of which was checked; matrices are read when they are asked for."""

    contents: Contents
    _stream: JsonStream

    @property
    def sentence(self) -> Sentence:
        """What it holds."""
        layers = tuple(Layer(one.number, one.heads) for one in self.contents.layers)
        return Sentence(self.contents.tokens, self.contents.text, layers, self._read)

    def matrix(self, layer: int, head: int) -> NDArray[np.float32]:
        """(tokens, tokens) of a head; layer and head are counted in the file, from 0."""
        self._stream.jump(self.contents.layers[layer].places[head])
        return np.array([*rows(self._stream)], np.float32)

    def _read(self, layer: int) -> NDArray[np.float32]:
        heads = range(len(self.contents.layers[layer].heads))
        return np.stack([self.matrix(layer, head) for head in heads])

    def record(self) -> "AttentionRecord":
        """The record of the file; padding stays in it only if the model read it."""
        from vit_attention.records.record import AttentionRecord

        whole = self.sentence
        lost = whole.padding_read
        found = whole if lost else whole.without_padding
        notes = [f"Read from JSON ({self.contents.form}), which names no model and holds no proof."]
        notes += [f"Padding took part: tokens read up to {lost:.2g} of a row from it."] if lost else []
        axis = axis_of(found.tokens)
        # Shares printed from half precision sum to 1 only within its error; as such they come back exactly.
        kind = np.float32 if self.contents.error <= ROW_SUM_TOLERANCE[np.dtype(np.float32)] else np.float16
        maps = []
        for (number, heads), weights in zip(found.layers, found.weights(), strict=True):
            some = None if heads == tuple(range(len(heads))) else heads
            name = f"layer {number}"
            maps.append(AttentionMap(weights.astype(kind), name, number, "self", axis, axis, heads=some))
        return AttentionRecord(tuple(maps), text=found.text, settings={"notes": notes}, loaded=True)


@contextmanager
def opened(path: str | Path) -> Iterator[AttentionFile]:
    """The file in `path`, in either form; raises `GateError` as `read_attention_json` does."""
    file = regular(Path(path), "attention file")
    with file.open("rb") as raw:
        stream = JsonStream(raw, file.name)
        yield AttentionFile(contents(stream), stream)


def read_attention_json(path: str | Path) -> "AttentionRecord":
    """The record of a sentence from a JSON file of `AttentionRecord.save_attention_json`, or of the tools that have its forms.

    A file holds tokens, text and weights. Which tokens are special, and which belong to one word, is told by how they are
    spelled; padding is left out if no token reads it. Needs no torch.

    Args:
        path: the file, in the form "extracted" or "backend".

    Raises:
        GateError: a ValueError that says what is wrong with the file and where: no JSON, neither of the two forms, matrices that
            are not (tokens, tokens), numbers that are no shares, or rows that do not sum to 1.

    >>> import tempfile, vit_attention as va
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.json"
    ...     _ = path.write_text(
    ...         '{"tokens": ["[CLS]", "good"], "text": "good", "attention_matrices": [[[[0, 1], [0.25, 0.75]]]]}'
    ...     )
    ...     record = va.read_attention_json(path)
    >>> record.maps[0].weights.tolist(), record.maps[0].key.special
    ([[[0.0, 1.0], [0.25, 0.75]]], ('[CLS]',))
    """
    with opened(path) as file:
        return file.record()


def save(record: "AttentionRecord", path: str | Path, form: str) -> Path:
    """The file of `AttentionRecord.save_attention_json`."""
    found = Sentence.of(record)
    if form == BACKEND and (lost := found.padding_read):
        warnings.warn(cut(lost), stacklevel=3)
    return write(path, found, form)


def cut(lost: float) -> str:
    """What is to be told where padding that was read is removed."""
    return f"padding was removed although tokens read up to {lost:.2g} of a row from it: rows sum to less than 1"
