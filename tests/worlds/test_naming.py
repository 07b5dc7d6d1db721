"""Names of drawn pictures: what they draw, and what is no name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vit_attention as va
from vit_attention.cli.inputs import by_name
from vit_attention.gate import GateError
from worlds.naming import parse, scene_name
from worlds.receipts import form, receipt
from worlds.scenes import scene
from worlds.sentences import sentence


@pytest.mark.parametrize(
    ("name", "drawn", "title"),
    [
        ("scene-7", lambda: scene(7), "Scene 7"),
        ("scene-6-1-80", lambda: scene(6, 0.8, 1), "Scene 6, 1 object, difficulty 80 %"),
        ("receipt-3-2", lambda: receipt(3, 2), "Receipt 3, articles: 2"),
        ("invented-3-2", lambda: receipt(3, 2, invented=True), "Receipt 3, articles: 2, in words that do not exist"),
        ("form-1", lambda: form(1), "Form 1"),
    ],
)
def test_a_name_draws_the_picture_of_its_world(name: str, drawn: object, title: str) -> None:
    found = parse(name)
    assert found is not None
    assert found.title == title
    expected = np.asarray(drawn().picture)  # type: ignore[operator]
    np.testing.assert_array_equal(np.asarray(found.draw().picture), expected)
    np.testing.assert_array_equal(np.asarray(va.open_picture(name).image), expected)


@pytest.mark.parametrize(
    "name",
    [
        "scene-",
        "scene-x",
        "scene-7-3-50",
        "scene-7-2-101",
        "scene-7-2",
        "receipt-3",
        "receipt-3-6",
        "form-1234567890",
        "Scene-7",
        "scene-7\n",
        " scene-7",
        "scene-٣",
        "",
        "kitten",
        "motorcycle",
    ],
)
def test_what_is_no_name(name: str) -> None:
    assert parse(name) is None


def test_scene_names_are_read_back() -> None:
    for objects, difficulty in ((None, 0.5), (1, 0.0), (2, 0.33), (2, 1.0)):
        name = parse(scene_name(9, objects, difficulty))
        assert name is not None
        assert (name.seed, name.objects, name.difficulty) == (9, objects, round(difficulty * 100))


def test_a_review_has_a_name_and_is_no_picture() -> None:
    found = parse("sentence-7")
    assert found is not None
    assert (found.title, found.draw()) == ("Sentence 7", sentence(7))
    assert by_name("sentence-7") is None
    with pytest.raises(GateError, match="sentence-7"):
        va.open_picture("sentence-7")


def test_a_file_goes_before_a_drawn_picture_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 10), "red").save(tmp_path / "scene-7", "PNG")
    assert va.open_picture("scene-7").image.size == (20, 10)


def test_a_model_takes_a_drawn_picture_by_its_name() -> None:
    model = va.load("scene-vit")
    named, given = model.attend("scene-7"), model.attend(scene(7).picture)
    np.testing.assert_array_equal(named.maps[3].weights, given.maps[3].weights)
