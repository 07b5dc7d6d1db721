"""Portable bundles: one .npz of arrays with a JSON manifest, read without torch and without trusting the file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import LIMITS, GateError, archive, shown
from vit_attention.gate.archive import Archive, Header
from vit_attention.gate.bundle import Form, Manifest, Stamp
from vit_attention.records.writing import write

FORMAT = "sightlines-record"
FORMAT_VERSION = 1
WANT = "a whole Sightlines bundle (.npz)"
_AS_LARGE = 4  # a file that unpacks to so many times its bytes hides nothing, whatever its size


class BundleError(GateError):
    """A file is not a complete bundle; the message says which field is wrong, what was wanted and what was found."""

    @classmethod
    def about(cls, path: Path, error: GateError) -> "BundleError":
        """What the gate or the record found wrong with a part of the file `path`."""
        part = [] if error.file == path.name else [error.file]
        field = ": ".join([*part, *filter(None, [error.field])])
        return cls(path.name, error.want, error.got, field=field, advice=error.advice)


def save(path: Path, manifest: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Path:
    """Write arrays and plain values to `path` (".npz" is added if missing), whole or not at all; returns where.

    Raises:
        BundleError: `opened` would refuse the file.
    """
    target = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
    try:
        whole = json.dumps({"format": FORMAT, "version": FORMAT_VERSION, **manifest}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BundleError(path.name, "plain values in the record", str(error)) from error
    everything: Any = {"manifest": np.frombuffer(whole, np.uint8), **arrays}

    def fill(out: BinaryIO) -> None:
        np.savez_compressed(out, **everything)
        try:
            _check(out, target)
        except BundleError:  # maps that are saturated pack so well that nobody could tell them from a bomb
            out.seek(0)
            out.truncate()
            np.savez(out, **everything)
            _check(out, target)

    return write(target, fill)


def _check(out: BinaryIO, path: Path) -> None:
    try:
        with archive.inside(out, path.name, WANT) as file:
            _bundle(file, "bundle")
    except GateError as error:
        raise BundleError.about(path, error) from error


@dataclass(frozen=True)
class Bundle:
    """An open file: its manifest, and its arrays by name, whose headers were checked."""

    manifest: Manifest
    arrays: frozenset[str]
    _archive: Archive

    def array(self, name: str, otherwise: Any = None) -> NDArray[Any]:
        """An array; `otherwise` where the file need not have it and has not."""
        return self._archive.array(name) if name in self.arrays else otherwise


@contextmanager
def opened(path: Path, limit: str = "bundle") -> Iterator[Bundle]:
    """The bundle in `path`; whatever is wrong with it, also while it is worked with, is told as one kind of error.

    Args:
        path: the file.
        limit: key of `LIMITS` that all arrays together must keep.

    Raises:
        BundleError: the file is missing, is no bundle, is damaged, or promises what no record has or too much of it.
    """
    try:
        with archive.opened(path, WANT) as file:
            yield _bundle(file, limit)
    except GateError as error:
        raise BundleError.about(path, error) from error


def _bundle(file: Archive, limit: str) -> Bundle:
    """What is in an archive, once its manifest and the headers of all arrays are known to be sound."""
    manifest = _manifest(file)
    there = {name: form for name, form in manifest.possible().items() if name in file.entries}
    headers = {name: _checked(file, name, form) for name, form in {**manifest.needed(), **there}.items()}
    _check_size(file, manifest, headers, limit)
    return Bundle(manifest, frozenset(headers), file)


def _manifest(file: Archive) -> Manifest:
    """The manifest, read by its schema once it is known to be of this version."""
    header = _checked(file, "manifest", Form(("u1",), (None,)))
    LIMITS["bundle manifest"].check(header.nbytes, file.file, "manifest")
    small = LIMITS["small manifest"].most + 50 * file.entries["manifest"].compress_size
    if header.nbytes > small:
        raise GateError(file.file, "a manifest packed less than 50 times", f"{header.nbytes:,} bytes", field="manifest")
    data = bytes(file.array("manifest"))
    stamp = Stamp.read(data, file.file)
    if stamp.version > FORMAT_VERSION:
        advice = "A newer version of this library made it: open it with that version."
        raise GateError(file.file, str(FORMAT_VERSION), shown(stamp.version), field="version", advice=advice)
    return Manifest.read(data, file.file)


def _checked(file: Archive, name: str, form: Form) -> Header:
    """The header of an array, if it is of the form that the manifest promises."""
    header = file.header(name)
    if header.kind not in form.kinds:
        raise GateError(file.file, f"numbers of kind {' or '.join(form.kinds)}", header.kind, field=name)
    sides = (None,) * len(header.shape) if form.shape is None else form.shape
    pairs = zip(sides, header.shape, strict=False)
    if len(sides) != len(header.shape) or any(want not in (None, got) for want, got in pairs):
        want = f"({', '.join('any' if side is None else str(side) for side in sides)})"
        raise GateError(file.file, f"shape {want}", f"{header.shape}", field=name)
    return header


def _check_size(file: Archive, manifest: Manifest, headers: dict[str, Header], limit: str) -> None:
    """Refuse what unpacks to too much, alone or beside what it was packed to, before any array is unpacked."""
    advice = "Keep fewer layers, heads or queries, or half=True."
    total = sum(header.nbytes for header in headers.values())
    if limit != "bundle" or total > _AS_LARGE * sum(entry.compress_size for entry in file.entries.values()):
        LIMITS[limit].check(total, file.file, advice=advice)
    # Off its window a row of a fine grid says nothing, which packs nearly as well as anything can.
    windows = {f"weights_{n}" for n, one in enumerate(manifest.maps) if one.kind == "window"}
    rest = headers.keys() - windows
    large = sum(headers[name].nbytes for name in rest)
    packed = sum(file.entries[name].compress_size for name in rest)
    free, ratio = LIMITS["small bundle"].most, LIMITS["bundle ratio"].most
    if large > max(free, ratio * packed):
        want = f"at most {free:,} bytes unpacked, or {ratio} times what it is packed to"
        raise GateError(file.file, want, f"{large:,} of {packed:,}", advice=advice)
