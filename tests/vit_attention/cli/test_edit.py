"""--edit: the model is given the edited picture, whatever kind of model it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import vit_attention as va
from vit_attention.cli.app import main
from vit_attention.cli.recipe import command
from vit_attention.inputs.edited import edited
from worlds.scenes import scene


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, list(words))
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("more", "how"),
    [
        (["--edit-with", "blur"], {"way": "blur"}),
        (["--edit-with", "move", "--edit-shift=0,-2"], {"way": "move", "shift": (0, -2)}),
        (["--edit-with", "rotate", "--edit-turn", "90"], {"way": "rotate", "quarters": 1}),
    ],
)
def test_the_record_is_that_of_the_edited_picture(tmp_path: Path, more: list[str], how: dict[str, object]) -> None:
    code, said = run(
        "extract", "scene-7", "--model", "scene-vit", "--edit", "100-103,115", *more, "--output", str(tmp_path)
    )
    assert code == 0, said
    found = va.AttentionRecord.load(tmp_path / "scene-7.npz")
    image = edited(scene(7).picture, None, (14, 14), [100, 101, 102, 103, 115], **how)  # type: ignore[arg-type]
    want = va.load("scene-vit").attend(image)
    np.testing.assert_allclose(found.maps[-1].weights, want.maps[-1].weights, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--edit", "196"], "numbers from 0 to 195"),
        (["--edit", "1", "--edit-with", "paste"], "a picture to paste from"),
        (["--edit", "1", "--edit-shift", "left"], "down,right"),
        (["--edit", "1", "--edit-with", "melt"], "melt"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, words: list[str], message: str) -> None:
    code, said = run("extract", "scene-7", "--model", "scene-vit", *words, "--output", str(tmp_path))
    assert code != 0
    assert message in said


def test_a_recipe_carries_the_edit() -> None:
    line = command("scene-vit", "scene-7", edit="3-5,17", edit_with="move", edit_shift=(0, 3))
    assert line.endswith("--edit 3-5,17 --edit-with move --edit-shift 0,3")
    assert "--edit" not in command("scene-vit", "scene-7", edit=None, edit_with="mean", edit_shift=(0, 0))
