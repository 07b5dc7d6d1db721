"""Pictures that lie together in files: row groups of Parquet, batches of a saved data set, tar shards; each group is a shard."""

import hashlib
import tarfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from vit_attention.gate import LIMITS, GateError, shown
from vit_attention.gate.files import regular
from vit_attention.gate.refusal import reading
from vit_attention.heavy import library
from vit_attention.inputs.finding import SUFFIXES
from vit_attention.surveying.items import Item, order

PICTURES = ("image", "img", "picture", "photo", "bytes", "jpg", "jpeg", "png", "webp", "path", "file", "file_name")
"""Columns that are taken for the pictures where none is named, in this order."""


@dataclass(frozen=True)
class Columns:
    """Where in a row the picture and its truth are; "" for none.

    Attributes:
        picture: encoded bytes, a path, or a struct of both as the `datasets` library writes it; "" looks for a usual name.
        mask: the same of its mask; in tar shards the ending behind the key, such as mask.png.
        box: left, top, right, bottom in pixels of the picture, once or several times.
    """

    picture: str = ""
    mask: str = ""
    box: str = ""

    def found(self, there: Sequence[str], name: str) -> "Columns":
        """The same with the picture's column named; raises GateError for one that is not there."""
        for wanted in filter(None, (self.picture, self.mask, self.box)):
            if wanted not in there:
                raise GateError(name, f"a column {wanted}", f"columns {', '.join(there)}")
        usual = next((one for usual in PICTURES for one in there if one.lower() == usual), "")
        if not (self.picture or usual):
            advice = "Name the column of bytes or paths (--column)."
            raise GateError(name, "a column of pictures", f"columns {', '.join(there)}", advice=advice)
        return Columns(self.picture or usual, self.mask, self.box)


@dataclass(frozen=True)
class Group(ABC):
    """A shard as it lies in a file: everything but its order.

    Attributes:
        path: the file.
        columns: which of its parts are read.
        name: what stands before the names of its pictures; "" takes that of the file.
    """

    path: Path
    columns: Columns
    name: str = field(default="", kw_only=True, repr=False)

    @property
    def called(self) -> str:
        """What the names of its pictures begin with."""
        return self.name or self.path.name

    @property
    def digest(self) -> str:
        """What is known of it without reading it."""
        return f"{self.path}\0{self.path.stat().st_size}\0{self}"

    @property
    def count(self) -> int | None:
        """Pictures; None if only reading tells."""
        return None

    @abstractmethod
    def items(self, chosen: Sequence[int] | None) -> Iterator[Item]:
        """The pictures with these numbers, in this order; None takes all."""

    @abstractmethod
    def size(self) -> int:
        """Pictures, for which it may have to be gone through."""


@dataclass(frozen=True)
class RowGroup(Group):
    """A row group of a Parquet file, of which only the columns in question are read."""

    number: int
    rows: int
    before: int

    @property
    def count(self) -> int:
        return self.rows

    def size(self) -> int:
        return self.rows

    def items(self, chosen: Sequence[int] | None) -> Iterator[Item]:
        wanted = [one for one in (self.columns.picture, self.columns.mask, self.columns.box) if one]
        parquet = library("pyarrow.parquet")
        with reading(self.path.name, "an undamaged Parquet file"), parquet.ParquetFile(self.path) as file:
            table = file.read_row_group(self.number, columns=wanted)
        yield from _rows(table, self, range(self.rows) if chosen is None else chosen, self.before)


@dataclass(frozen=True)
class Batch(Group):
    """A batch of rows of an Arrow file, as the `datasets` library saves a data set."""

    number: int
    rows: int
    before: int

    @property
    def count(self) -> int:
        return self.rows

    def size(self) -> int:
        return self.rows

    def items(self, chosen: Sequence[int] | None) -> Iterator[Item]:
        arrow = library("pyarrow")
        with reading(self.path.name, "an undamaged Arrow file"), arrow.memory_map(str(self.path)) as file:
            stream = arrow.ipc.open_stream(file)
            table = next(one for n, one in enumerate(stream) if n == self.number)
            yield from _rows(table, self, range(self.rows) if chosen is None else chosen, self.before)


def _rows(table: Any, group: Group, chosen: Sequence[int], before: int) -> Iterator[Item]:
    """Items of the rows of a table; a row without a picture says so when it is opened."""
    where = group.columns

    def cell(column: str, row: int) -> Any:
        return table.column(column)[row].as_py() if column else None

    for row in chosen:
        given = content(cell(where.picture, int(row)), group.path.parent)
        mask = content(cell(where.mask, int(row)), group.path.parent)
        yield Item(f"{group.called}#{before + int(row)}", given, mask, cell(where.box, int(row)))


def content(cell: Any, folder: Path) -> Any:
    """Bytes, or the path of a file seen from the folder of the table."""
    if isinstance(cell, Mapping):
        cell = cell.get("bytes") or cell.get("path")
    return folder / cell if isinstance(cell, str) else cell


