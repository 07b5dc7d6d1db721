"""`judge`: the numbers of the library in words, JSON and CSV, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import vit_attention as va
from vit_attention.cli.app import main

SHORT = ("--steps", "2", "--baseline", "mean", "--no-controls", "--no-road")


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["judge", *words])
    return done.exit_code, done.stdout, done.stderr


def test_the_table_is_what_the_library_measures(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    asked = ("scene-7", "--model", "scene-vit", "--method", "raw", "--layer", "10", "--class", "moon", *SHORT)
    code, out, _ = run(*asked, "--csv", str(file))
    assert code == 0
    found = va.faithfulness(
        va.load("scene-vit"),
        "scene-7",
        "raw",
        layer=10,
        target="moon",
        steps=2,
        baselines=["mean"],
        controls=False,
        road=False,
    )
    (row,) = csv.DictReader(file.open(encoding="utf-8"))
    assert (row["input"], row["about"], row["order"]) == ("scene-7", "the class moon", "map")
    deletion, insertion = found.curve("deletion").auc, found.curve("insertion").auc
    assert float(row["deletion AUC, mean"]) == pytest.approx(deletion, abs=1e-6)
    assert float(row["insertion AUC, mean"]) == pytest.approx(insertion, abs=1e-6)
    assert f"{100 * deletion:.1f} %" in out
    assert out.startswith("scene-7: probability of the class moon\n")
    assert "4 for the map" in out  # the whole, half in both ways, and nothing of it
    code, out, _ = run(*asked, "--json")
    (result,) = json.loads(out)["results"]
    assert result["curves"][0]["draws"][0] == pytest.approx(found.curve("deletion").scores.tolist(), abs=1e-6)
    assert result["passes"] == {"map": 4}


def test_a_sentence_and_a_similarity() -> None:
    code, out, _ = run(
        "--text", "The soup was not good.", "--model", "review-encoder", "--method", "masking", *SHORT[:2]
    )
    assert code == 0
    assert "random order (mean of 5)" in out
    assert "untrained network" in out
    code, out, _ = run("coffee", "--model", "photo-dino", "--target", "similar:6,8", *SHORT)
    assert code == 0
    assert out.startswith("coffee: the similarity of the class token to patch (6, 8)\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "IMAGE or --text"),
        (("scene-7", "--text", "a", "--model", "scene-vit"), "got both"),
        (("scene-7", "--model", "scene-vit", "--class", "unicorn"), "unicorn"),
        (("scene-7", "--model", "scene-vit", "--layer", "44"), "--layer"),
        (("scene-7", "--model", "scene-vit", "--method", "naive"), "--"),
        (("scene-7", "--model", "scene-vit", "--steps", "0"), "--steps"),
        (("scene-7",), "--model"),
    ],
)
def test_what_is_wrong_with_the_command_is_said(words: tuple[str, ...], said: str) -> None:
    code, _, error = run(*words)
    assert code == 2
    assert said in error
    assert "Traceback" not in error


def test_an_input_that_fails_is_reported_and_the_others_are_judged(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    code, out, error = run(str(tmp_path / "bad.png"), "scene-7", "--model", "scene-vit", *SHORT)
    assert code == 1
    assert "bad.png" in error
    assert "scene-7: probability" in out
    code, _, error = run("coffee", "--model", "photo-dino", *SHORT)
    assert code == 1
    assert "no classes" in error
