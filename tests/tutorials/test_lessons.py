"""Every lesson has every part, and every finding it refers to exists and gives an answer the lesson can show."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest

from tutorials import lessons as course
from tutorials.findings import Context, finding
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Picture, Run, Selection, anew
from tutorials.findings.page import Document, Inside, Reading
from tutorials.lessons import FOLDER, Claim, Lesson, LessonError, Misconception, Question, glossary, lessons, parse
from vit_attention import load
from worlds.sentences import sentence

ALL = list(lessons().values())


def keeping() -> Run:
    """A run that keeps what came out: several findings ask for the same maps, some of which take seconds."""
    kept: dict[Any, Any] = {}

    def run(work: Any, model: str, picture: Any, *args: Any, **given: Any) -> Any:
        key = (work, model, picture and picture.key, repr(args))
        if key not in kept:
            kept[key] = anew(work, model, picture, *args, **given)
        return kept[key]

    return run


def context(seed: int, objects: int, head: int | None) -> Context:
    picture = Picture.drawn(f"scene-{seed}-{objects}-50")
    record = load("scene-vit").attend(picture.image, half=True)
    return Context("scene-vit", picture, record, Selection(9, head, 0, 6, 6, ()), keeping())


@cache
def of_pictures() -> list[Any]:
    return [context(7, 1, None), context(24, 2, 3)]


@cache
def of_labels() -> list[Any]:
    model, chosen = load("scene-clip"), Selection(9, None, 0, 6, 6, ())
    scenes = [Picture.drawn(f"scene-{seed}") for seed in (7, 24)]
    return [Context("scene-clip", one, model.attend(one.image, half=True), chosen) for one in scenes]


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


@cache
def of_reviews() -> list[Any]:
    model, made = load("review-encoder"), []
    for seed, head in ((7, None), (8, 2)):
        picture = Picture.sentence(sentence(seed).text, sentence(seed))
        record = model.attend(picture.text, half=True)
        made.append(Context("review-encoder", picture, record, Selection(3, head, 0, 0, 0, ())))
    return made


OF = {
    **dict.fromkeys(("asking", "labels", "towers"), of_labels),
    "reading": of_readings,
    "fields": of_readings,
    "swin": of_windows,
    "captions": of_captions,
    "refiner": of_captions,
    "sentence": of_reviews,
    "padding": of_reviews,
}
"""What findings are given, by the module they live in; those that are not named here are about pictures."""


def contexts(name: str) -> list[Any]:
    return OF.get(name.partition(".")[0], of_pictures)()


QUESTIONS = [pytest.param(one, id=f"{lesson.name}: {one.finding}") for lesson in ALL for one in lesson.questions]
CLAIMS = [pytest.param(one, id=f"{lesson.name}: {one.finding}") for lesson in ALL for one in lesson.claims]


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_is_answered_by_one_of_its_options_or_a_number(question: Question) -> None:
    for now in contexts(question.finding):
        found = finding(question.finding)(now)
        assert re.search(r"\d", found.text), found.text
        if found.answer is None:
            continue  # what cannot be told here is said
        if question.options:
            right = found.answer if isinstance(found.answer, tuple) else (str(found.answer),)
            assert set(right) <= set(question.options), found.answer
            assert right
        else:
            assert np.isfinite(float(found.answer))


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_is_answered_with_a_number(claim: Claim) -> None:
    for now in contexts(claim.finding):
        found = finding(claim.finding)(now)
        assert found.answer is None or isinstance(found.answer, (bool, np.bool_)), claim.finding
        assert found.answer is None or re.search(r"\d", found.text), f"{claim.finding}: {found.text}"


@pytest.mark.parametrize("lesson", ALL, ids=lambda one: one.name)
def test_lessons_are_whole(lesson: Lesson) -> None:
    assert 5 <= len(lesson.steps) <= 12
    assert lesson.questions, "a lesson asks"
    assert 5 <= lesson.minutes <= 30
    assert any("arXiv" in r for r in lesson.references)
    assert any(heading.startswith("For the teacher") for heading in lesson.sections)
    assert len({step.title for step in lesson.steps}) == len(lesson.steps)
    if lesson.claims:
        assert lesson.other, "what is claimed can be tried on another kind of picture"
    for question in lesson.questions:
        assert question.hint, question.finding


@pytest.mark.parametrize("lesson", ALL, ids=lambda one: one.name)
def test_english_is_a_textbooks(lesson: Lesson) -> None:
    text = (FOLDER / f"{lesson.name}.md").read_text(encoding="utf-8")
    for wrong in (
        "take off",
        "Who asks?",
        "pixels far",
        "everywhere alike",
        "cannot be told",
        "Not here",
        "about 0.0 %",
    ):
        assert wrong not in text, wrong


def test_every_term_of_the_glossary_is_used_and_explained_once() -> None:
    assert {term for lesson in ALL for term in lesson.glossary} == set(glossary())
    for term, meaning in glossary().items():
        assert not meaning.endswith("."), term


GOOD = """---
title: One
minutes: 5
story: Once.
objectives: [see]
other: scene-7
difference: None.
steps:
  - title: A step
    view: map
    text: Some words and $x$.
    check: {question: "How many?", finding: heads.most_local, hint: Count.}
