"""Pictures that are files, drawn pictures by name, or objects in a list, in shards of one size."""

import hashlib
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from vit_attention.gate import GateError, shown
from vit_attention.gate.files import regular
from vit_attention.surveying.items import Item, order
from worlds.naming import Names


@dataclass(eq=False)
class Listed:
    """Pictures of which each can be opened by itself.

    Attributes:
        parts: what was given, opened up: names of files and of drawn pictures, or pictures themselves.
        text: what was given, in words.
        size: pictures of a shard.
        shuffle: seed of their order; None keeps it.
        first: how many of them; None takes all.
    """

    parts: Sequence[Sequence[Any]]
    text: str
    size: int
    shuffle: int | None = None
    first: int | None = None
    _ends: list[int] = field(init=False)
    _order: Sequence[int] = field(init=False)

    def __post_init__(self) -> None:
        self._ends = [*accumulate(map(len, self.parts))]
        self._order = order(self._ends[-1], self.shuffle, self.first)

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-len(self._order) // self.size)

    @property
    def digest(self) -> str:
        """Of the names, their order and the size of shards; of pictures without names only their number."""
        found = hashlib.sha256(repr((self.size, self.shuffle, self.first)).encode())
        for part in self.parts:
            names = [str(part)] if isinstance(part, Names) else (one if isinstance(one, str) else "" for one in part)
            for name in names:
                found.update(os.fsencode(name) + b"\0")
        return found.hexdigest()

    def count(self, shard: int) -> int:
        """Pictures of a shard."""
        return min(self.size, len(self._order) - shard * self.size)

    def items(self, shard: int) -> Iterator[Item]:
        """The pictures of a shard."""
        for at in self._order[shard * self.size : (shard + 1) * self.size]:
            part = bisect_right(self._ends, at)
            one = self.parts[part][int(at) - (self._ends[part - 1] if part else 0)]
            if isinstance(one, Item):
                yield one
                continue
            yield Item(os.fspath(one) if isinstance(one, (str, os.PathLike)) else f"picture {at}", one)


MOST_LINES = 50_000_000
"""Of a text list; as many names take some 5 GB of memory."""


def lines(path: Path) -> list[str]:
    """The pictures that a text file lists, one a line: a drawn picture's name, or a path seen from the folder of the list.

    Raises:
        GateError: no text, or none listed.
    """
    try:
        with regular(path).open(encoding="utf-8-sig") as stream:
            found = [line.rstrip("\r\n") for _, line in zip(range(MOST_LINES), stream, strict=False) if line.strip()]
    except UnicodeDecodeError as error:
        raise GateError(path.name, "a text file with a picture's name on each line", "no text") from error
    if not found:
        raise GateError(path.name, "a text file with a picture's name on each line", "an empty one")
    return [_seen_from(path.parent, one) for one in found]


def _seen_from(folder: Path, name: str) -> str:
    if "\0" in name:
        raise GateError("list", "names of files", shown(name))
    return name if os.path.isabs(name) or not os.path.lexists(folder / name) else str(folder / name)
