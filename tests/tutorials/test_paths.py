"""Ways through the lessons: their minutes, what comes next, and that a term has every lesson once."""

from __future__ import annotations

import pytest

from tutorials import paths as module
from tutorials.lessons import LessonError, lessons
from tutorials.paths import paths


def test_paths_last_as_long_as_they_are_called() -> None:
    for name in ("45", "90"):
        assert paths()[name].minutes <= int(name) < paths()[name].minutes + 10
    assert sorted(paths()["term"].lessons) == sorted(lessons())


def test_what_comes_next_and_the_minutes_left() -> None:
    path, names = paths()["45"], paths()["45"].lessons
    assert path.next({}) == (names[0], 1)
    first = lessons()[names[0]]
    half = {names[0]: len(first.steps) // 2}
    assert path.next(half) == (names[0], half[names[0]] + 1)
    assert path.left(half) == round(path.minutes - first.minutes * half[names[0]] / len(first.steps))
    done = {names[0]: len(first.steps) + 1}  # the question after the lesson
    assert path.next(done) == (names[1], 1)
    assert path.left(done) == path.minutes - first.minutes
    everything = dict.fromkeys(names, 99)
    assert path.next(everything) is None
    assert path.left(everything) == 0


def test_a_path_with_an_unknown_lesson_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "lessons", dict)
    with pytest.raises(LessonError, match="45: want names of lessons"):
        paths.__wrapped__()
