"""What a seat of a class looks at in a lesson: where it begins, and what is asked about before and after it."""

from typing import NamedTuple

from tutorials.lessons import Lesson
from worlds.seats import seated


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
    names = (lesson.picture, twin.before, twin.after) if twin else (lesson.picture, "", "")
    return Seating(*(seated(name, student) if student else name for name in names))
