"""Options that change nothing beside the others are said, and what is needed for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vit_attention.cli.app import main

COMMAND = ("visualize", "scene-7", "--model", "scene-vit", "--layer", "11")


def idle(*arguments: object) -> list[str]:
    found: Any = CliRunner().invoke(main, [*map(str, arguments)])
    assert found.exit_code == 0, found.output
    return [line for line in found.stderr.splitlines() if " does nothing " in line]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--clip", 90], ["--clip does nothing without --scale clipped."]),
        (["--clip", 90, "--scale", "clipped"], []),
        (["--scale-to", 1], ["--scale-to does nothing without --scale shared."]),
        (["--frame-time", 90], ["--frame-time does nothing without --film."]),
        (["--edit-turn", 90], ["--edit-turn does nothing without --edit-with rotate."]),
        (["--edit-turn", 90, "--edit-with", "rotate"], [f"{a} does nothing without --edit." for a in ("--edit-with", "--edit-turn")]),
        (["--edit-turn", 90, "--edit-with", "rotate", "--edit", 3], []),
        (["--edit-seed", 1, "--edit", 3], ["--edit-seed does nothing without --edit-with shuffle or exchange."]),
        (["--method", "rollout", "--residual", 0.4], []),
        (["--window", 3], ["--window does nothing with --method raw; it belongs to occlusion."]),
    ],
)  # fmt: skip
def test_an_option_that_changes_nothing_is_said(tmp_path: Path, options: list[Any], said: list[str]) -> None:
    assert sorted(idle(*COMMAND, "--output", tmp_path, *options)) == sorted(said)


def test_of_a_judgement_the_seed_is_its_own(tmp_path: Path) -> None:
    quick = ("--no-controls", "--no-road", "--steps", 1, "--baseline", "zero", "--seed", 1, "--layer", 11)
    assert idle("judge", "scene-7", "--model", "scene-vit", "--method", "raw", *quick) == []
    said = ["--window does nothing with --method raw; it belongs to occlusion."]
    assert idle("judge", "scene-7", "--model", "scene-vit", "--method", "raw", *quick, "--window", 2) == said


def test_a_bundle_of_an_unchanged_picture_says_so(tmp_path: Path) -> None:
    found = idle("extract", "scene-7", "--model", "scene-vit", "--output", tmp_path, "--edit-shift", "1,1")
    assert found == ["--edit-shift does nothing without --edit-with move."]
