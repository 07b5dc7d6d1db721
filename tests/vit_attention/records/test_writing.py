"""Files appear whole or not at all, whatever the disk, the system or the user does meanwhile."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from vit_attention.gate import GateError
from vit_attention.records import AttentionMap, AttentionRecord, Axis, bundle
from vit_attention.records.writing import write

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(params=["without a name", "with a name"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of opening a new file: without a name where the file system can, else with one."""
    if request.param == "with a name":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file of this process may become larger, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.usefixtures("way")
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = write(tmp_path / "new" / "folder" / "file", b"old")

    def half(out: BinaryIO) -> None:
        out.write(b"ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(target, half)
    assert [(one.name, one.read_bytes()) for one in target.parent.iterdir()] == [("file", b"old")]
    assert write(target, lambda out: out.write(b"new")).read_bytes() == b"new"
    assert names(target.parent) == ["file"]


MAP = AttentionMap(np.ones((1, 1, 1), np.float32), "block", 0, "self", Axis.patches(1, 1), Axis.patches(1, 1))
NOISE = np.random.default_rng(0).integers(0, 255, (400, 400, 3), dtype=np.uint8)
FULL = "want room on the disk, got a full disk"


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("save", "why"),
    [
        (lambda path: write(path, NOISE.tobytes()), FULL),
        (lambda path: bundle.save(path, {"a": 1}, {"noise": NOISE, "more": NOISE + 1}), FULL),
        (lambda path: write(path, lambda out: Image.fromarray(NOISE).save(out, "PNG")), FULL),
        (lambda path: write(path, lambda out: Image.fromarray(NOISE).save(out, "JPEG")), "one: want"),
        (lambda path: write(path, lambda out: np.save(out, NOISE)), FULL),
    ],
    ids=["bytes", "bundle", "png", "jpeg", "npy"],
)
def test_a_full_disk_is_told_and_keeps_nothing(save: Callable[[Path], object], why: str, tmp_path: Path) -> None:
    with room(20_000), pytest.raises(GateError, match=why):
        save(tmp_path / "one")
    assert names(tmp_path) == []


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o027])
def test_files_have_the_rights_that_umask_gives(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        made = [write(tmp_path / "file", b"x"), AttentionRecord((MAP,)).save(tmp_path / "one")]
        write(made[0], b"again")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(one.stat().st_mode) for one in made} == {0o666 & ~mask}


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("folder", "got a folder of this name"),
        ("link", "got a link of this name"),
        ("dangling", "got a link of this name"),
        ("pipe", "got a pipe or device of this name"),
        ("closed", "got a read-only file of this name"),
        ("file/below", "Not a directory"),
        ("x" * 256, "File name too long"),
        ("with\0zero", "null"),
        ("\ud800", "surrogates"),
    ],
)
def test_what_must_not_be_replaced_is_refused(place: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "closed").write_bytes(b"kept")
    (tmp_path / "closed").chmod(0o444)
    before = names(tmp_path)
    with pytest.raises(GateError, match=why):
        write(tmp_path / place, b"new")
    assert names(tmp_path) == before
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert (tmp_path / "closed").read_bytes() == b"kept"


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "name", ["x" * 255, "图" * 85, "e\u0301" * 80, "\U0001f469\u200d\U0001f680", " . ", "a\nb\x1b[2J"]
)
def test_any_name_that_the_system_takes(name: str, tmp_path: Path) -> None:
    assert names(write(tmp_path / name, b"x").parent) == [name]
    assert write(tmp_path / os.fsdecode(b"\xff\xfe"), b"x").read_bytes() == b"x"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files without a name are a thing of Linux")
def test_a_process_that_is_killed_leaves_nothing(
    number: int, tmp_path: Path, usual_signals: Callable[[], None]
) -> None:
    program = (
        "import sys, time; from pathlib import Path; from vit_attention.records.writing import write\n"
        "write(Path(sys.argv[1]), lambda out: (out.write(bytes(1 << 20)), print('half', flush=True), time.sleep(60)))"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "file")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    job = subprocess.Popen(words, cwd=ROOT, preexec_fn=usual_signals, **pipes)
    assert job.stdout is not None
    assert job.stdout.readline() == b"half\n"
    job.send_signal(number)
    began = time.monotonic()
    job.wait(20)
    assert time.monotonic() - began < 10
    assert names(tmp_path) == []
