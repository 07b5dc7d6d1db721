"""`--beside`: a text compared with pictures on the command line, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import vit_attention as va
from tests.vit_attention.folders import picture
from visualizer import methods
from vit_attention.cli.app import main
from vit_attention.cli.recipe import sentence_command

TEXT = "a red ring"


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["visualize", *words])
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def test_the_record_is_the_library_s(tmp_path: Path) -> None:
    picture().save(tmp_path / "noise.png")
    beside, file = ("scene-7", str(tmp_path / "noise.png")), tmp_path / "text.npz"
    given = [word for one in beside for word in ("--beside", one)]
    more = ("--target", "picture 2", "--method", "relevance", "--mode", "bundle", "--output_file", str(file))
    code, said = run("--text", TEXT, "--model", "scene-clip", *given, *more)
    assert code == 0, said
    found = methods()["relevance"](va.AttentionRecord.load(file))
    needs = methods()["relevance"].needs
    record = va.load("scene-clip").attend(TEXT, pictures=["scene-7", Path(beside[1])], target="picture 2", keep=needs)
    expected = methods()["relevance"](record)
    np.testing.assert_allclose(found.row, expected.row, rtol=1e-5, atol=1e-9)
    other = methods()["relevance"](va.load("scene-clip").attend(TEXT, pictures=["scene-7"], target=0, keep=needs))
    assert not np.allclose(found.row, other.row, rtol=0.01), "negative control: another picture"


def test_a_figure_is_drawn_by_the_line_that_is_copied(tmp_path: Path) -> None:
    line = sentence_command(TEXT, "scene-clip", beside=("scene-7", "scene-8"), method="relevance", target=1)
    expected = "--text 'a red ring' --model scene-clip --beside scene-7 --beside scene-8 --method relevance --target 1"
    assert line == f"python -m vit_attention visualize {expected}"
    file = tmp_path / "bars.svg"
    code, said = run(*line.replace("'a red ring'", "ring").split()[4:], "--output_file", str(file))
    assert code == 0, said
    assert file.read_text().count("<svg") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--text", TEXT, "--model", "review-encoder", "--beside", "scene-7"),
            "such as scene-clip, got review-encoder",
        ),
        (("--text", TEXT, "--model", "scene-clip", "--beside", "nowhere.png"), "--beside: "),
        (("--text", TEXT, "--model", "scene-clip", "--beside", ""), "got an empty text"),
        (("--text", TEXT, "--model", "scene-clip", "--beside", "scene-7", "--target", "picture 2"), "picture 2"),
        (("scene-7", "--model", "scene-clip", "--beside", "scene-8"), "--beside is about a sentence"),
        (("--input_file", "a.npz", "--beside", "scene-8"), "--beside: want --text"),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_sentence(words: tuple[str, ...], message: str) -> None:
    code, said = run(*words)
    assert code == 2
    assert message in " ".join(said.split())


def test_many_texts_are_compared_with_pictures() -> None:
    model = va.load("scene-clip")
    texts = [TEXT, "a blue square", "a green star"]
    found = [one.prediction.scores for one in model.attend_many(texts, pictures=["scene-7", "scene-8"], batch=2)]
    expected = [model.attend(text, pictures=["scene-7", "scene-8"]).prediction.scores for text in texts]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert found[0].shape == (2,)
