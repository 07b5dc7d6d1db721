"""Every lesson has every part, and every finding it refers to exists and gives an answer the lesson can show."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest

from tutorials.findings import Context, finding
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Picture, Selection
from tutorials.findings.page import Document, Inside, Reading
from tutorials.lessons import FOLDER, Lesson, LessonError, lessons, parse
from vit_attention import load

ALL = list(lessons().values())


def context(seed: int, objects: int, head: int | None) -> Context:
    picture = Picture.drawn(f"scene-{seed}-{objects}-50")
    record = load("scene-vit").attend(picture.image, half=True)
    return Context("scene-vit", picture, record, Selection(9, head, 0, 6, 6, ()))


@cache
def of_pictures() -> list[Any]:
    return [context(7, 1, None), context(24, 2, 3)]


@cache
def of_readings() -> list[Any]:
    made = []
    for name, layer, head in (("receipt-3-3", None, None), ("form-1", 3, 2)):
        page = Document.drawn(name)
        record = load("receipt-donut").attend(page.image, prompt=page.prompt)
        made.append(Reading("receipt-donut", page, record, layer, head, 4))
    return made


@cache
def of_windows() -> list[Any]:
    model, page = load("receipt-donut"), Document.drawn("receipt-3-3")
    geometry = model.prepare(page.image).geometry
    return [
        Inside(model.card.name, page, model.stages(), stage, block, head, (0.3, 0.4), geometry, page.image)
        for stage, block, head in ((2, 1, None), (0, 0, 1))
    ]


@cache
def of_captions() -> list[Any]:
    made: list[Any] = []
    for name, head, word in (("scene-6-2-50", None, 1), ("scene-4-1-50", 2, 2)):
        picture = Picture.drawn(name)
        made.append(Captioning("scene-aoanet", picture, load("scene-aoanet").attend(picture.image), head, word))
    return made


def contexts(lesson: Lesson) -> list[Any]:
    """What a lesson's findings are given: by the module they live in."""
    own = {"reading": of_readings, "fields": of_readings, "swin": of_windows, "captions": of_captions}
    return own.get(lesson.name, of_pictures)()


def named(lesson: Lesson) -> list[str]:
    return [lesson.prediction.finding, lesson.check.finding, *(c.finding for c in lesson.claims)]


@pytest.mark.parametrize("lesson", ALL, ids=lambda one: one.name)
def test_every_finding_gives_an_answer_that_fits(lesson: Lesson) -> None:
    for now in contexts(lesson):
        guess = finding(lesson.prediction.finding)(now)
        right = guess.answer if isinstance(guess.answer, tuple) else (str(guess.answer),)
        assert right, lesson.name
        assert set(right) <= set(lesson.prediction.options), (lesson.name, guess.answer)
        check = finding(lesson.check.finding)(now)
        if lesson.check.kind == "number":
            assert np.isfinite(float(check.answer)), lesson.name  # type: ignore[arg-type]
        else:
            options = check.answer if isinstance(check.answer, tuple) else (str(check.answer),)
            assert set(options) <= set(lesson.check.options)
        for claim in lesson.claims:
            found = finding(claim.finding)(now)
            assert found.answer is None or isinstance(found.answer, (bool, np.bool_)), claim.finding
            assert found.answer is None or re.search(r"\d", found.text), (
                f"{claim.finding} shows no number: {found.text}"
            )
        for text in (guess.text, check.text):
            assert re.search(r"\d", text), text


@pytest.mark.parametrize("lesson", ALL, ids=lambda one: one.name)
def test_lessons_are_whole(lesson: Lesson) -> None:
    assert len(lesson.claims) >= 3
    assert len(set(named(lesson))) >= 4
    assert 5 <= lesson.minutes <= 30
    assert any("arXiv" in r for r in lesson.references)


GOOD = next(FOLDER.glob("*.md")).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("---\n", "", 1), "front matter"),
        (("## The idea", "## An idea", 1), "want a section '## The idea'"),
        (("objectives:", "goals:", 1), "lacks 'objectives'"),
        (("kind: number", "kind: essay", 1), "check kind"),
        (("references:\n", "references:\n  - a: b\n", 1), "in quotes"),
    ],
)
def test_a_lesson_that_lacks_a_part_is_refused(change: tuple[str, str, int], message: str) -> None:
    text = GOOD.replace("kind: choice", "kind: number")
    assert change[0] in text
    with pytest.raises(LessonError, match=message):
        parse(text.replace(*change), "broken")
