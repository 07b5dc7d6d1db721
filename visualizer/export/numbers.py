"""A record's numbers as JSON or CSV, for R, JavaScript and spreadsheets, which know no bundle."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from visualizer.export import arguments
from vit_attention.gate import GateError, shown
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.writing import write

COLUMNS = ("map", "layer", "kind", "head", "query", "key", "row", "column", "weight")


def save_numbers(
    record: AttentionRecord,
    path: str | Path,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    queries: Sequence[int] | None = None,
) -> Path:
    """Write a record's weights, with what they stand for, as JSON or CSV; returns the path.

    JSON holds one object: model, prediction, picture, the text that went in, if any, and, for every map, its axes and ``weights[head][query][key]``.
    CSV holds one line for each weight: map, layer, kind, head, query, key, row and column of the key's patch, weight.
    All numbers count from 0, special tokens come first, and undefined values are null or empty.

    Args:
        record: record of any input.
        path: file to write; its extension sets the format: .json or .csv.
        layers, heads, queries: numbers of those to write; None writes all, for ViT-B/16 about 80 MB of JSON or 200 MB
            of CSV.

    Raises:
        ValueError: another extension, or a number that the record does not have.

    In R: ``jsonlite::fromJSON("cat.json")$maps$weights[[1]]``, an array (heads, queries, keys); or
    ``read.csv("cat.csv")``. In JavaScript: ``(await (await fetch("cat.json")).json()).maps[0].weights``.
    """
    target, kind = arguments.target(path, FILLS)
    layers, heads, queries = (None if n is None else np.atleast_1d(n).tolist() for n in (layers, heads, queries))
    _there("layers", layers, {one.layer for one in record.maps})
    kept = [_Kept(n, one, heads, queries) for n, one in enumerate(record.maps) if layers is None or one.layer in layers]
    return write(target, lambda out: FILLS[kind](record, kept, out))


class _Kept:
    """What is written of one map: heads and rows by their own numbers."""

    def __init__(
        self, place: int, one: AttentionMap, heads: Sequence[int] | None, queries: Sequence[int] | None
    ) -> None:
        has_heads = one.heads or tuple(range(len(one.weights)))
        has_rows = one.queries or tuple(range(one.weights.shape[1]))
        _there("heads", heads, has_heads)
        _there("queries", queries, has_rows)
        self.place, self.map = place, one
        self.heads = has_heads if heads is None else tuple(heads)
        self.queries = has_rows if queries is None else tuple(queries)
        self._at = [has_heads.index(n) for n in self.heads], [has_rows.index(n) for n in self.queries]

    def text(self) -> Iterator[tuple[int, int, list[str]]]:
        """Head, query and the shortest texts of the weights that read back as the same numbers; "nan" for none."""
        for head, at in zip(self.heads, self._at[0], strict=True):
            for query, row in zip(self.queries, self._at[1], strict=True):
                yield head, query, self.map.single[at, row].astype(str).tolist()


def _there(name: str, asked: Sequence[int] | None, has: Any) -> None:
    missing = [number for number in asked or () if number not in has]
    if missing:
        raise GateError(name, f"some of {shown(sorted(has))}", shown(missing[0]))


def _json(record: AttentionRecord, kept: Sequence[_Kept], out: BinaryIO) -> None:
    said, where = record.prediction, record.geometry
    best = [{"class": name, "probability": chance} for name, chance in said.top(5)]
    about = {
        "model": record.model,
        "weights_hash": record.weights_hash,
        "prediction": {"text": said.text, "tokens": said.tokens, "target": said.plain_target, "top": best},
        "picture": None if where is None else {"size": where.original, "seen": where.seen, "matrix": where.matrix},
        **({"text": record.text} if record.text else {}),
    }
    out.write(_dumped(about)[:-1] + b', "maps": [')
    for n, one in enumerate(kept):
        out.write(b", " * bool(n) + _dumped(_about(one))[:-1] + b', "weights": [')
        rows = ["[" + ", ".join(texts).replace("nan", "null") + "]" for _, _, texts in one.text()]
        across = len(one.queries)
        each = ["[" + ", ".join(rows[at : at + across]) + "]" for at in range(0, len(rows), across)]
        out.write(", ".join(each).encode() + b"]}")
    out.write(b"]}\n")


def _dumped(data: Any) -> bytes:
    """JSON with null for what is not a number, for which JSON has no word."""
    return json.dumps(json.loads(json.dumps(data), parse_constant=lambda _: None)).encode()


def _about(one: _Kept) -> dict[str, Any]:
    asked = {"heads": one.heads, "queries": one.queries}
    axes = {"query": one.map.query.to_json(), "key": one.map.key.to_json()}
    return {"map": one.place, "name": one.map.name, "layer": one.map.layer, "kind": one.map.kind, **asked, **axes}


def _csv(record: AttentionRecord, kept: Sequence[_Kept], out: BinaryIO) -> None:
    text = io.TextIOWrapper(out, "utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in kept:
        about, places = (one.place, one.map.layer, one.map.kind), _places(one.map.key)
        for head, query, texts in one.text():
            writer.writerows(
                (*about, head, query, key, *places[key], "" if weight == "nan" else weight)
                for key, weight in enumerate(texts)
            )
    text.flush()
    text.detach()


def _places(axis: Axis) -> list[tuple[Any, Any]]:
    """Row and column of every key's patch; "" for what is none."""
    if axis.grid is None:
        return [("", "")] * len(axis)
    return [("", "")] * axis.prefix + [(n // axis.grid[1], n % axis.grid[1]) for n in range(len(axis) - axis.prefix)]


FILLS = {".json": _json, ".csv": _csv}