@dataclass(frozen=True)
class Tar(Group):
    """A tar file whose members with one key, the name up to its first dot, belong together (WebDataset)."""

    def size(self) -> int:
        with self._opened() as file:
            return len(self._index(file))

    def items(self, chosen: Sequence[int] | None) -> Iterator[Item]:
        with self._opened() as file:
            found = self._index(file)
            for at in range(len(found)) if chosen is None else chosen:
                parts = found[int(at)]
                picture = next(end for end in parts if self._pictured(end))
                given, mask = (self._bytes(file, parts.get(end)) for end in (picture, self.columns.mask))
                yield Item(f"{self.called}/{parts[picture].name}", given, mask)

    def _opened(self) -> tarfile.TarFile:
        with reading(self.path.name, "an undamaged tar file that is not compressed"):
            return tarfile.open(regular(self.path), "r:")

    def _index(self, file: tarfile.TarFile) -> list[dict[str, tarfile.TarInfo]]:
        """Of every key that has a picture its members, by their endings; members that are no plain files are left out."""
        found: dict[str, dict[str, tarfile.TarInfo]] = {}
        with reading(self.path.name, "an undamaged tar file that is not compressed"):
            try:
                for member in file:
                    folder, _, last = member.name.rpartition("/")
                    key, _, end = last.partition(".")
                    if member.isreg() and key:
                        found.setdefault(f"{folder}/{key}", {})[end.lower()] = member
            except tarfile.ReadError:  # it ends too early, in the member that was last
                if not found:
                    raise
        pictured = [parts for parts in found.values() if any(map(self._pictured, parts))]
        if not pictured:
            ends = sorted({end for parts in found.values() for end in parts})
            want = f"members that end in {self.columns.picture or ', '.join(SUFFIXES)}"
            raise GateError(self.path.name, want, f"members that end in {shown(ends)}" if ends else "none")
        return pictured

    def _pictured(self, end: str) -> bool:
        wanted = self.columns.picture
        return end == wanted if wanted else end != self.columns.mask and f".{end}" in SUFFIXES

    def _bytes(self, file: tarfile.TarFile, member: tarfile.TarInfo | None) -> bytes | None:
        if member is None:
            return None
        most = LIMITS["picture file"].most
        if member.size > most:
            return b""  # which is refused as a picture, like every other damaged one
        try:
            stream = file.extractfile(member)
            return None if stream is None else stream.read(most)
        except (tarfile.TarError, OSError):  # the file ends too early
            return b""


@dataclass(eq=False)
class Grouped:
    """Groups of pictures as shards; shuffled, the order of the groups and that within each.

    Attributes:
        groups: in the order of the files.
        text: what was given, in words.
        shuffle: seed of the order; None keeps it.
        first: how many pictures; None takes all.
    """

    groups: Sequence[Group]
    text: str
    shuffle: int | None = None
    first: int | None = None
    _order: Sequence[int] = field(init=False)
    _most: list[int] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.groups = _told_apart(self.groups)
        self._order = order(len(self.groups), self.shuffle, None)
        if self.first is None:
            return
        self._most = []
        for at in self._order:  # no further than is necessary: a tar is gone through to know how many it has
            left = self.first - sum(self._most)
            if left <= 0:
                break
            count = self.groups[at].count
            self._most.append(min(left, self.groups[at].size() if count is None else count))

    @property
    def size(self) -> None:
        """The files say it, each for itself."""

    @property
    def shards(self) -> int:
        """How many there are."""
        return len(self._order) if self._most is None else len(self._most)

    @property
    def digest(self) -> str:
        """Of names, sizes and order."""
        found = hashlib.sha256(repr((self.shuffle, self.first)).encode())
        for group in self.groups:
            found.update(group.digest.encode("utf-8", "surrogateescape"))
        return found.hexdigest()

    def count(self, shard: int) -> int | None:
        """Pictures of a shard, if they were counted."""
        return self.groups[self._order[shard]].count if self._most is None else self._most[shard]

    def items(self, shard: int) -> Iterator[Item]:
        """The pictures of a shard."""
        group = self.groups[self._order[shard]]
        if self.shuffle is None and self._most is None:
            return group.items(None)
        seed = None if self.shuffle is None else self.shuffle + shard + 1
        return group.items(order(group.size(), seed, None if self._most is None else self._most[shard]))


def _told_apart(groups: Sequence[Group]) -> Sequence[Group]:
    """The same; where files in different folders have one name, their pictures are called by the whole path."""
    paths = dict.fromkeys(one.path for one in groups)
    times = Counter(one.name for one in paths)
    return [replace(one, name=str(one.path)) if times[one.path.name] > 1 else one for one in groups]


def row_groups(path: Path, columns: Columns) -> list[RowGroup]:
    """The row groups of a Parquet file; raises GateError for another file, or columns that it does not have."""
    with reading(path.name, "an undamaged Parquet file"), library("pyarrow.parquet").ParquetFile(regular(path)) as file:
        where = columns.found(file.schema_arrow.names, path.name)
        counts = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    starts = [0, *accumulate(counts)]
    return [RowGroup(path, where, n, rows, starts[n]) for n, rows in enumerate(counts) if rows]


def batches(folder: Path, columns: Columns) -> list[Batch]:
    """The batches of the Arrow files of a folder that the `datasets` library saved a data set to."""
    found, arrow = [], library("pyarrow")
    for path in sorted(folder.glob("*.arrow")):
        with reading(path.name, "an undamaged Arrow file"), arrow.memory_map(str(regular(path))) as file:
            stream = arrow.ipc.open_stream(file)
            where, before = columns.found(stream.schema.names, path.name), 0
            for n, one in enumerate(stream):
                found += [Batch(path, where, n, one.num_rows, before)]
                before += one.num_rows
    return found
