"""The answer key of a lesson from live numbers: for every seat its own pictures, and what the page says to each question there."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tutorials.claims.many import once_loaded
from tutorials.findings import Finding, finding
from tutorials.findings.context import Run
from tutorials.lessons import Lesson, Question
from tutorials.seating import seating
from tutorials.views import Set, model_of, thing_of, view
from worlds.seats import MOST


class Asked(NamedTuple):
    """A question of a lesson where a seat meets it.

    Attributes:
        step: 0 before the lesson, one more than the last after it.
        kind: "before", "guess", "check" or "after".
        question: what is asked.
        given: what the step sets.
        thing: what is looked at.
    """

    step: int
    kind: str
    question: Question
    given: Set
    thing: str


class Solved(NamedTuple):
    """A line of the key: a question, what is looked at there, and what the finding says.

    Attributes:
        seat: number of it; 0 for a class without seats.
        step, kind, question: as in `Asked`; the question in words.
        model, looked_at: what was asked, and about what; "" for a model alone.
        answer: the option or the number that is right; "" where it cannot be tested.
        text: why, with the numbers.
    """

    seat: int
    step: int
    kind: str
    question: str
    model: str
    looked_at: str
    answer: str
    text: str


COLUMNS = Solved._fields


def asked(lesson: Lesson, seat: int = 0) -> Iterator[Asked]:
    """Every question of a lesson in order, as the seat meets it; 0 for the lesson's own pictures."""

    at, twin = seating(lesson, seat), lesson.twin
    if twin:
        yield Asked(0, "before", twin.asked, twin.set, at.before)
    for number, step in enumerate(lesson.steps, start=1):
        for kind, question in (("guess", step.predict), ("check", step.check)):
            if question:
                yield Asked(number, kind, question, step.set, thing_of(step.set, at.first))
    if twin:
        yield Asked(len(lesson.steps) + 1, "after", twin.asked, twin.set, at.after)


class Key:
    """Keys of a lesson, seat by seat; what every seat shares is computed once.

    Args:
        lesson: whose key.
        run: how models are run; None loads the model for this key and keeps no records.
    """

    def __init__(self, lesson: Lesson, run: Run | None = None) -> None:
        self.lesson, self.run = lesson, run or once_loaded()
        self._kept: dict[tuple[str, str, str], Finding] = {}

    def of(self, seat: int = 0) -> list[Solved]:
        """The lines of one seat."""
        now: tuple[Any, Any] = (None, None)  # the last view alone: a record takes up to 23 MB
        lines = []
        for one in asked(self.lesson, seat):
            shown = (one.thing, repr(dict(one.given)))
            kept = (one.question.finding, *(one.question.about or shown))
            if kept not in self._kept:
                if now[0] != shown:
                    now = (shown, view(self.lesson.name, one.given, one.thing, self.run))
                self._kept[kept] = finding(one.question.finding)(now[1])
            lines.append(self._line(seat, one, self._kept[kept]))
        return lines

    def _line(self, seat: int, one: Asked, found: Finding) -> Solved:
        page = self.lesson.name
        thing, model = one.question.about or (one.thing, model_of(page, one.given, one.thing))
        said = (one.question.question, model, thing if thing != model else "", answer(found), found.text)
        return Solved(seat, one.step, one.kind, *said)


def answer(found: Finding) -> str:
    """What is right, in words; "" where it cannot be tested.

    >>> answer(Finding(("Blue", "Red"), "A tie.")), answer(Finding(2.0, "Two.")), answer(Finding(None, "Nobody knows."))
    ('Blue; Red', '2', '')
    """
    if isinstance(found.answer, tuple):
        return "; ".join(found.answer)
    if isinstance(found.answer, float):
        return f"{found.answer:.4g}"
    return "" if found.answer is None else str(found.answer)


def seats(text: str) -> tuple[int, ...]:
    """Numbers of seats as they are typed: one, or from-to.

    Raises:
        ValueError: says what is wanted.

    >>> seats("1-3"), seats("17")
    ((1, 2, 3), (17,))
    """
    first, _, last = text.strip().partition("-")
    parts = (first.strip(), (last or first).strip())
    if not all(part.isascii() and part.isdecimal() and len(part) < 4 for part in parts):
        raise ValueError(f"seats: want numbers from 1 to {MOST} such as 1-30, got {text[:40]!r}")
    low, high = map(int, parts)
    if not 1 <= low <= high <= MOST:
        raise ValueError(f"seats: want numbers from 1 to {MOST}, the smaller one first, got {text[:40]!r}")
    return tuple(range(low, high + 1))


def of_seats(key: Key, numbers: Sequence[int], progress: Callable[[int, int], object] | None = None) -> list[Solved]:
    """The lines of many seats; `progress` is called before the first and after each with (done, of how many)."""
    lines: list[Solved] = []
    for done, number in enumerate(numbers):
        if progress:
            progress(done, len(numbers))
        lines += key.of(number)
    if progress:
        progress(len(numbers), len(numbers))
    return lines
