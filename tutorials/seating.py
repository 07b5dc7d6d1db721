"""What a seat of a class looks at in a lesson: where it begins, and what is asked about before and after it."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tutorials.lessons import Lesson, Twin
from worlds.seats import seated

TURNS = Path(__file__).with_suffix(".json")
"""By lesson, the pair that its question is about, and for seats 1, 2, ... which turn of the picture after has another right answer than
the one before; `python -m benchmarks.seats` measures it."""


class Seating(NamedTuple):
    """Names as in `worlds.naming`, or of models where a lesson is about one.

    Attributes:
        first: what the lesson begins with; "" where the page knows.
        before, after: what the question before and after it is about; "" without one.
    """

    first: str
    before: str
    after: str


def seating(lesson: Lesson, student: int) -> Seating:
    """What the seat of that number looks at; the lesson's own for 0.

    >>> from tutorials.lessons import lessons
    >>> seating(lessons()["heads"], 0).first, seating(lessons()["heads"], 1).first
    ('coffee', 'rocket')
    """
    twin = lesson.twin
    if not student:
        return Seating(lesson.picture, twin.before, twin.after) if twin else Seating(lesson.picture, "", "")
    first = seated(lesson.picture, student)
    if twin is None:
        return Seating(first, "", "")
    return Seating(first, seated(twin.before, student), seated(twin.after, student, _turn(lesson.name, twin, student)))


def _turn(lesson: str, twin: Twin, student: int) -> int:
    """The measured turn; 0 where nothing was measured of this pair or seat."""
    known = turns().get(lesson, {})
    if (known.get("before"), known.get("after")) != (twin.before, twin.after) or student > len(known["turns"]):
        return 0
    return int(known["turns"][student - 1])


@lru_cache(maxsize=1)
def turns() -> dict[str, Any]:
    """What stands in `TURNS`."""
    found: dict[str, Any] = json.loads(TURNS.read_text("utf-8"))
    return found
