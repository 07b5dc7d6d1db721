"""The pairs of pictures of seats: those that were measured are the lessons' own, and their right answers differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tutorials.claims.many import once_loaded
from tutorials.findings import finding
from tutorials.key import answer
from tutorials.lessons import lessons
from tutorials.seating import seating, turns
from tutorials.views import view
from worlds.seats import seated


@pytest.mark.parametrize("name", sorted(turns()))
def test_what_was_measured_is_the_pair_that_the_lesson_asks_about(name: str) -> None:
    twin, known = lessons()[name].twin, turns()[name]
    assert twin is not None
    assert (known["before"], known["after"]) == (twin.before, twin.after), f"run python -m benchmarks.seats {name}"
    assert len(known["turns"]) == 30
    assert {*known["turns"]} <= {*range(5)}


def test_a_turned_seat_has_two_right_answers() -> None:
    lesson, run = lessons()["rollout"], once_loaded()
    assert lesson.twin is not None
    seats = [at for at, turn in enumerate(turns()["rollout"]["turns"], start=1) if turn][:2]
    assert seats
    for seat in seats:
        at = seating(lesson, seat)
        asked = finding(lesson.twin.finding)
        before, after, habit = (
            answer(asked(view("rollout", lesson.twin.set, thing, run)))
            for thing in (at.before, at.after, seated(lesson.twin.after, seat))
        )
        assert before
        assert after
        assert before != after
        assert habit in (before, ""), "the first turn would have had the same answer, or none"


def test_another_pair_and_a_seat_that_was_not_measured_have_the_first_turn() -> None:
    lesson = lessons()["rollout"]
    assert lesson.twin is not None
    assert seating(lesson, 999).after == seated(lesson.twin.after, 999)
    seat = next(at for at, turn in enumerate(turns()["rollout"]["turns"], start=1) if turn)
    assert seating(lesson, seat).after != seated(lesson.twin.after, seat)
    other = replace(lesson, twin=replace(lesson.twin, after="scene-9"))
    assert seating(other, seat).after == seated("scene-9", seat)
