"""Reads a lesson (Markdown with YAML front matter) and refuses one that lacks a part."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "lessons"
CHECK_KINDS = ("choice", "number")


class LessonError(ValueError):
    """A lesson file lacks a part or has one of the wrong kind."""


@dataclass(frozen=True)
class Prediction:
    """A guess to make before the reveal; `finding` names the one whose answer is one of `options`."""

    question: str
    options: tuple[str, ...]
    finding: str


@dataclass(frozen=True)
class Check:
    """A question graded from the live numbers.

    Attributes:
        question: what is asked.
        kind: "choice" (the finding's answer is one of `options`) or "number".
        options: what can be chosen; for choices alone.
        unit: of the number asked for, or "".
        tolerance: how far a number may be off and still count, in that unit.
        finding: name of the one that knows the answer.
    """

    question: str
    kind: str
    finding: str
    options: tuple[str, ...] = ()
    unit: str = ""
    tolerance: float = 0.0


@dataclass(frozen=True)
class Claim:
    """A sentence that is often said, what to do to test it here, and the finding that gives the numbers."""

    text: str
    test: str
    finding: str


@dataclass(frozen=True)
class Lesson:
    """One lesson, ready to be shown.

    Attributes:
        name: file name without number and ending; equals the page's.
        title, order, minutes: as in the front matter.
        objectives: what the reader can do afterwards.
        sections: heading to Markdown, in the order of the file; "The idea" and "Do this" are always there.
        prediction, check, claims, glossary, references: see their classes.
    """

    name: str
    title: str
    order: int
    minutes: int
    objectives: tuple[str, ...]
    sections: Mapping[str, str]
    prediction: Prediction
    check: Check
    claims: tuple[Claim, ...]
    glossary: Mapping[str, str]
    references: tuple[str, ...]


def parse(text: str, name: str) -> Lesson:
    """The lesson in `text`.

    Raises:
        LessonError: a part is missing, empty or of the wrong kind; names it.
    """
    pieces = text.split("---\n", 2)
    if len(pieces) != 3 or pieces[0].strip():
        raise LessonError(f"{name}: want front matter between two lines of ---")
    front = yaml.safe_load(pieces[1])
    sections = _sections(pieces[2])
    try:
        lesson = _lesson(front, sections, name)
    except (KeyError, TypeError) as error:
        raise LessonError(f"{name}: front matter lacks {error}") from error
    _require(lesson)
    return lesson


def _lesson(front: Any, sections: dict[str, str], name: str) -> Lesson:
    guess, check = front["predict"], dict(front["check"])
    check["options"] = tuple(str(o) for o in check.get("options", ()))
    return Lesson(
        name=name,
        title=str(front["title"]),
        order=int(front["order"]),
        minutes=int(front["minutes"]),
        objectives=tuple(front["objectives"]),
        sections=sections,
        prediction=Prediction(guess["question"], tuple(str(o) for o in guess["options"]), guess["finding"]),
        check=Check(**check),
        claims=tuple(Claim(**claim) for claim in front["claims"]),
        glossary=dict(front["glossary"]),
        references=tuple(front["references"]),
    )


def _sections(body: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in ("\n" + body).split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        found[heading.strip()] = text.strip()
    return found


def _require(lesson: Lesson) -> None:
    for heading in ("The idea", "Do this"):
        if not lesson.sections.get(heading):
            raise LessonError(f"{lesson.name}: want a section '## {heading}' with text")
    if lesson.check.kind not in CHECK_KINDS:
        raise LessonError(f"{lesson.name}: check kind: want one of {CHECK_KINDS}, got {lesson.check.kind!r}")
    if lesson.check.kind == "choice" and len(lesson.check.options) < 2:
        raise LessonError(f"{lesson.name}: a choice needs at least two options")
    for part in ("objectives", "claims", "glossary", "references"):
        if not getattr(lesson, part):
            raise LessonError(f"{lesson.name}: {part} are empty")
    texts = [*lesson.glossary.items(), *((c.text, c.test, c.finding) for c in lesson.claims), lesson.references]
    if not all(isinstance(text, str) for group in texts for text in group):
        raise LessonError(f"{lesson.name}: want plain texts; put a text that contains a colon in quotes")
    if len(lesson.prediction.options) < 2:
        raise LessonError(f"{lesson.name}: a prediction needs at least two options")


@lru_cache(maxsize=1)
def lessons() -> dict[str, Lesson]:
    """Every lesson by name, in teaching order."""
    found = [
        parse(path.read_text(encoding="utf-8"), path.stem.split("-", 1)[1]) for path in sorted(FOLDER.glob("*.md"))
    ]
    return {lesson.name: lesson for lesson in sorted(found, key=lambda one: one.order)}
