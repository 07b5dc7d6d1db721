"""--target: classes and similarities, refused once for all inputs where no input can have them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from vit_attention.cli import loading
from vit_attention.cli.app import main
from vit_attention.cli.errors import ChoiceError
from vit_attention.records import AttentionRecord, Similar
from worlds.scenes import scene

NO_CLASSES: Any = SimpleNamespace(classes=(), signals={"target"}, card=SimpleNamespace(name="dino"))


def test_a_similarity_is_drawn_and_kept(tmp_path: Path) -> None:
    scene(3).picture.save(tmp_path / "cat.png")
    for number, target in enumerate(("similar@2,3:6,8", f"similar:{tmp_path / 'cat.png'}@6,8")):
        out = tmp_path / str(number)
        line = ["extract", "scene-7", "--model", "scene-vit", "--target", target, "--output", str(out)]
        assert CliRunner().invoke(main, line).exit_code == 0
        kept = AttentionRecord.load(out / "scene-7.npz")
        assert kept.settings["target"] == target.replace(f"{tmp_path}/", "")
        line = ["visualize", str(out / "scene-7.npz"), "--method", "relevance", "--output", str(out)]
        assert CliRunner().invoke(main, line).exit_code == 0
        assert [one.name for one in out.glob("attn_map*")] == ["attn_map_layer_11_relevance.png"]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("similar:missing.png", "Error: --target: missing.png: want an existing file"),
        ("similar:", "Error: --target: want similar:ROW,COLUMN"),
        ("similar:class", "Error: --target: want two tokens to compare"),
    ],
)
def test_what_no_input_can_have_is_told_once(tmp_path: Path, target: str, why: str) -> None:
    line = ["extract", "scene-7", "scene-8", "--model", "scene-vit", "--target", target, "--output", str(tmp_path)]
    done = CliRunner().invoke(main, line)
    assert done.exit_code == 2
    assert " ".join(done.output.split()).count(why) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_classes_takes_similarities_alone() -> None:
    assert loading.target(NO_CLASSES, "similar:6,8") == Similar((6, 8))
    with pytest.raises(
        ChoiceError, match=r"--target: want a similarity, such as similar:6,8 .*, got 'star'. dino has no"
    ):
        loading.target(NO_CLASSES, "star")
    words = SimpleNamespace(classes=(), signals=set(), card=SimpleNamespace(name="reader"))
    with pytest.raises(ChoiceError, match=r"--target: want none, got 'similar:6,8'. reader has no classes"):
        loading.target(words, "similar:6,8")


def test_a_word_of_a_caption_is_drawn_and_filmed_by_relevance(tmp_path: Path) -> None:
    line = ["visualize", "scene-7", "--model", "scene-aoanet", "--method", "relevance", "--film", "gif", "--bundle"]
    done = CliRunner().invoke(main, [*line, "--target", "ring", "--output", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    assert {"film_relevance.gif", "attn_map_layer_2_relevance.png"} <= {one.name for one in tmp_path.iterdir()}
    assert 'relevance from layer 1 for token 2 \\"ring\\"' in done.output
    assert "mean over all tokens" not in done.output
    assert AttentionRecord.load(next(tmp_path.glob("*.npz"))).prediction.target == 2
    wrong = CliRunner().invoke(main, [*line, "--target", "star", "--output", str(tmp_path)])
    assert wrong.exit_code == 1
    assert (
        "target: want a token's number from 0 to 3, or a text that was said (a green ring), got 'star'" in wrong.output
    )


def test_a_text_of_a_dual_encoder_wants_pictures_and_no_patch(tmp_path: Path) -> None:
    line = ["visualize", "--text", "a green ring", "--model", "scene-clip", "--method", "attnlrp"]
    done = CliRunner().invoke(main, [*line, "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert "--target: want pictures beside the text" in done.output
    assert "similar" not in done.output
