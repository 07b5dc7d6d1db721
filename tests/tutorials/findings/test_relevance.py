"""The findings on maps for a class, on maps made by hand over a drawn scene of two objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tutorials.findings import asked, relevance
from tutorials.findings.context import Context, Picture, Selection
from visualizer.method import Map
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction
from vit_attention.records.geometry import Geometry

CLASSES = ("circle", "star", "triangle")
AXIS = Axis.patches(14, 14, ("class",))


def looking(maps: dict[tuple[str, str], np.ndarray]) -> Context:
    """Scene 24 (a circle and a triangle) under a model whose maps are these, by method and class."""

    def run(work: Any, model: str, picture: Any, name: str, target: str, *args: Any, **given: Any) -> Map:
        return Map(np.concatenate([[0.0], maps[name, target].ravel()]), AXIS, "relevance", name, (), 0)

    even = np.full((1, 197, 197), 1 / 197, np.float32)
    one = AttentionMap(even, "block 0", 0, "self", AXIS, AXIS)
    said = Prediction(CLASSES, np.array([6, -2, 5], np.float32))
    record = AttentionRecord((one,), Geometry.of(224, 224), prediction=said)
    return Context("by-hand", Picture.drawn("scene-24"), record, Selection(0, None, 0, 0, 0, ()), run)


def on(shape: str) -> np.ndarray:
    """A map that is the object's cover."""
    return asked.covers(looking({}))[shape]


def test_a_map_on_its_object_holds_and_exchanged_ones_do_not() -> None:
    right = {("relevance", shape): on(shape) for shape in ("circle", "triangle")}
    found = relevance.on_its_object(looking(right))
    assert found.answer is True
    wrong = {("relevance", "circle"): on("triangle"), ("relevance", "triangle"): on("circle")}
    assert relevance.on_its_object(looking(wrong)).answer is False


@pytest.mark.parametrize("control", [asked.CONTRAST, asked.SHUFFLED], ids=lambda one: one.name)
def test_maps_that_know_nothing_do_not_hold(control: Any) -> None:
    right = {("relevance", shape): on(shape) for shape in ("circle", "triangle")}
    now = control.change(looking(right), np.random.default_rng(0))
    assert relevance.on_its_object(now).answer is False


def test_shares_count_positive_parts_by_how_much_of_a_patch_is_covered() -> None:
    cover = on("circle")
    values = np.where(cover == 1, 3.0, -1.0)
    assert asked.shares(looking({}), values) == {"circle": 1, "triangle": 0}
    assert asked.shares(looking({}), np.ones((14, 14)))["circle"] == pytest.approx(cover.mean())


def test_the_class_of_the_lowest_score_is_nowhere_and_its_map_is_weighed_against_one_that_is_there() -> None:
    for size, holds in ((0.05, True), (0.5, False)):
        now = looking({("relevance", "circle"): on("circle"), ("relevance", "star"): size * on("triangle")})
        assert asked.absent(now) == "star"
        found = relevance.absent_is_empty(now)
        assert found.answer is holds
        assert f"is {size:.0%} of that for the circle" in found.text


def test_plain_gradients_may_miss_five_points() -> None:
    spread = np.full((14, 14), 1e-3)
    for plain, holds in ((on("circle"), True), (spread, False)):
        maps = {("input-gradients", "circle"): plain, ("integrated-gradients", "circle"): on("circle")}
        assert relevance.gradients_suffice(looking(maps)).answer is holds


def test_the_same_patches_by_occlusion_and_by_a_map() -> None:
    down = np.arange(196.0).reshape(14, 14)
    maps = {("occlusion", "circle"): down, ("relevance", "circle"): down**2}
    maps |= {(name, "circle"): -down for name in ("grad-cam", "input-gradients")}
    found = relevance.nearest_to_occlusion(looking(maps))
    assert found.answer == ("Relevance",)
    assert "Relevance 20; Grad-CAM 0" in found.text


def test_a_rule_keeps_the_score_within_a_tenth() -> None:
    now = looking({})
    totals = {"attnlrp": 3.0, "cp-lrp": 5.5}
    run = lambda work, model, picture, name, target: (np.array([totals[name], 6.0]), 6.0)  # noqa: E731
    found = relevance.keeps_the_score(replace(now, run=run))
    assert found.answer == "CP-LRP alone"
    assert "AttnLRP accounts for 3.00 (50%)" in found.text


def test_without_classes_or_two_objects_it_says_so() -> None:
    now = looking({})
    bare = replace(now, record=replace(now.record, prediction=Prediction()))
    for one in (relevance.blind, relevance.keeps_the_score, relevance.nearest_to_occlusion, relevance.absent_is_empty):
        assert one(bare) == asked.NO_CLASSES
    alone = replace(now, picture=Picture.drawn("scene-7-1-50"))
    for one in (relevance.on_its_object, relevance.most_on_object, relevance.gradients_suffice):
        assert one(alone) == asked.TWO_OBJECTS
