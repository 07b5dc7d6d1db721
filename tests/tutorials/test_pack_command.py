"""`python -m tutorials.pack`: where its files can't be written it says so before the work, and in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tutorials.pack import __main__ as command


def run(monkeypatch: pytest.MonkeyPatch, out: Path) -> tuple[int, str]:
    monkeypatch.setattr(command, "packed", lambda lesson, *_, **__: {f"{lesson.name}/a.html": b"a"})
    done = CliRunner().invoke(command.main, ["rollout", "--out", str(out)])
    return done.exit_code, done.output


def test_files_lie_where_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, said = run(monkeypatch, tmp_path / "new")
    file = tmp_path / "new" / "rollout" / "a.html"
    assert (code, said.splitlines()[-1], file.read_bytes()) == (0, str(file), b"a")


def test_a_folder_below_a_file_is_refused_before_the_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, said = run(monkeypatch, tmp_path / "file" / "pack")
    assert code == 2
    assert "want a folder, got" in said
    assert "takes about" not in said


def test_a_file_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "rollout" / "a.html").mkdir(parents=True)
    code, said = run(monkeypatch, tmp_path)
    assert code == 1
    assert "Error: a.html: want" in said
