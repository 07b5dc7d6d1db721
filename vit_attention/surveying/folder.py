"""The folder that a survey is written to: a manifest, and of every shard its tables, each whole or not there at all."""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.export.tables import column_name
from vit_attention.gate import GateError, shown
from vit_attention.gate.refusal import reading
from vit_attention.heavy import library
from vit_attention.records.writing import write
from vit_attention.surveying.measuring import Rows
from vit_attention.surveying.plan import SCORES, Plan
from vit_attention.surveying.shard import Shard

FORMAT = "sightlines survey 1"
LIBRARIES = ("torch", "torchvision", "transformers", "numpy", "pillow", "pyarrow")
SAME = ("format", "model", "weights_hash", "measures", "methods", "target", "size", "shard_size", "source")
"""What of the manifest has to agree where a survey goes on."""


@dataclass(frozen=True)
class Folder:
    """Where a survey lies.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def manifest(self) -> dict[str, Any]:
        """What the survey is of; raises GateError where none lies."""
        file = self.path / "manifest.json"
        with reading(file.name, "the manifest of a survey"):
            return dict[str, Any](json.loads(file.read_bytes()))

    def claim(self, manifest: dict[str, Any]) -> None:
        """Begin a survey here, or go on with the one that is here.

        Raises:
            GateError: other files lie here, or another survey; says in what it differs.
        """
        plain = json.loads(json.dumps(manifest))
        # Looked at before the manifest, which another part of the same survey may be writing now.
        others = self.path.exists() and (not self.path.is_dir() or any(map(_visible, self.path.iterdir())))
        if (self.path / "manifest.json").exists():
            there = self.manifest
            for name in SAME:
                if there.get(name) != plain[name]:
                    advice = f"To go on with that survey, ask for the same {name} as before; else name another folder."
                    raise GateError(
                        self.path.name, f"{name} {_short(there.get(name))}", _short(plain[name]), advice=advice
                    )
            return
        if others:
            raise GateError(self.path.name, "a new or empty folder, or one of a survey", "one that holds other files")
        write(self.path / "manifest.json", _json(manifest))

    def leave(self) -> None:
        """Take the manifest of a survey away that cannot be run, so that another may begin here."""
        if not (self.path / "parts").exists():
            (self.path / "manifest.json").unlink(missing_ok=True)
            with suppress(OSError):  # other files lie there
                self.path.rmdir()

    def part(self, table: str, shard: int, end: str = "parquet") -> Path:
        """The file of a shard in one of "heads", "methods" and "parts"."""
        return self.path / table / f"part-{shard:07d}.{end}"

    def done(self, shard: int) -> bool:
        """Whether a shard is there, whole: its JSON is written last, and nobody has taken a table away since."""
        return self.part("parts", shard, "json").is_file() and all(
            self.part(table, shard).is_file() for table in self._tables
        )

    @cached_property
    def _tables(self) -> tuple[str, ...]:
        """The tables that every shard of this survey has."""
        asked = self.manifest
        return tuple(table for table, names in (("heads", "measures"), ("methods", "methods")) if asked.get(names))

    def said(self, shard: int) -> dict[str, Any]:
        """What was said of a shard that is done: its number of pictures, and those that failed."""
        file = self.part("parts", shard, "json")
        advice = f"Delete {file}; the same command then does this shard anew."
        with reading(file.name, "what was said of a shard", advice=advice):
            plain = json.loads(file.read_bytes())
            failed = [{name: str(one[name]) for name in ("picture", "reason")} for one in plain["failed"]]
            return {"pictures": int(plain["pictures"]), "failed": failed}

    def keep(self, number: int, shard: Shard, plan: Plan, seconds: float) -> None:
        """Write what was found of a shard.

        Raises:
            GateError: the disk is full, or the folder cannot be written to.
        """
        for table, made in (("heads", heads_table(shard.rows, plan)), ("methods", methods_table(shard.rows, plan))):
            if made is not None:
                write(self.part(table, number), encoded(made))
        failed = [{"picture": name, "reason": reason} for name, reason in shard.failed]
        about = {"pictures": shard.pictures, "failed": failed, "seconds": round(seconds, 3)}
        write(self.part("parts", number, "json"), _json(about))


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _json(data: Any) -> bytes:
    return json.dumps(data, indent=1).encode()


def _short(value: Any) -> str:
    text = ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, dict) else value
    return text if isinstance(text, str) and len(text) < 200 else shown(text)


def manifest(model: Any, source: Any, plan: Plan, command: str) -> dict[str, Any]:
    """What a survey is of, as JSON can hold it."""
    target = plan.target
    return {
        "format": FORMAT,
        "model": model.card.name,
        "weights_hash": model.weights_hash,
        "measures": plan.measures,
        "methods": plan.methods,
        "target": target if target is None or isinstance(target, int) else str(target),
        "size": plan.size,
        "shard_size": source.size,
        "source": {"text": source.text, "shards": source.shards, "digest": source.digest},
        "notes": model.notes,
        "command": command,
        "versions": {name: _version(name) for name in ("sightlines", *LIBRARIES)},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def heads_table(rows: Sequence[Rows], plan: Plan) -> Any:
    """An Arrow table with a row for every picture, layer and head; None without measures."""
    if not plan.measures:
        return None
    arrow = library("pyarrow")
    each = [len(one.layers) for one in rows for _ in one.names]
    columns = {
        "picture": arrow.array(_repeated([name for one in rows for name in one.names], each), arrow.string()),
        "layer": arrow.array(_joined([np.tile(one.layers, len(one.names)) for one in rows], np.int16)),
        "head": arrow.array(_joined([np.tile(one.heads, len(one.names)) for one in rows], np.int16)),
    }
    for name in plan.measures:
        values = _joined([one.values[name].ravel() for one in rows], np.float32)
        columns[column_name(name)] = arrow.array(values, from_pandas=True)  # NaN becomes null
    return arrow.table(columns)


def _repeated(names: Sequence[str], times: Sequence[int]) -> NDArray[Any]:
    return np.repeat(np.array(names, dtype=object), times)


def _joined(parts: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *parts])


def methods_table(rows: Sequence[Rows], plan: Plan) -> Any:
    """An Arrow table with a row for every picture and method; None without methods."""
    if not plan.methods:
        return None
    arrow = library("pyarrow")
    found = [row for one in rows for row in one.scores]
    texts = {
        name: arrow.array([row[n] for row in found], arrow.string())
        for n, name in enumerate(("picture", "method", "target"))
    }
    numbers = {
        name: arrow.array(np.array([row[n] for row in found], np.float32), from_pandas=True)
        for n, name in enumerate(SCORES, len(texts))
    }
    return arrow.table({**texts, **numbers})


def encoded(table: Any) -> bytes:
    """A table as the bytes of a Parquet file."""
    out = io.BytesIO()
    library("pyarrow.parquet").write_table(table, out, compression="zstd", use_dictionary=["picture", "method"])
    return out.getvalue()


def tables(folder: Folder, shards: int) -> Iterator[tuple[int, Any]]:
    """Number and heads table of every shard that is done, one at a time."""
    parquet = library("pyarrow.parquet")
    for shard in range(shards):
        file = folder.part("heads", shard)
        if folder.done(shard):
            advice = f"Delete {folder.part('parts', shard, 'json')}; the same command then does this shard anew."
            with reading(file.name, "an undamaged Parquet file", advice=advice):
                table = parquet.read_table(file)
            yield shard, table
