"""`--outline`: scores of every map in JSON as the library computes them, in every form, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import vit_attention as va
from visualizer import coverage
from vit_attention.cli.app import main
from worlds.photographs import photograph


@pytest.fixture(scope="module")
def record() -> va.AttentionRecord:
    return va.load("scene-vit").attend("coffee")


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["visualize", "coffee", "--model", "scene-vit", "--layer", "11", *words])
    return done.exit_code, done.stdout, done.stderr


def test_a_named_outline_a_box_a_polygon_and_a_mask_score_alike(
    record: va.AttentionRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cup = photograph("coffee").outlines["cup"].mask()
    Image.fromarray(cup).save("mask.png")
    box = np.zeros((400, 600), bool)
    box[100:300, 60:360] = True
    texts = {"cup": cup, "mask.png": cup, "60,100,360,300": box, "10%,100 360,100 360,75% 60,300": box}
    values = record.maps[11].weights[:, 0, 1:].mean(axis=0).reshape(14, 14)
    for text, mask in texts.items():
        code, out, _ = run("--outline", text, "--json")
        assert code == 0
        scores = {one["name"]: one for one in json.loads(out)["results"][0]["maps"][0]["scores"]}
        assert list(scores) == ["map", "chance", "centre prior", "colour contrast"]
        expected = float(coverage(values, mask, record.geometry))
        assert scores["map"]["inside"] == pytest.approx(expected, abs=1e-6)


def test_scores_are_told_in_a_sentence_and_the_outline_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, plain, _ = run("--output", "plain")
    code, out, err = run("--output", "outlined", "--outline", "spoon")
    assert code == 0
    assert "coffee, layer 11: " in err
    assert "% inside spoon (chance " in err
    first, second = (np.asarray(Image.open(text.splitlines()[0])) for text in (plain, out))
    assert (first != second).any()
    assert "crosses itself" in run("--outline", "150,50 400,350 400,50 150,350")[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plate", "want one of cup and saucer, cup, coffee, saucer, spoon (outlines of coffee), a mask file"),
        ("0,0,601,10", "want points inside the picture, 600 x 400 pixels, got (601, 0)"),
        ("1,2,3", 'want "left,top,right,bottom" or'),
        ("1,2 3,4", "at least 3 corners"),
        ("notes.txt", "notes.txt: want"),
    ],
)
def test_what_is_no_outline_is_refused(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("no picture")
    code, out, err = run("--outline", text)
    assert code in (1, 2)
    assert said in err
    assert "Traceback" not in err
    assert out == ""
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["notes.txt"]


def test_a_picture_without_outlines_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 30), "teal").save("plain.png")
    done = CliRunner().invoke(
        main, ["visualize", "plain.png", "coffee", "--model", "scene-vit", "--layer", "1", "--truth"]
    )
    assert done.exit_code == 0
    assert "plain.png: nobody has outlined anything in it" in done.stderr
    assert "coffee: nobody" not in done.stderr
