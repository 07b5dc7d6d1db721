"""Portable bundles: one .npz of arrays with a JSON manifest, read without torch and without trusting the file."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from vit_attention.records.axes import Axis
from vit_attention.records.geometry import Geometry
from vit_attention.records.record import AttentionMap, AttentionRecord, Prediction

FORMAT = "sightlines-record"
FORMAT_VERSION = 1
MAX_BYTES = 1 << 30
"""A bundle that unpacks to more is refused before anything is unpacked."""


class BundleError(ValueError):
    """A file is not a bundle, or not a whole one."""


def save(record: AttentionRecord, path: Path) -> Path:
    """Write `record` to `path` (".npz" is added if missing), whole or not at all."""
    target = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
    arrays: dict[str, NDArray[Any]] = {"norms": record.norms, "scores": record.prediction.scores}
    if record.prediction.chances.size:
        arrays["chances"] = record.prediction.chances
    if record.picture:
        arrays["picture"] = np.frombuffer(record.picture, np.uint8)
    for i, one in enumerate(record.maps):
        arrays[f"weights_{i}"] = one.weights
        if one.gradient is not None:
            arrays[f"gradient_{i}"] = one.gradient
    for name, signal in record.signals.items():
        arrays |= (
            {f"signal_{name}_{i}": part for i, part in enumerate(signal)}
            if isinstance(signal, tuple)
            else {f"signal_{name}": signal}
        )
    arrays["manifest"] = np.frombuffer(json.dumps(_manifest(record)).encode(), np.uint8)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".bundle-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as out:
            np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def _manifest(record: AttentionRecord) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "model": record.model,
        "weights_hash": record.weights_hash,
        "settings": record.settings,
        "versions": record.versions,
        "signals": {name: len(one) if isinstance(one, tuple) else None for name, one in record.signals.items()},
        "geometry": None if record.geometry is None else record.geometry.to_json(),
        "prediction": {
            "labels": record.prediction.labels, "text": record.prediction.text, "target": record.prediction.target,
            "tokens": record.prediction.tokens,
        },
        "maps": [
            {
                "name": m.name, "layer": m.layer, "kind": m.kind, "query": m.query.to_json(), "key": m.key.to_json(),
                "residual": m.residual, "heads": m.heads, "queries": m.queries, "gradient": m.gradient is not None,
            }
            for m in record.maps
        ],
    }  # fmt: skip


def load(path: Path) -> AttentionRecord:
    """Read the record in `path`.

    Raises:
        BundleError: the file is missing, is no bundle, is cut short, holds pickled objects, or unpacks to over 1 GiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_bombs(archive, path)
            manifest = json.loads(bytes(_array(archive, "manifest")))
            if manifest.get("format") != FORMAT or manifest.get("version") != FORMAT_VERSION:
                raise BundleError(f"{path.name}: want format {FORMAT} version {FORMAT_VERSION}, got another")
            return _record(archive, manifest)
    except BundleError:
        raise
    except FileNotFoundError as error:
        raise BundleError(f"{path.name}: no such file") from error
    except (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        zipfile.BadZipFile,
    ) as error:
        raise BundleError(
            f"{path.name}: want a whole Sightlines bundle, got another or a damaged file ({error})"
        ) from error
    except (
        NotImplementedError,
        RuntimeError,
        RecursionError,
        MemoryError,
    ) as error:  # encrypted or odd zips, nested JSON
        raise BundleError(f"{path.name}: want a file that can be unpacked, got one that cannot") from error


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


def _record(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> AttentionRecord:
    said = manifest["prediction"]
    geometry = manifest["geometry"]
    names = set(archive.namelist())
    prediction = Prediction(
        tuple(map(str, said["labels"])), _array(archive, "scores").astype(np.float32), str(said["text"]), said["target"],
        tuple(map(str, said.get("tokens", ()))),
        _array(archive, "chances").astype(np.float32) if "chances.npy" in names else np.zeros(0, np.float32),
    )  # fmt: skip
    return AttentionRecord(
        maps=tuple(_map(archive, i, entry) for i, entry in enumerate(manifest["maps"])),
        geometry=None if geometry is None else Geometry.from_json(geometry),
        prediction=prediction,
        picture=bytes(_array(archive, "picture")) if "picture.npy" in names else b"",
        norms=_array(archive, "norms"),
        model=str(manifest["model"]),
        weights_hash=str(manifest["weights_hash"]),
        settings=dict(manifest["settings"]),
        versions=dict(manifest["versions"]),
        signals={str(name): _signal(archive, name, parts) for name, parts in manifest.get("signals", {}).items()},
    )


def _signal(archive: zipfile.ZipFile, name: str, parts: int | None) -> Any:
    if parts is None:
        return _array(archive, f"signal_{name}")
    return tuple(_array(archive, f"signal_{name}_{i}") for i in range(int(parts)))


def _map(archive: zipfile.ZipFile, index: int, entry: dict[str, Any]) -> AttentionMap:
    kept = {name: None if entry[name] is None else tuple(int(v) for v in entry[name]) for name in ("heads", "queries")}
    return AttentionMap(
        weights=_array(archive, f"weights_{index}"),
        name=str(entry["name"]),
        layer=int(entry["layer"]),
        kind=str(entry["kind"]),
        query=Axis.from_json(entry["query"]),
        key=Axis.from_json(entry["key"]),
        residual=None if entry["residual"] is None else float(entry["residual"]),
        gradient=_array(archive, f"gradient_{index}") if entry["gradient"] else None,
        heads=kept["heads"],
        queries=kept["queries"],
    )