glossary: [token]
references: [A paper]
---
## Careful
Mind.
"""


def test_a_small_lesson_is_read() -> None:
    lesson = parse(GOOD, "one")
    assert lesson.steps[0].check == Question("How many?", "heads.most_local", "Count.")
    assert lesson.sections == {"Careful": "Mind."}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("---\n", "", 1), "front matter"),
        (("objectives:", "goals:", 1), "lacks 'objectives'"),
        (("story: Once.", "story: ''", 1), "story missing or empty"),
        (("Some words", "word " * 91, 1), "want a text of 1 to 90 words, got 93"),
        (("    check:", "    do: Look.\n    check:", 1), "at most one of do, predict, check and claim"),
        (("hint: Count.", "hint: Count., options: [one]", 1), "a choice needs at least two options"),
        (("difference: None.", "", 1), "both other and difference"),
        (("[token]", "[tokens of no lesson]", 1), "front matter lacks"),
        (("[A paper]", "[{a: b}]", 1), "plain texts"),
        (("hint: Count.", "tip: Count.", 1), "front matter lacks"),
    ],
)
def test_a_lesson_that_lacks_a_part_is_refused(change: tuple[str, str, int], message: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(LessonError, match=message):
        parse(GOOD.replace(*change), "broken")


TWIN = """
twin:
  misconception: bright is important
  question: Which patch matters?
  options: [The brightest, The dullest, No one knows]
  finding: heads.most_local
  view: map
  set: {layer: 3}
  before: scene-7
  after: scene-24
trap: They look at colours.
plan:
  - {steps: [1, 1], minutes: 5, ask: "What?", expect: "That."}
---
"""


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Misconception:
    one = Misconception("bright is important", "What is bright matters.", "Brightness is weight.")
    monkeypatch.setattr(course, "misconceptions", lambda: {one.name: one})
    return one


def test_the_question_before_and_after_is_read_with_what_a_teacher_needs(known: Misconception) -> None:
    lesson = parse(GOOD.replace("\n---\n", TWIN), "one")
    assert lesson.twin is not None
    assert (lesson.twin.misconception, lesson.twin.before, lesson.twin.after) == (known, "scene-7", "scene-24")
    assert lesson.twin.asked.options == ("The brightest", "The dullest", "No one knows")
    assert lesson.twin.set == {"layer": 3}
    assert lesson.trap == "They look at colours."
    assert [(one.first, one.last, one.minutes, one.expect) for one in lesson.plan] == [(1, 1, 5, "That.")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("bright is important", "nobody believes this"), "misconception 'nobody believes this'"),
        (("after: scene-24", "after: scene-7"), "want after to be another picture"),
        (("The dullest", "The brightest"), "all different"),
        (("[The brightest, The dullest, No one knows]", "[The brightest]"), "at least two options"),
        (("Which patch matters?", "''"), "question missing"),
        (("  view: map", "  views: map"), "front matter lacks"),
        (("[1, 1]", "[1, 2]"), "want every step from 1 to 1 once"),
        (("minutes: 5, ask", "minutes: 4, ask"), "want minutes that sum to 5, got 4"),
        (("steps: [1, 1]", "steps: 1"), "front matter lacks"),
    ],
)
def test_a_broken_twin_or_plan_is_refused(change: tuple[str, str], message: str, known: Misconception) -> None:
    assert known.name in TWIN
    assert change[0] in TWIN
    with pytest.raises(LessonError, match=message):
        parse(GOOD.replace("\n---\n", TWIN.replace(*change)), "broken")


EVERY_LESSON_HAS_THEM = False
"""Whether every lesson must have a question before and after, a trap and a plan."""


@pytest.mark.skipif(not EVERY_LESSON_HAS_THEM, reason="lessons still lack a twin question, a trap or a plan")
@pytest.mark.parametrize("lesson", ALL, ids=lambda one: one.name)
def test_every_lesson_has_a_question_before_and_after_a_trap_and_a_plan(lesson: Lesson) -> None:
    assert lesson.twin is not None
    assert lesson.trap
    assert lesson.plan
    finding(lesson.twin.finding)
