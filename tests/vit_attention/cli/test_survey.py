"""`survey`: what it prints, what it leaves, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from visualizer.method import methods
from vit_attention.cli.app import main
from vit_attention.cli.guard import StoppedError, guarded
from vit_attention.gate import GateError
from vit_attention.surveying.folder import Folder
from vit_attention.surveying.plan import plan
from worlds.scenes import scene


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["survey", *map(str, arguments)])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(2):
        scene(n).picture.save(folder / f"{n}.png")
    return folder


def test_a_survey_says_where_it_is_and_what_was_measured(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["anything", "survey", "two words", "--json"])
    found = run(photos, "--model", "scene-vit", "--out", tmp_path / "out", "--measures", "entropy,self", "--json")
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert (said["pictures"], said["shards"], said["done"], said["failed"]) == (2, 1, 1, [])
    table = pd.read_parquet(tmp_path / "out" / "heads")
    assert list(table.columns) == ["picture", "layer", "head", "entropy", "self_share"]
    assert len(table) == 2 * 144
    assert (
        json.loads((tmp_path / "out" / "manifest.json").read_text())["command"]
        == "vit-attention survey 'two words' --json"
    )


def test_damaged_pictures_end_it_with_1_and_are_named_with_the_reason(photos: Path, tmp_path: Path) -> None:
    (photos / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n damaged")
    found = run(photos, "--model", "scene-vit", "--out", tmp_path / "out")
    assert found.exit_code == 1
    assert "1.png: picture: want" in found.stderr
    assert "1 pictures measured; 1 could not be read; 1 of 1 shards are there." in found.stderr


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (StoppedError(15), 143)])
def test_a_run_that_is_stopped_says_how_it_goes_on(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stop: BaseException,
    code: int,
) -> None:
    keep, arguments = Folder.keep, ["survey", str(photos), "--model", "scene-vit", "--out", str(tmp_path / "out")]

    def stopped(self: Folder, number: int, *more: Any) -> None:
        if number == 1:
            raise stop
        keep(self, number, *more)

    monkeypatch.setattr(Folder, "keep", stopped)
    assert guarded(lambda: main([*arguments, "--shard-size", "1"], standalone_mode=False)) == code
    assert "1 of 2 shards are there; the same command goes on with the others.\n" in capsys.readouterr().err
    monkeypatch.undo()
    assert main([*arguments, "--shard-size", "1"], standalone_mode=False) is None
    assert "2 pictures measured; 2 of 2 shards are there." in capsys.readouterr().err


def test_a_dry_run_writes_nothing_and_says_how_long_and_how_much(photos: Path, tmp_path: Path) -> None:
    found = run(photos, "--model", "scene-vit", "--out", tmp_path / "out", "--dry-run", "--json")
    assert found.exit_code == 0, found.output
    said = json.loads(found.stdout)
    assert (said["pictures"], said["shards"], said["measured"]) == (2, 1, 2)
    assert said["seconds"] > 0
    assert said["bytes"] > 144 * 12  # three numbers of four bytes a head, however well they are packed
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--measures", "entropie"], "measures: want one of entropy"),
        (["--shard", "0/2"], "shard: want i/n"),
        (["--target", "dog"], "dog"),
        (["--methods", "rolout"], "methods: want one of"),
        (["--methods", "masking"], "got masking, which asks about a patch of one picture or about a text"),
        (["--workers", "4", "--address", "auto"], "--address, --workers: want --engine ray, got --engine local"),
    ],
)
def test_what_is_wrong_with_the_command_is_said(photos: Path, tmp_path: Path, arguments: list[str], text: str) -> None:
    found = CliRunner().invoke(
        main, ["survey", str(photos), "--model", "scene-vit", "--out", str(tmp_path / "out"), *arguments]
    )
    assert found.exit_code != 0
    assert text in (str(found.exception) + found.output)
    assert not (tmp_path / "out").exists()


def test_help_names_the_methods_that_are_accepted() -> None:
    said = " ".join(run("--help").output.split())
    listed = said.partition("at their default parameters: ")[2].partition(".")[0].replace("- ", "-").split(", ")
    for name in methods():
        try:
            plan(methods=[name])
        except GateError:
            assert name not in listed
        else:
            assert name in listed
