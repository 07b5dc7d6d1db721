"""Labels by layer: on similarities made by hand, and against the methods and the model's own answer."""

from __future__ import annotations

import numpy as np
import pytest

import vit_attention as va
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import labels
from tutorials.findings.context import Context, Picture
from tutorials.findings.labels import LabelLayers
from visualizer import methods

TEXTS = ("red ring", "blue star", "green moon")


def test_after_the_last_layer_it_is_the_models_answer_and_in_between_the_methods_map() -> None:
    model, picture = va.load("scene-clip"), Picture.drawn("scene-7")
    found = labels.label_layers(model, picture, TEXTS)
    np.testing.assert_allclose(found.classes[-1], model.similarity([picture.image], TEXTS)[0], atol=1e-5)
    record = model.attend(picture.image, labels=list(TEXTS), keep=methods()["naive"].needs)
    for layer, text in ((4, 1), (11, 0)):
        shown = methods()["naive"](record, layer=layer, query=TEXTS[text]).values
        np.testing.assert_allclose(found.patches[layer, text], shown, atol=1e-5)
    assert found.patch_answers(4).shape == (14, 14)


CLASSES = np.array([[0.1, 0.3, 0.2], [0.4, 0.3, 0.1], [0.2, 0.3, 0.1], [0.5, 0.3, 0.1]])


def by_hand(hits: list[bool], classes: np.ndarray = CLASSES) -> LabelLayers:
    """Four layers on 1 x 2 patches, the first of which is the object."""
    patches = np.zeros((4, 3, 1, 2))
    for layer, hit in enumerate(hits):
        patches[layer, 0, 0] = (1, 0) if hit else (0, 1)
    return LabelLayers(TEXTS, classes, patches)


def test_answers_ranks_and_margins_are_of_the_class_token() -> None:
    found = by_hand([True] * 4)
    assert found.answers() == ("blue star", "red ring", "blue star", "red ring")
    assert found.ranks("red ring").tolist() == [2, 0, 1, 0]
    assert found.margins("red ring") == pytest.approx([-0.2, 0.1, -0.1, 0.2])
    assert found.hits("red ring", np.array([[1.0, 0.0]])).tolist() == [True] * 4


def look(found: LabelLayers) -> Context:
    """The context of a scene whose red ring covers the first of two patches."""
    now = context([[everywhere([1, 1, 1])]], (1, 2), [[True, False]])
    return type(now)(now.model, now.picture, now.record, now.chosen, lambda work, *given: found)


def test_the_first_right_layer_stays_right() -> None:
    found = labels.first_right(look(by_hand([True] * 4)))
    assert found.answer == 4.0  # layer 2 was right by luck
    assert "layer 3: blue star" in found.text
    wrong = labels.first_right(look(by_hand([True] * 4, CLASSES[:3].repeat(2, axis=0)[1:5])))
    assert wrong.answer is None
    assert "not true of the scene (red ring)" in wrong.text
    assert labels.first_right(context([[everywhere([1, 1])]], (1, 1))).answer is None


def test_the_place_may_come_before_the_name() -> None:
    assert labels.place_before_name(look(by_hand([False, True, True, True]))).answer is True
    assert labels.place_before_name(look(by_hand([False, False, False, True]))).answer is False
    never = labels.place_before_name(look(by_hand([True, True, True, False])))
    assert never.answer is False
    assert "lies on the ring in no layer to the end" in never.text
    assert "50.0%" in never.text
    neither = by_hand([False] * 4, CLASSES[[0, 0, 0, 0]])
    assert labels.place_before_name(look(neither)).answer is None


def test_a_model_without_texts_is_refused() -> None:
    with pytest.raises(
        ValueError, match="model: want one that compares pictures with texts, such as scene-clip, got scene-vit"
    ):
        labels.label_layers(va.load("scene-vit"), Picture.drawn("scene-7"))
