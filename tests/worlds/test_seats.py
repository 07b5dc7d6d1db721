"""Pictures of seats: the same kind, other ones at other seats, the same at a seat every time."""

from itertools import pairwise

import pytest

from worlds.naming import parse
from worlds.photographs import photographs
from worlds.seats import seated

DRAWN = ("scene-7", "scene-6-2-50", "receipt-3-3", "invented-3-3", "form-1", "sentence-7")


@pytest.mark.parametrize("name", DRAWN)
def test_no_two_seats_share_a_drawn_picture_and_none_has_the_lessons_own(name: str) -> None:
    seats = [seated(name, student) for student in (*range(1, 9), 998, 999)]
    assert len({name, *seats}) == 11
    for one in seats:
        assert [*one.partition("-")[0], *one.split("-")[2:]] == [*name.partition("-")[0], *name.split("-")[2:]]


@pytest.mark.parametrize(("name", "objects"), [("scene-7", 1), ("scene-24", 2), ("scene-6-2-50", 2)])
def test_a_scene_has_as_many_objects(name: str, objects: int) -> None:
    for student in (1, 17, 999):
        found = parse(seated(name, student))
        assert found is not None
        assert len(found.draw().things) == objects  # type: ignore[union-attr]


def test_a_review_turns_on_the_same_kinds_of_words() -> None:
    found = parse(seated("sentence-7", 3))
    assert found is not None
    # sentence-7 is "anything but dreadful, despite the messy tables": a negation and a contrast, and nothing of no concern.
    assert found.draw().kinds == {"negation", "contrast"}  # type: ignore[union-attr]


def test_photographs_with_outlines_take_turns_and_neighbours_differ() -> None:
    seats = [seated("coffee", student) for student in range(1, 31)]
    assert all(one != other for one, other in pairwise(seats))
    assert {*seats} == {name for name, one in photographs().items() if one.outlines}
    assert not photographs()[seated("galaxies", 1)].outlines


def test_two_pictures_of_a_lesson_stay_two_at_every_seat() -> None:
    for one, other in (("scene-7", "scene-24"), ("coffee", "cat"), ("receipt-3-3", "receipt-5-3")):
        assert all(seated(one, student) != seated(other, student) for student in (1, 2, 17))


def test_another_turn_is_another_picture_and_what_is_no_picture_stays() -> None:
    assert len({seated("scene-7", 5, turn) for turn in range(3)}) == 3
    assert seated("photo-dino", 5) == "photo-dino"


@pytest.mark.parametrize(("student", "turn"), [(0, 0), (1000, 0), (-1, 0), (1, -1), (1, 100)])
def test_there_are_999_seats(student: int, turn: int) -> None:
    with pytest.raises(ValueError, match="want"):
        seated("scene-7", student, turn)


def test_the_same_seat_has_the_same_pictures_on_every_machine() -> None:
    assert [seated(name, 17) for name in ("scene-7", "coffee")] == ["scene-701700", "coins"]
