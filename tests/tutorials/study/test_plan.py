"""The study plan: its commands run and print what stands behind them, and its table has the columns of the files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from tutorials.study.__main__ import main
from tutorials.study.answers import COLUMNS
from tutorials.study.simulated import files
from tutorials.study.size import power

PLAN = (Path(__file__).resolve().parents[3] / "docs" / "study.md").read_text("utf-8")
COMMANDS = re.findall(r"^python -m tutorials\.study (.*)$", PLAN, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_plan_runs_and_says_what_stands_behind_it(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, folder in enumerate(("FOLDER", "OTHER")):
        (tmp_path / folder).mkdir()
        for name, data in files(5, seed).items():
            (tmp_path / folder / name).write_bytes(data)
    words, _, said = line.partition("#")
    done = CliRunner().invoke(main, shlex.split(words))
    assert done.exit_code == 0, done.output
    assert ("larger than in the control group" in done.output) == ("--control" in words)
    if "--size" in words:
        assert said.strip()
        assert done.output.startswith(said.strip())


def test_the_plan_has_as_many_commands_as_it_speaks_of() -> None:
    assert len(COMMANDS) >= 6


def test_the_table_names_every_column_in_its_order() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PLAN, re.MULTILINE)
    assert tuple(name for row in rows for name in re.findall(r"`(\w+)`", row)) == COLUMNS


def test_what_a_class_of_thirty_finds() -> None:
    (said,) = re.findall(r"finds such a change in (\d+) of 100", PLAN)
    assert power(30, 0.30, 0.05) == pytest.approx(int(said) / 100, abs=0.005)
