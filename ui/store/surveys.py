"""Every survey the app can show by its id: bundled ones, those of whoever runs the server, and the reader's own."""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from tutorials.findings.surveyed import Survey, bundled
from ui.frame import table
from ui.store.blobs import blobs
from ui.store.kept import Kept
from vit_attention.gate import LIMITS, GateError
from vit_attention.gate.archive import inside
from vit_attention.gate.refusal import one_line, reading, shown

FOLDERS = "SIGHTLINES_SURVEYS"
"""Environment variable of a server: folders of surveys that everybody may look at, separated as in ``PATH``."""
UPLOAD = "uploaded_survey"
"""Session key: (digest, file name) of the survey that this session brought."""
OWN = "own survey"
SECONDS, SMALL, PICTURES = 120, 1_000_000, 12_000_000
"""Of a survey from outside: seconds that reading may take; bytes of its manifest or its index, and of all its pictures."""
TABLE, JPEG = re.compile(r"(?:.*/)?heads/[^/]+\.parquet"), re.compile(r"[0-9a-zA-Z_-]{1,80}\.jpe?g")
FINDER = "__MACOSX/"
"""Folder of an archive in which macOS repeats every file's name with what it knows of the file."""
NAMELESS = "unnamed model"
ADVICE = "Pack the folder that vit-attention survey wrote, with heads, extremes and manifest.json in it."


@dataclass(frozen=True, eq=False)
class Opened:
    """A survey that came with pictures of its own.

    Attributes:
        key: tells it from every other survey that this server keeps.
        survey: its summary.
        pictures: the extreme pictures as JPEGs, by name, as far as they were brought.
    """

    key: str
    survey: Survey
    pictures: Mapping[str, bytes]


_kept = Kept(4)
_one_at_a_time = threading.Semaphore(1)


@cache
def folders() -> dict[str, Path]:
    """The surveys of whoever runs the server, by the names of their folders; by the whole path where these are taken."""
    given = [Path(one).absolute() for one in os.environ.get(FOLDERS, "").split(os.pathsep) if one.strip()]
    there = [one for one in dict.fromkeys(given) if one.is_dir()]
    taken = [*bundled(), OWN, *(one.name for one in there)]
    return {str(one) if taken.count(one.name) > 1 or not one.name else one.name: one for one in there}


def options() -> dict[str, str]:
    """What can be chosen: ids, and what people call them."""
    own = st.session_state.get(UPLOAD)
    brought = {OWN: f"{own[1]} (yours)"} if own and blobs.get(own[0]) is not None else {}
    return {**brought, **{one: one for one in (*bundled(), *folders())}}


def get(chosen: str) -> Opened:
    """The survey of this id.

    Raises:
        GateError: it cannot be read, or is not kept any more.
    """
    if chosen in bundled():
        return Opened(chosen, bundled()[chosen], {})
    if chosen in folders():
        return _kept(chosen, lambda: from_folder(folders()[chosen]))
    digest = st.session_state[UPLOAD][0]
    data = blobs.get(digest)
    if data is None:
        raise GateError(
            "survey", "one that this server still keeps", "one that made room for others", advice="Bring it again."
        )
    return _kept(digest, lambda: from_zip(data))


def take(data: bytes, name: str) -> None:
    """Make `data` the survey of this session; raises GateError, before anything is kept, for something else."""
    _kept(digest := blobs.put(data), lambda: from_zip(data))
    st.session_state[UPLOAD] = (digest, one_line(name)[:60])


def from_zip(data: bytes) -> Opened:
    """The survey in a ZIP archive that nobody vouches for: nothing is unpacked under a name from it.

    Raises:
        GateError: no such archive, or more in it than is let in.
    """
    with inside(io.BytesIO(data), "survey", "a ZIP archive of a survey's folder", "survey files") as archive:
        LIMITS["uploaded survey"].check(sum(one.file_size for one in archive.entries.values()), "survey")
        tables = [name for name in archive.entries if TABLE.fullmatch(name) and not name.startswith(FINDER)]
        roots = sorted({name.rpartition("heads/")[0] for name in tables})
        if len(roots) != 1:
            got = f"several: {shown(roots)}" if roots else "none"
            raise GateError("survey", "Parquet files in one folder heads", got, advice=ADVICE)
        root = roots[0]
        with tempfile.TemporaryDirectory() as place:
            for n, name in enumerate(sorted(tables)):
                most = LIMITS["uploaded survey"].most
                (Path(place) / f"{n:06d}.parquet").write_bytes(archive.content(name, most))
            return _opened(
                hashlib.sha256(data).hexdigest(),
                Path(place),
                lambda name: archive.content(root + name, SMALL) if root + name in archive.entries else None,
            )


def from_folder(folder: Path) -> Opened:
    """The survey in a folder of this machine; raises GateError if none is there."""

    def read(name: str) -> bytes | None:
        file = folder / name
        return file.read_bytes() if file.is_file() and file.stat().st_size <= SMALL else None

    return _opened(str(folder), folder / "heads", read)


def _opened(key: str, tables: Path, read: Callable[[str], bytes | None]) -> Opened:
    """The summary of a folder of tables, and the pictures that it names; `read` gives a small file by its name, or None."""
    model, about, weights = _said(_plain(read, "manifest.json"))
    found = replace(_summarised(tables), model=model or NAMELESS, about=about, weights=weights)
    index = _plain(read, "extremes/index.json").get("pictures")
    files = index if isinstance(index, dict) else {}
    pictures: dict[str, bytes] = {}
    named = set[str]().union(*(one.names for one in found.measures.values()))
    for name in sorted(named):
        file = files.get(name)
        data = None
        if isinstance(file, str) and JPEG.fullmatch(file):
            with suppress(GateError):  # it stays grey, as one that is no picture
                data = read(f"extremes/{file}")
        if data is not None and len(data) + sum(map(len, pictures.values())) <= PICTURES:
            pictures[name] = data
    return Opened(key, found, pictures)


def _plain(read: Callable[[str], bytes | None], name: str) -> dict[str, Any]:
    data = read(name)
    if data is None:
        return {}
    with reading("survey", "JSON", name):
        found = json.loads(data)
    return found if isinstance(found, dict) else {}


def _said(plain: Mapping[str, Any]) -> list[str]:
    """What the manifest says of the model, the pictures and the weights, cut to what is shown."""
    source = plain.get("source")
    about = source.get("text", "") if isinstance(source, dict) else ""
    said = (plain.get("model"), about, plain.get("weights_hash"))
    return [one_line(text)[:80] if isinstance(text, str) else "" for text in said]


def _summarised(tables: Path) -> Survey:
    """The summary of Parquet files, made by a process of its own: see `tutorials.findings.summarising`."""
    command = [sys.executable, "-m", "tutorials.findings.summarising", str(tables)]
    # The default allocator reserves more addresses than the process may have.
    environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
    want = "a survey that can be read within a minute and the memory for it"
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        with _one_at_a_time:
            done = subprocess.run(command, cwd=table.ROOT, env=environment, timeout=SECONDS, **streams)
    except subprocess.TimeoutExpired as error:
        raise GateError("survey", want, "one that takes longer") from error
    if done.returncode:
        raise GateError("survey", want, "another, or a damaged one", advice=ADVICE)
    found = json.loads(done.stdout)
    if "refused" in found:
        raise GateError("survey", "tables as vit-attention survey writes them", one_line(found["refused"])[:200])
    if not found["measures"]:
        raise GateError(
            "survey", "tables with a column of numbers beside picture, layer and head", "none", advice=ADVICE
        )
    return Survey.of(found)
