"""`--label`: a drawing of every label as the library computes it, films of each, the winner, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import vit_attention as va
from tests.vit_attention.folders import dual_folder, picture
from vit_attention.cli.app import main
from vit_attention.cli.recipe import command

LABELS = ["red ring", "blue square"]
GIVEN = [word for label in LABELS for word in ("--label", label)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("dual")
    dual_folder(here / "model")
    picture().save(here / "noise.png")
    return here


def run(folder: Path, *words: str) -> tuple[int, dict, str]:
    asked = ["visualize", str(folder / "noise.png"), "--model", str(folder / "model"), "--json", *words]
    done = CliRunner().invoke(main, asked)
    return done.exit_code, json.loads(done.stdout) if done.exit_code == 0 else {}, done.stderr


def test_every_label_of_every_layer_is_drawn_and_saved_as_the_library_has_it(folder: Path, tmp_path: Path) -> None:
    more = ("--method", "value-value", "--depth", "2", "--layer", "1-2", "--save-raw", "--output", str(tmp_path))
    code, said, _ = run(folder, *GIVEN, *more)
    assert code == 0
    made = sorted(path.name for path in tmp_path.glob("heatmap*"))
    assert made == [
        f"heatmap_layer_{layer}_value_value_label_{n}_{label.replace(' ', '_')}.png"
        for layer in (1, 2)
        for n, label in enumerate(LABELS)
    ]
    assert [one["layer"] for one in said["results"][0]["maps"]] == [1, 1, 2, 2]
    assert said["results"][0]["maps"][3]["shows"].startswith('similarity to "blue square"')
    model = va.load(f"hf:{folder / 'model'}")
    wanted = model.labels(picture(), LABELS, layer=1, method="value-value", depth=2)
    assert wanted.shape == (2, 4, 4)
    saved = np.load(tmp_path / "attn_raw_layer_1.npy")  # of the first label drawn
    np.testing.assert_allclose(saved[0, 0, 0, 1:].reshape(4, 4), wanted[0], atol=1e-6)


def test_labels_are_the_classes_of_the_record(folder: Path, tmp_path: Path) -> None:
    code, said, _ = run(folder, *GIVEN, "--target", "blue square", "--method", "relevance", "--output", str(tmp_path))
    assert code == 0
    classes = said["results"][0]["classes"]
    assert sorted(one["class"] for one in classes) == sorted(LABELS)
    assert sum(one["probability"] for one in classes) == pytest.approx(1)
    assert "for the class blue square" in said["results"][0]["maps"][0]["shows"]


def test_one_label_the_winner_and_a_film_of_each(folder: Path, tmp_path: Path) -> None:
    code, said, _ = run(folder, *GIVEN, "--method", "naive", "--query", "red ring", "--output", str(tmp_path / "one"))
    assert code == 0
    assert len(said["results"][0]["maps"]) == 1
    code, said, _ = run(folder, *GIVEN, "--method", "naive", "--show", "winner", "--output", str(tmp_path / "two"))
    assert code == 0
    assert said["results"][0]["maps"][0]["shows"].startswith("winner of 2 labels")
    more = ("--film", "gif", "--layer", "0-2", "--frame-time", "300", "--output", str(tmp_path / "film"))
    assert run(folder, *GIVEN, "--method", "value", *more)[0] == 0
    films = sorted((tmp_path / "film").glob("*.gif"))
    assert [path.name for path in films] == ["film_value_label_0_red_ring.gif", "film_value_label_1_blue_square.gif"]
    with Image.open(films[0]) as film:
        assert (film.n_frames, film.info["duration"]) == (3, 300)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "naive"], "--label: want texts that naive compares patches with, got none"),
        (["--label", "a", "--label", "a"], "--label: want texts, each once, got 'a' twice"),
        (["--label", " "], "--label: want texts, each once, got ' '"),
        ([*GIVEN, "--method", "naive", "--query", "star"], "want one of the labels red ring, blue square, got star"),
        ([*GIVEN, "--method", "value-value", "--depth", "0"], "--depth"),
        ([*GIVEN, "--target", "star"], "star"),
    ],
)
def test_what_is_refused(folder: Path, tmp_path: Path, words: list[str], said: str) -> None:
    code, _, told = run(folder, *words, "--output", str(tmp_path / "out"))
    assert code == 2
    assert said in told
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_labels_of_a_bundle_stay_as_they_are(folder: Path, tmp_path: Path) -> None:
    kept = run(folder, *GIVEN, "--method", "naive", "--bundle", "--output", str(tmp_path / "kept"))[1]
    saved = next(file for file in kept["results"][0]["files"] if file.endswith(".npz"))
    asked = ["visualize", saved, "--method", "naive", "--label", "star", "--output", str(tmp_path / "again"), "--json"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0
    assert "Bundles are drawn as they were saved; --model, --label" in done.stderr
    assert [one["name"] for one in json.loads(done.stdout)["results"][0]["maps"]] == [
        one["name"] for one in kept["results"][0]["maps"]
    ]


def test_a_model_without_texts_takes_no_label(tmp_path: Path) -> None:
    asked = ["visualize", "scene-7", "--model", "scene-vit", "--label", "ring", "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 2
    assert "--label: want a model of pictures and texts" in done.stderr


def test_the_command_that_pages_hand_out_repeats_labels() -> None:
    line = command("scene-clip", "scene-7", method="value-value", labels=("red ring", "-x"), class_independent="remove")
    assert line == (
        "python -m vit_attention visualize scene-7 --model scene-clip --method value-value --label 'red ring' --label=-x "
        "--class-independent remove"
    )
