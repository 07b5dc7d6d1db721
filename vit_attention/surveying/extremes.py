"""For every head the pictures where a measure is largest and smallest, as small JPEGs, found in the tables of a survey."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.export.tables import column_name
from vit_attention.gate.refusal import reading
from vit_attention.records.record import encode_picture
from vit_attention.records.writing import write
from vit_attention.surveying.folder import Folder, tables
from vit_attention.surveying.items import Item, Source, thumbnail_of
from vit_attention.surveying.shard import FAILURES

SIDE = 160
"""Longest side of the small pictures in pixels."""
ENDS = ("largest", "smallest")
BINARY = ("pointing",)
"""Measures that are 1 or 0, so that most pictures tie."""

Head = tuple[int, int]
Place = tuple[int, int]
"""Number of the shard, and of the picture in its table."""


@dataclass
class _Best:
    """The pictures at one end of one measure, for every head: value, shard and row of a picture, best first."""

    count: int
    sign: int
    found: dict[Head, list[tuple[float, int, int]]] = field(default_factory=dict)

    @property
    def places(self) -> set[Place]:
        """Where all of them are."""
        return {(shard, row) for some in self.found.values() for _, shard, row in some}

    def see(self, shard: int, heads: NDArray[Any], pictures: NDArray[Any], values: NDArray[Any]) -> None:
        """Take up what is better than what is there.

        Args:
            shard: the number of the shard.
            heads: (rows, 2) layer and head.
            pictures: (rows,) number of the picture in the shard.
            values: (rows,) of the measure; NaN counts nowhere.
        """
        known = ~np.isnan(values)
        if not known.any():
            return
        heads, pictures, values = heads[known], pictures[known], values[known]
        order = np.lexsort((pictures, -self.sign * values, heads[:, 1], heads[:, 0]))
        heads, pictures, values = heads[order], pictures[order], values[order]
        starts = np.flatnonzero(np.r_[True, (heads[1:] != heads[:-1]).any(axis=1)])
        for start, end in zip(starts, [*starts[1:], len(heads)], strict=True):
            some = slice(start, min(end, start + self.count))
            new = [(float(v), shard, int(p)) for v, p in zip(values[some], pictures[some], strict=True)]
            head = int(heads[start][0]), int(heads[start][1])
            old = self.found.get(head, [])
            self.found[head] = sorted([*old, *new], key=lambda one: (-self.sign * one[0], *one[1:]))[: self.count]


def kept(folder: Folder) -> int:
    """Pictures at each end of a measure that were written already; 0 for none."""
    file = folder.path / "extremes" / "index.json"
    if not file.exists():
        return 0
    advice = f"Delete {file}; the same command then writes it anew."
    with reading(file.name, "the index of extreme pictures", advice=advice):
        return int(json.loads(file.read_bytes())["count"])


def collect(folder: Folder, source: Source, count: int) -> dict[str, Any]:
    """Write the extreme pictures of a survey whose shards are done, each once, and an index of them; returns the index.

    Args:
        folder: of the survey.
        source: its pictures, of which the extreme ones are opened again.
        count: pictures at each end of a measure.

    Raises:
        GateError: a table that is damaged, or a disk that is full.
    """
    measures = [name for name in folder.manifest["measures"] if name not in BINARY]
    best = {(name, end): _Best(count, 1 if end == ENDS[0] else -1) for name in measures for end in ENDS}
    names: dict[Place, str] = {}
    for shard, table in tables(folder, source.shards):
        pictures = _numbers(table)
        heads = np.stack([table.column("layer").to_numpy(), table.column("head").to_numpy()], axis=1)
        for (name, _), one in best.items():
            values = table.column(column_name(name)).to_numpy()
            one.see(shard, heads, pictures, values)
        first = np.unique(pictures, return_index=True)[1]
        here = {place for one in best.values() for place in one.places if place[0] == shard}
        names |= {place: table.column("picture")[int(first[place[1]])].as_py() for place in here}
    files = dict(_written(folder, source, set().union(*(one.places for one in best.values())), names))
    index = {
        "count": count,
        "side": SIDE,
        "pictures": files,
        "measures": {name: _index(best, name, names) for name in measures},
    }
    write(folder.path / "extremes" / "index.json", json.dumps(index).encode())
    return index


def _numbers(table: Any) -> NDArray[Any]:
    """(rows,) number of the picture of every row, from 0, in the order of the table."""
    codes = table.column("picture").combine_chunks().dictionary_encode()
    return np.asarray(codes.indices.to_numpy(zero_copy_only=False))


def _index(best: dict[tuple[str, str], _Best], name: str, names: dict[Place, str]) -> list[dict[str, Any]]:
    heads = sorted(best[name, ENDS[0]].found)
    return [
        {
            "layer": head[0],
            "head": head[1],
            **{
                end: [{"picture": names[at, row], "value": value} for value, at, row in best[name, end].found[head]]
                for end in ENDS
            },
        }
        for head in heads
    ]


def _written(folder: Folder, source: Source, wanted: set[Place], names: dict[Place, str]) -> Iterator[tuple[str, str]]:
    """Name and file of every picture that is written; one that is gone by now is left out."""
    for shard in sorted({at for at, _ in wanted}):
        there = {names[at, row]: row for at, row in wanted if at == shard}
        for item in source.items(shard):
            row = there.get(item.name)
            small = None if row is None else _small(item)
            if small is not None:
                file = f"{shard:07d}-{row:05d}.jpg"
                write(folder.path / "extremes" / file, small)
                yield item.name, file


def _small(item: Item) -> bytes | None:
    """The picture as a JPEG; None if it cannot be opened any more."""
    with suppress(*FAILURES):
        return encode_picture(thumbnail_of(item), SIDE)
    return None
