"""What a class was asked, in the lessons' words and order; files and addresses keep the names of findings."""

from collections.abc import Iterable
from typing import TypeVar

from tutorials.lessons import Twin, lessons
from tutorials.study.answers import Answer
from tutorials.study.changes import Change
from ui.frame import table

Told = TypeVar("Told", Change, Answer)


def in_order(some: Iterable[Told]) -> list[Told]:
    """By the lessons' order in the course, where they are about one; others last, in the order that they had."""
    places = {one.name: at for at, one in enumerate(table.lessons())}
    return sorted(some, key=lambda one: places.get(_lesson(one), len(places)))


def title(one: Change | Answer) -> str:
    """The lesson's title."""
    known = lessons().get(_lesson(one))
    return known.title if known else _lesson(one)


def question(one: Change | Answer) -> str:
    """What was asked: the words of the lesson's question, or, of a question that no lesson asks, its name."""
    name = one.name if isinstance(one, Change) else one.question
    twin = _twin(_lesson(one))
    return twin.question if twin and twin.finding == name else name.partition(".")[2].replace("_", " ")


def short(one: Change | Answer) -> str:
    """What a question goes by in a figure and in a menu: the misconception that it is about, or else the lesson's title."""
    return one.misconception or f"{title(one)}: {question(one)}"


def _twin(lesson: str) -> Twin | None:
    known = lessons().get(lesson)
    return known.twin if known else None


def _lesson(one: Change | Answer) -> str:
    """The lesson; of several questions together, the one that is about their misconception."""
    if one.lesson or not one.misconception:
        return one.lesson
    about = (
        name for name, known in lessons().items() if known.twin and known.twin.misconception.name == one.misconception
    )
    return next(about, "")
