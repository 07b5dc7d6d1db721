"""Labels on patches: scores and claims on similarities made by hand, and the model's own on a scene."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import vit_attention as va
from tests.tutorials.findings.hand import context, everywhere
from tutorials.claims.many import on_one
from tutorials.findings import asking, labelled, towers
from tutorials.findings.context import Context, Picture, Selection, anew
from tutorials.findings.labelled import Named
from tutorials.findings.labels import LabelLayers
from worlds.scenes import Scene, Thing

GRID = (2, 3)
RING = np.array([[True, True, False], [False, False, False]])
STAR = np.array([[False, False, False], [False, False, True]])


def look(*things: tuple[str, str, np.ndarray], **maps: Any) -> Context:
    """A scene of these things under a model whose maps of labels, in the order of asking, are given by method."""
    now = context([[everywhere([1] * 7)]], GRID, RING)
    fine = [(colour, shape, np.kron(mask, np.ones((8, 8), bool))) for colour, shape, mask in things]
    scene = Scene(now.picture.scene.pixels, tuple(Thing(s, c, m, (0, 0, 1, 1), 1.0) for c, s, m in fine), 0, 0.5)

    def run(work: Any, model: str, picture: Any, labels: tuple[str, ...], method: str = "naive") -> LabelLayers:
        given = np.asarray(maps[method.replace("-", "_")], np.float64)
        kept = np.zeros((len(labels), *GRID))
        kept[: len(given)] = given[: len(labels)]
        return LabelLayers(labels, np.zeros((1, len(labels))), kept[None])

    return replace(now, picture=replace(now.picture, scene=scene), run=run)


ON = [[0.9, 0.2, -0.5], [0.0, 0.1, 0.3]]
"""Highest on the ring's first patch; its two patches sum to 1.1 of 1.5 positive."""
BESIDE = [[-0.2, 0.0, 0.6], [0.2, 0.2, 0.2]]
RED = ("red", "ring", RING)


def test_scores_are_those_of_the_definition() -> None:
    found = labelled.scored(np.array(ON), Named("red ring", RING.astype(float), ~RING))
    assert found.hit
    assert found.share == pytest.approx(1.1 / 1.5)
    assert found.chance == pytest.approx(2 / 6)
    assert found.gap == pytest.approx((0.9 + 0.2) / 2 - (-0.5 + 0.0 + 0.1 + 0.3) / 4)
    nothing = labelled.scored(-np.ones(GRID), Named("red ring", np.ones(GRID), np.zeros(GRID, bool)))
    assert np.isnan(nothing.share)
    assert np.isnan(nothing.gap)


def test_a_map_points_and_is_not_inverted_or_the_other_way_round() -> None:
    assert asking.points_at_what_it_names(look(RED, naive=[ON])).answer is True
    assert asking.naive_is_inverted(look(RED, naive=[ON])).answer is False
    assert asking.where_it_is_high(look(RED, naive=[ON])).answer == asking.HIGHER
    assert asking.points_at_what_it_names(look(RED, naive=[BESIDE])).answer is False
    inverted = asking.naive_is_inverted(look(RED, naive=[BESIDE]))
    assert inverted.answer is True
    assert "0.400 less similar" in inverted.text  # (-0.2 + 0.0) / 2 against (0.6 + 3 x 0.2) / 4
    assert asking.where_it_is_high(look(RED, naive=[BESIDE])).answer == asking.LOWER
    assert asking.where_it_is_high(look(RED, naive=[np.full(GRID, 0.3)])).answer == asking.SAME


def test_the_label_asked_about_is_the_one_that_counts() -> None:
    star = ("blue", "star", STAR)
    now = replace(look(RED, star, naive=[[[0, 0, 0], [0, 0, 1]]]), label="a blue star")
    assert asking.points_at_what_it_names(now).answer is True
    assert asking.points_at_what_it_names(replace(now, label="a green moon")).answer is False  # the first thing's then


def test_the_path_with_the_larger_share_wins() -> None:
    wide = [[0.9, 0.2, 0.5], [0.5, 0.5, 0.5]]
    assert asking.value_value_gathers_more(look(RED, naive=[wide], value_value=[ON])).answer is True
    said = asking.value_value_gathers_more(look(RED, naive=[ON], value_value=[wide]))
    assert said.answer is False
    assert "naive 73.3% (2.2 x chance)" in said.text
    assert asking.value_value_gathers_more(look(RED, naive=[ON], value_value=[-np.ones(GRID)])).answer is None


