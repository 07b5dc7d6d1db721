"""Directories of a TIFF file, and of the EXIF in other pictures, looked through before a library follows them.

A directory is a list of fields, each of which may point anywhere: a thousand fields that all point at the same megabyte are
read as a gigabyte, and a chain of directories may bite its tail.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate.limits import LIMITS

_BYTES = np.zeros(1 << 16, np.int64)  # of one value, by the number of its type; unknown types are passed over
_BYTES[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16]] = 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 8
_KIND_OF_PAGE, _FURTHER = (
    254,
    (34665, 34853, 40965),
)  # what a page is; where EXIF, GPS and interoperability fields stand
_REDUCED_OR_MASK = 1 | 4


@dataclass(frozen=True)
class Directory:
    """One directory.

    Attributes:
        fields: tag, type, count and value (or where it stands) of each.
        after: where the next directory of the chain stands; 0 for none.
    """

    fields: NDArray[np.void]
    after: int

    def value(self, tag: int, otherwise: int = 0) -> int:
        """The number in the field of this tag."""
        found = self.fields["value"][self.fields["tag"] == tag]
        return int(found[0]) if len(found) else otherwise


def pages(data: bytes, name: str) -> tuple[list[int], bool]:
    """Which directories of a TIFF are pages, by their number in the chain; masks and reduced copies are none.

    Args:
        data: the whole file.
        name: what it is called in a message.

    Returns:
        The numbers, from 0, and whether there may be more than were counted.

    Raises:
        GateError: fields that point at far more bytes than the file has, or more of them than a picture needs.
    """
    most = LIMITS["picture pages"].most
    found: list[int] = []
    for number, directory in enumerate(_chain(data, name)):
        if number >= most:
            return found, True
        # The value of a short number stands in the first two of its bytes, whatever the byte order.
        if not (directory.value(_KIND_OF_PAGE) & _REDUCED_OR_MASK) or not found:
            found.append(number)
    return found, False


def check_exif(data: bytes, name: str) -> None:
    """Refuse, with a `GateError`, EXIF whose fields point at far more bytes than it has; damaged EXIF is let in."""
    for _ in _chain(data.removeprefix(b"Exif\0\0"), name):
        pass


def _chain(data: bytes, name: str) -> Iterator[Directory]:
    """The directories one after the other, each once; those that they point to are looked through as well."""
    little, big = data[:2] == b"II", data[2:4] in (b"+\0", b"\0+")
    place = _number(data, 8 if big else 4, 8 if big else 4, little)
    seen: set[int] = set()
    promised = 0
    while place and place not in seen:
        seen.add(place)
        directory = _directory(data, place, little, big, name)
        if directory is None:
            return
        further = [
            _directory(data, directory.value(tag), little, big, name) for tag in _FURTHER if directory.value(tag)
        ]
        promised += sum(_pointed_at(one, len(data), big) for one in (directory, *further) if one is not None)
        LIMITS["bytes that fields point at"].check(promised // (len(data) + 4096), name, "fields")
        yield directory
        place = directory.after


def _directory(data: bytes, place: int, little: bool, big: bool, name: str) -> Directory | None:
    """The directory at a place of the file, with as many of its fields as the file has; None beyond the file's end."""
    order, wide = "<" if little else ">", 8 if big else 2
    number = "u8" if big else "u4"
    row = np.dtype(
        [("tag", f"{order}u2"), ("type", f"{order}u2"), ("count", order + number), ("value", order + number)]
    )
    count = _number(data, place, wide, little)
    there = min(count, (len(data) - place - wide) // row.itemsize)
    if there <= 0:
        return None
    LIMITS["picture parts"].check(there, name, "fields of a directory")
    start, end = place + wide, place + wide + count * row.itemsize
    fields = np.frombuffer(data, row, there, start).copy()
    if not little:  # numbers shorter than the room for them stand at its left
        room = 8 * row["value"].itemsize
        for kind, bits in ((1, 8), (3, 16), (4, 32)):
            short = (fields["type"] == kind) & (fields["count"] == 1)
            fields["value"][short] >>= fields["value"].dtype.type(room - min(bits, room))
    return Directory(fields, _number(data, end, 8 if big else 4, little))


def _pointed_at(directory: Directory, size: int, big: bool) -> int:
    """Bytes that a reader of all fields makes room for."""
    fields = directory.fields
    wanted = _BYTES[fields["type"]] * fields["count"].astype(np.float64)
    there = np.maximum(size - fields["value"].astype(np.float64), 0)
    return int(np.minimum(wanted, there)[wanted > (8 if big else 4)].sum())


def _number(data: bytes, place: int, size: int, little: bool) -> int:
    return int.from_bytes(data[place : place + size], "little" if little else "big")
