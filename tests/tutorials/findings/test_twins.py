"""Questions before and after: each lesson's own two pictures give an answer, and the view and picture that they name exist."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tutorials.findings import finding
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Context, Picture, Selection
from tutorials.lessons import Lesson, lessons
from vit_attention import load
from worlds.sentences import sentence

MODELS = {"captions": "scene-aoanet", "refiner": "scene-aoanet", "asking": "scene-clip", "sentence": "review-encoder"}
ROOT = Path(__file__).parents[3]
OURS = ("twins_speech.", "twins_judge.")
ASKED = [one for one in lessons().values() if one.twin is not None and one.twin.finding.startswith(OURS)]
MISLED = {
    "asking": "That of the true label alone",
    "captions": "On both things",
    "cover": "No class, since none reaches half",
    "cut": "All of the layers together",
    "explanation": "Each of the two",
    "leaderboard": "None: the first is the best",
    "refiner": "Each of the two",
    "relevance": "Nowhere, since the map is empty",
    "sanity": "None of the three",
    "sentence": "It turns into the other one",
    "trial": "The one that looks most at it",
}
"""What somebody chooses who believes the misconception."""


def opened(name: str) -> Picture:
    if name.startswith("sentence-"):
        made = sentence(int(name.removeprefix("sentence-")))
        return Picture.sentence(made.text, made)
    return Picture.drawn(name)


@cache
def looked(lesson: str, name: str) -> Any:
    if lesson == "leaderboard":
        return SimpleNamespace(model=name)
    model = load(MODELS.get(lesson, "scene-vit"))
    picture = opened(name)
    record = model.attend(picture.given, half=True)
    if MODELS.get(lesson) == "scene-aoanet":
        return Captioning("scene-aoanet", picture, record, None, 0)
    return Context(model.card.name, picture, record, Selection(len(record.maps) - 1, None, 0, 0, 0, ()))


@pytest.mark.parametrize("which", ["before", "after"])
@pytest.mark.parametrize("lesson", ASKED, ids=lambda one: one.name)
def test_both_pictures_have_an_answer_that_is_not_the_misconceptions(lesson: Lesson, which: str) -> None:
    assert lesson.twin is not None
    found = finding(lesson.twin.finding)(looked(lesson.name, getattr(lesson.twin, which)))
    assert found.answer in set(lesson.twin.options) - {MISLED[lesson.name]}
    assert MISLED[lesson.name] in lesson.twin.options
    assert re.search(r"\d", found.text), found.text


@pytest.mark.parametrize("lesson", ASKED, ids=lambda one: one.name)
def test_the_view_is_one_of_the_page(lesson: Lesson) -> None:
    assert lesson.twin is not None
    wing = re.search(r'"(ui\.[\w.]+)"', (ROOT / "pages" / f"{lesson.name}.py").read_text())
    assert wing
    assert lesson.twin.view in importlib.import_module(wing[1]).PAGE.views
    assert lesson.twin.view in {step.view for step in lesson.steps}, "a figure that the lesson explains"


def test_every_lesson_that_reads_or_judges_has_its_own_misconception() -> None:
    names = [one.twin.misconception.name for one in ASKED if one.twin]
    assert len({*names}) == len(names) == len(MISLED)
