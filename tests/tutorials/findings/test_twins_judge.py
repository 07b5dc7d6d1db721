"""Answers to the questions around the lessons that judge maps, from numbers made by hand or by brute force."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import twins_judge
from tutorials.findings.context import Context, Picture, Selection
from tutorials.findings.standings import boards
from vit_attention import load
from vit_attention.inputs.edited import edited

GRID = (2, 2)
EVEN = everywhere([1, 1, 1, 1, 1])[None]
TO_ONE = everywhere([0, 1, 0, 0, 0])[None]
TO_FOUR = everywhere([0, 0, 0, 0, 1])[None]


@pytest.mark.parametrize(("first", "where"), [(TO_ONE, twins_judge.LAST), (TO_FOUR, twins_judge.FIRST)])
def test_the_narrowest_layer_of_the_middle_patch(first: np.ndarray, where: str) -> None:
    """Of 2 x 2 patches the first is in the middle; read by all in layer 1 it ties at 1, read by none it has its skip connection."""
    found = twins_judge.narrow_layer(context([first, EVEN, EVEN], GRID, np.eye(2)))
    assert found.answer == where
    assert ("1.000 can flow" if where == twins_judge.LAST else "0.500 can flow") in found.text
    headless = context([everywhere([1, 1, 1, 1])[None]] * 3, GRID, special=())
    assert twins_judge.narrow_layer(headless).answer is None


def of(name: str) -> Context:
    picture = Picture.drawn(name) if name.startswith("scene") else Picture.photograph(name)
    record = load("scene-vit").attend(picture.image)
    return Context("scene-vit", picture, record, Selection(0, None, 0, 0, 0, ()))


@pytest.mark.parametrize("name", ["scene-1", "scene-18"])
def test_a_blurred_object_is_what_the_model_says_of_the_blurred_picture(name: str) -> None:
    now, model = of(name), load("scene-vit")
    assert now.picture.scene is not None
    shape = now.picture.scene.things[0].shape
    covered = now.picture.scene.mask.reshape(14, -1, 14, now.picture.scene.mask.shape[1] // 14).any(axis=(1, 3))
    said = model.classify(edited(now.picture.image, now.record.geometry, now.grid, np.flatnonzero(covered), "blur"))
    assert max(model.classify(now.picture.image).items(), key=lambda one: one[1])[0] == shape
    likeliest, chance = max(said.items(), key=lambda one: one[1])
    wanted = twins_judge.SAME if likeliest == shape else twins_judge.OTHER
    assert twins_judge.blurred(now).answer == (wanted if chance >= 0.5 else twins_judge.NONE)


@pytest.mark.parametrize(
    ("costs", "answer"),
    [
        ([3, 1, 2], twins_judge.MOST),
        ([1, 3, 2], twins_judge.NEITHER),
        ([1, 2, 3], twins_judge.LEAST),
    ],
)
def test_the_head_that_costs_most(costs: list[float], answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three heads the first looks most at the object and the last looks least."""
    monkeypatch.setattr(twins_judge.heads_off, "on_object", lambda now, layer: np.array([0.9, 0.5, 0.1]))
    monkeypatch.setattr(twins_judge.heads_off, "of_layer", lambda now: np.array(costs, float))
    assert twins_judge.dearest_head(of("scene-1")).answer == answer


@pytest.mark.parametrize(
    ("row", "every", "answer"),
    [(0.3, 0.9, "Each of the two"), (0.01, 0.9, "The second alone"), (0.01, 0.02, "Neither of the two")],
)
def test_what_moves_the_answer(row: float, every: float, answer: str) -> None:
    def run(work: Any, model: str, picture: Any, runs: Any, *more: Any) -> np.ndarray:
        return np.array([row if one.layers == (9,) and one.queries == (0,) else every for one, _ in runs])

    now = context([EVEN] * 12, GRID, np.eye(2))
    assert twins_judge.rests_on_rows(Context(now.model, now.picture, now.record, now.chosen, run)).answer == answer


def test_others_are_as_good_if_their_interval_reaches_the_first() -> None:
    for name, board in boards().items():
        rows = sorted((one for one in board.rows if one.kind == "method"), key=lambda one: -one.hit.value)
        many = sum(one.hit.high >= rows[0].hit.value for one in rows) - 1
        wanted = twins_judge.LEADER if many == 0 else twins_judge.FEW if many < 3 else twins_judge.MANY
        assert twins_judge.as_good(SimpleNamespace(model=name)).answer == wanted


def test_a_photograph_without_outlines_cannot_be_asked() -> None:
    now = of("galaxies")
    for one in (twins_judge.absent_class, twins_judge.blurred, twins_judge.dearest_head):
        assert one(now).answer is None
