"""Portable bundles: one .npz of arrays with a JSON manifest, read without torch and without trusting the file."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from vit_attention.records.writing import write

FORMAT = "sightlines-record"
FORMAT_VERSION = 1
MAX_BYTES = 1 << 30
"""A bundle that unpacks to more is refused before anything is unpacked."""


class BundleError(ValueError):
    """A file is not a bundle, or not a whole one."""


def save(path: Path, manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Path:
    """Write arrays and plain values to `path` (".npz" is added if missing), whole or not at all; returns where."""
    target = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
    whole = json.dumps({"format": FORMAT, "version": FORMAT_VERSION, **manifest}).encode()

    def fill(out: BinaryIO) -> None:
        np.savez_compressed(out, **arrays, manifest=np.frombuffer(whole, np.uint8))  # type: ignore[arg-type]

    return write(target, fill)


@dataclass(frozen=True)
class Bundle:
    """An open file: its manifest, and its arrays by name."""

    archive: zipfile.ZipFile
    manifest: dict[str, Any]

    def has(self, name: str) -> bool:
        """Whether there is an array of this name."""
        return f"{name}.npy" in self.archive.namelist()

    def array(self, name: str) -> NDArray[Any]:
        """An array; raises for one that is not there or not as large as it says."""
        return _array(self.archive, name)


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """The bundle in `path`; whatever is wrong with it, also while it is worked with, is told as one kind of error.

    Raises:
        BundleError: the file is missing, is no bundle, is cut short, holds pickled objects, or unpacks to over 1 GiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_bombs(archive, path)
            manifest = json.loads(bytes(_array(archive, "manifest")))
            if manifest.get("format") != FORMAT or manifest.get("version") != FORMAT_VERSION:
                raise BundleError(f"{path.name}: want format {FORMAT} version {FORMAT_VERSION}, got another")
            yield Bundle(archive, manifest)
    except BundleError:
        raise
    except FileNotFoundError as error:
        raise BundleError(f"{path.name}: no such file") from error
    except _DAMAGED as error:
        raise BundleError(
            f"{path.name}: want a whole Sightlines bundle, got another or a damaged file ({error})"
        ) from error
    except _ODD as error:
        raise BundleError(f"{path.name}: want a file that can be unpacked, got one that cannot") from error


_DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, IndexError, zipfile.BadZipFile)
_ODD = (NotImplementedError, RuntimeError, RecursionError, MemoryError)  # encrypted or odd zips, nested JSON


def _refuse_bombs(archive: zipfile.ZipFile, path: Path) -> None:
    total = sum(entry.file_size for entry in archive.infolist())
    if total > MAX_BYTES:
        raise BundleError(f"{path.name}: want at most {MAX_BYTES >> 20} MiB unpacked, got {total >> 20} MiB")


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array of the archive; never unpickles, never allocates more than the entry really holds."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as stream:
        version = npy_format.read_magic(stream)
        reader = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, _, dtype = reader(stream)
        if dtype.hasobject:
            raise BundleError(f"{name}: want plain numbers, got pickled objects")
        if int(np.prod(shape, dtype=object)) * dtype.itemsize > entry.file_size:
            raise BundleError(f"{name}: the header promises more than the file holds")
    with archive.open(entry) as stream:
        return npy_format.read_array(stream, allow_pickle=False)
