"""`visualize --film`: which layers, how fast, and what makes no film."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from tests.visualizer.texts import by_hand, text_record
from vit_attention.cli.app import main

LOOK = ("--width", "64", "--output", "out")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def visualize(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["visualize", "scene-7", "--model", "scene-vit", *LOOK, *words])
    return done.exit_code, done.output


def drawings() -> list[str]:
    return sorted(path.name for path in Path("out").glob("attn_map*"))


@pytest.mark.parametrize(
    ("words", "name", "layers", "beside"),
    [
        (("--layer", "9-11"), "film_raw.gif", 3, 3),
        (("--method", "rollout", "--layer", "3-11"), "film_rollout.gif", 9, 1),
        (("--method", "rollout-so-far"), "film_rollout_so_far.gif", 12, 1),
        (("--method", "relevance", "--layer", "0-1"), "film_relevance.gif", 2, 1),
    ],
)
def test_a_film_stands_beside_the_drawings(words: tuple[str, ...], name: str, layers: int, beside: int) -> None:
    code, said = visualize(*words, "--film", "gif", "--frame-time", "120")
    assert code == 0, said
    with Image.open(Path("out") / name) as film:
        assert (film.n_frames, film.info["duration"]) == (layers, 120)  # type: ignore[attr-defined]
    assert len(drawings()) == beside


def test_every_chosen_head_has_a_film() -> None:
    code, said = visualize("--layer", "10-11", "--head", "0,3", "--film", "webp", "--query", "6,8")
    assert code == 0, said
    assert sorted(path.name for path in Path("out").glob("film*")) == ["film_raw_head_0.webp", "film_raw_head_3.webp"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "occlusion"), "--film: want a method that can stop at a layer, and occlusion has no layers"),
        (("--query", "each"), "--film: leave --query each out"),
        (("--scale-to", "1"), "--film: leave --scale-to out"),
        (("--frame-time", "5"), "'--frame-time'"),
        (("--layer", "12"), "--layer: want numbers of 0 to 11, got 12"),
        (("--film", "mp4"), "'--film'"),
    ],
)
def test_what_makes_no_film_is_told_and_leaves_nothing(words: tuple[str, ...], message: str) -> None:
    code, said = visualize("--film", "gif", *words)
    assert code == 2
    assert message in said
    assert not list(Path().rglob("*.*"))


def of_text(*words: str) -> tuple[int, str]:
    text_record(by_hand()).save(Path("a.npz"))
    done = CliRunner().invoke(main, ["visualize", "--input_file", "a.npz", "--output_file", "out/a.png", *words])
    return done.exit_code, done.output


@pytest.mark.parametrize("more", [(), ("--words",), ("--words", "--without-special"), ("--without-special",)])
def test_a_film_of_a_sentence_stands_beside_its_figure(more: tuple[str, ...]) -> None:
    Path("out").mkdir()
    code, said = of_text("--method", "rollout", "--query", "not", "--film", "gif", "--layer", "0-1", *more)
    assert code == 0, said
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "film_rollout.gif"]
    with Image.open("out/film_rollout.gif") as film:
        assert film.n_frames == 2  # type: ignore[attr-defined]


def test_what_makes_no_film_of_a_sentence_is_told() -> None:
    code, said = of_text("--method", "masking", "--film", "gif")
    assert code == 2
    assert "--film: want a method that can stop at a layer, and masking has no layers" in said