def test_labels_divide_the_patches_if_nine_in_ten_are_won_rightly() -> None:
    star = ("blue", "star", STAR)
    right = look(RED, star, naive=[RING, STAR, 0.5 * RING, 0.5 * STAR])
    assert asking.labels_divide_the_patches(right).answer is True
    wrong = asking.labels_divide_the_patches(look(RED, star, naive=[RING, STAR, 2 * RING, 0 * STAR]))
    assert wrong.answer is False
    assert "Of 3 patches that an object covers by more than half, 1 (33%)" in wrong.text


def test_wrong_labels_are_wrong() -> None:
    for seed in range(20):
        scene = Picture.drawn(f"scene-{seed}").scene
        assert scene is not None
        for thing in scene.things:
            colour, shape = labelled.wrong_shape(scene, thing).split()
            assert colour == thing.colour
            assert shape not in {one.shape for one in scene.things}
        colour, shape = labelled.absent(scene).split()
        assert not {colour, shape} & {word for thing in scene.things for word in (thing.colour, thing.shape)}


def test_controls_have_their_own_maps() -> None:
    now = look(RED, naive=[ON, BESIDE, ON], value_value=[BESIDE])
    names = ("points_at_what_it_names", "value_value_gathers_more", "labels_divide_the_patches")
    found = on_one({name: getattr(asking, name) for name in names}, {"": now}, {})
    points = found["points_at_what_it_names"]
    assert (points[""], points[asking.WRONG_SHAPE.name], points[asking.ABSENT.name]) == (True, False, True)
    assert {"colour contrast", "blobs", "centre"} < set(points)
    assert points["centre"] is True  # of 2 x 3 patches the two in the middle are equal, and the first lies on the ring
    swapped = [asking.EITHER.change(now, np.random.default_rng(seed)) for seed in range(8)]
    assert {asking.value_value_gathers_more(one).answer for one in swapped} == {True, False}
    mixed = [asking.LABELS.change(now, np.random.default_rng(seed)) for seed in range(8)]
    assert {asking.labels_divide_the_patches(one).answer for one in mixed} == {True, False}


def test_a_picture_without_outlines_cannot_be_tested() -> None:
    now = context([[everywhere([1] * 7)]], GRID)
    for one in (asking.points_at_what_it_names, asking.naive_is_inverted, asking.value_value_gathers_more):
        assert one(now).answer is None
    assert asking.labels_divide_the_patches(now).answer is None
    assert towers.who_names_them_all(now).answer is None


def chosen(name: str, label: str = "") -> Context:
    model, picture = va.load("scene-clip"), Picture.drawn(name)
    return Context(
        "scene-clip", picture, model.attend(picture.image), Selection(9, None, 0, 6, 6, ()), anew, label=label
    )


def test_classes_and_labels_are_those_of_the_models() -> None:
    now = chosen("scene-24")
    classes, told = towers.both_told(now)
    assert classes.names[:2] == ("circle", "triangle")
    said = va.load("scene-vit").classify(now.picture.image)
    assert classes.names[0] == max(said, key=lambda name: said[name])
    wanted = va.load("scene-clip").similarity([now.picture.image], sorted(told.names))[0]
    assert told.names[0] == sorted(told.names)[int(wanted.argmax())]
    assert sum(told.shares) == pytest.approx(1, abs=1e-4)
    assert towers.who_names_them_all(now).answer == towers.BOTH


def test_the_words_of_a_label_are_read_as_transformers_reads_them() -> None:
    model = va.load("scene-clip")
    found = towers.words_read(model, Picture.sentence("yellow circle"))
    assert found.names[1:3] == ("yellow", "circle")
    network = model.module.text_model
    network.config._attn_implementation = "eager"
    try:
        ids = model.text.prepare("yellow circle").ids
        wanted = network(ids, output_attentions=True).attentions
    finally:
        network.config._attn_implementation = "sdpa"
    for own, theirs in zip(found.weights, wanted, strict=True):
        np.testing.assert_allclose(own, theirs[0, :, -1].detach().numpy(), atol=1e-5)
    assert towers.most_read_word(chosen("scene-24")).answer == towers.COLOUR
    row = found.weights[-1].mean(axis=0)
    assert row.argmax() == 1  # "yellow", after the start token


def test_a_model_of_pictures_reads_no_words() -> None:
    with pytest.raises(
        ValueError, match="model: want one that compares pictures with texts, and a text, got scene-vit"
    ):
        towers.words_read(va.load("scene-vit"), Picture.sentence("red ring"))
