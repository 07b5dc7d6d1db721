"""The answers before and after the lessons on vision transformers, by hand and on the twins' own two pictures."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.tutorials.findings.hand import context, everywhere, rows
from tutorials.findings import finding, twins_learn
from tutorials.findings.context import Context, Picture, Selection
from tutorials.lessons import lessons
from vit_attention import load
from worlds.photographs import photographs

TWINS = {name: one.twin for name, one in lessons().items() if one.twin and "twins_learn" in one.twin.finding}
QUICK = [
    (name, picture)
    for name, twin in TWINS.items()
    for picture in (twin.before, twin.after)
    if name != "heads"  # six more runs of the model, on seats checked by hand
]


@pytest.mark.parametrize(("model", "share"), [("vit-b-16", 0.164), ("scene-vit", 0.196), ("photo-dino", 0.161)])
def test_half_of_the_heads_is_half_of_four_square_matrices(model: str, share: float) -> None:
    # Four matrices of width x width in each of 12 layers: 768, 144 and 384 wide.
    found = twins_learn.half_of_the_heads(SimpleNamespace(model=model, run=None))  # type: ignore[arg-type]
    assert found.answer == twins_learn.QUARTER
    assert f"about {share:.0%}" in found.text


def test_focus_by_hand() -> None:
    # Ten heads, so that the tenth is one head: the sharpest reads patch 1, the object is patch 0.
    even, on_object, beside = everywhere([0, 1, 1, 1, 1]), everywhere([0, 5, 1, 1, 1]), everywhere([0, 0, 1, 0, 0])
    mask = [[1, 0], [0, 0]]
    away = context([np.stack([beside, on_object, *[even] * 8])], (2, 2), mask)
    assert twins_learn.focused_on_object(away).answer == twins_learn.FEW
    there = context([np.stack([everywhere([0, 1, 0, 0, 0]), beside * 0 + even, *[even] * 8])], (2, 2), mask)
    assert twins_learn.focused_on_object(there).answer == twins_learn.MOST
    assert twins_learn.focused_on_object(context([rows([1, 1, 1, 1, 1])[None].repeat(5, 1)], (2, 2))).answer is None


@cache
def looked(picture: str, model: str, layer: int, row: int, column: int, patch: bool, head: int | None) -> Context:
    shown = Picture.photograph(picture) if picture in photographs() else Picture.drawn(picture)
    record = load(model).attend(shown.image, half=True)
    axis = record.maps[0].query
    query = axis.prefix + row * (axis.grid or (1, 1))[1] + column if patch else 0
    return Context(model, shown, record, Selection(layer, head, query, row, column, ()))


@pytest.mark.parametrize(("name", "picture"), QUICK)
def test_the_twins_pictures_have_an_answer_among_the_options(name: str, picture: str) -> None:
    twin = TWINS[name]
    given: dict[str, Any] = dict(twin.set)
    if name == "model":
        now: Any = SimpleNamespace(model=picture, run=None)
    else:
        head = given.get("head", "mean")
        now = looked(
            picture,
            given.get("model", "scene-vit"),
            given.get("layer", 10) - 1,
            given.get("row", 7) - 1,
            given.get("column", 7) - 1,
            given.get("ask") == "patch",
            None if head == "mean" else int(head) - 1,
        )
    answer = finding(twin.finding)(now).answer
    assert answer
    assert set(answer if isinstance(answer, tuple) else (answer,)) <= set(twin.options)
