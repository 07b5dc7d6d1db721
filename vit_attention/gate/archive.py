"""Zip archives of arrays from outside: what an entry promises is checked before it is unpacked, and nothing in it is run."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from vit_attention.gate.files import regular
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.refusal import GateError, reading, shown

_LONGEST_HEADER = 16_384
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Header:
    """What an array says about itself.

    Attributes:
        kind: of its numbers, without the order of their bytes: "f4".
        shape: its sides.
        nbytes: what it takes in memory.
    """

    kind: str
    shape: tuple[int, ...]
    nbytes: int


@dataclass(frozen=True)
class Archive:
    """An open archive of arrays.

    Attributes:
        file: its name, for messages.
        want: what it should be, for messages.
        entries: what is in it, by the name of the array.
    """

    file: str
    want: str
    entries: dict[str, zipfile.ZipInfo]
    _zip: zipfile.ZipFile

    def header(self, name: str) -> Header:
        """What an array says about itself, once it is known that the entry is exactly as large.

        Raises:
            GateError: no such array, a damaged one, or one that promises more or less than the entry holds.
        """
        entry = self._entry(name)
        with reading(self.file, self.want, name), self._zip.open(entry) as stream:
            shape, dtype, begins = npy_header(stream)
        if any(type(side) is not int or side < 0 for side in shape):
            raise GateError(self.file, "sides of 0 or more", shown(shape), field=name)
        kind = f"{dtype.kind}{dtype.itemsize}"
        nbytes = dtype.itemsize
        for side in shape:
            nbytes *= side
        if dtype.hasobject or nbytes != entry.file_size - begins:
            got = "pickled objects" if dtype.hasobject else f"{entry.file_size - begins:,} for {shown(shape)} of {kind}"
            raise GateError(self.file, "plain numbers, as many bytes as the array's header says", got, field=name)
        return Header(kind, shape, nbytes)

    def array(self, name: str) -> NDArray[Any]:
        """An array whose header was checked, in this machine's order of bytes and row by row."""
        with reading(self.file, self.want, name), self._zip.open(self._entry(name)) as stream:
            found = npy_format.read_array(stream, allow_pickle=False)
        if not found.dtype.isnative:
            found = found.byteswap(inplace=True).view(found.dtype.newbyteorder("="))
        return np.ascontiguousarray(found) if found.ndim else found

    def content(self, name: str, most: int) -> bytes:
        """The bytes of an entry that is no array.

        Raises:
            GateError: no such entry, a damaged one, or one of more than `most` bytes.
        """
        entry = self._entry(name)
        if entry.file_size > most:
            raise GateError(self.file, f"at most {most:,} bytes", f"{entry.file_size:,}", field=name)
        with reading(self.file, self.want, name), self._zip.open(entry) as stream:
            return stream.read(most)

    def _entry(self, name: str) -> zipfile.ZipInfo:
        if name not in self.entries:
            raise GateError(self.file, "this array", "none of this name", field=name)
        entry = self.entries[name]
        if entry.flag_bits & 1 or entry.compress_type not in _PACKED:
            raise GateError(self.file, "an entry stored or deflated, not encrypted", "another", field=name)
        return entry


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """The sides and the kind of numbers of an .npy stream, and where they begin; raises whatever numpy does."""
    lead = io.BytesIO(stream.read(_LONGEST_HEADER))  # numpy reads a header of any length before it looks at it
    version = npy_format.read_magic(lead)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, _, dtype = read(lead)
    return shape, dtype, lead.tell()


@contextmanager
def opened(path: Path, want: str = "a whole archive of arrays (.npz)") -> Iterator[Archive]:
    """The archive in a file, once its entries are known to be told apart and to lie in the file.

    Args:
        path: the file.
        want: what it should be, for messages.

    Raises:
        GateError: no plain file, no archive, a damaged one, too many entries, or entries that share names or bytes.
    """
    with regular(path).open("rb") as stream, inside(stream, path.name, want) as archive:
        yield archive


@contextmanager
def inside(stream: IO[bytes], file: str, want: str, entries: str = "bundle entries") -> Iterator[Archive]:
    """As `opened`, of a file that is open already; `entries` names the limit of how many there may be."""
    with reading(file, want):
        archive = zipfile.ZipFile(stream)
    with archive:
        found = archive.infolist()
        LIMITS[entries].check(len(found), file)
        names = [entry.filename.removesuffix(".npy") for entry in found]
        if len({*names}) < len(names):
            raise GateError(file, "entries of different names", "one name several times")
        # Entries that share bytes would unpack a file of some kB to any size.
        if sum(entry.compress_size for entry in found) > stream.seek(0, io.SEEK_END):
            raise GateError(file, "entries that lie side by side", "entries that share bytes of the file")
        yield Archive(file, want, dict(zip(names, found, strict=True)), archive)
