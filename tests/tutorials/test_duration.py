"""What is said before a key is computed: the arithmetic, and sound figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tutorials.lessons import lessons
from tutorials.pack import duration


def test_the_first_seat_and_the_further_ones_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration, "measured", lambda: {"heads": (12.0, 3.0)})
    assert duration.expected("heads", 30) == 12 + 29 * 3
    assert "1 seat takes about 12 s" in duration.in_words("heads", 1)
    assert "30 seats takes about 99 s".replace("99 s", "2 min") in duration.in_words("heads", 30)
    assert duration.in_words("rollout", 30) == ""


def test_what_was_measured_are_lessons_and_the_first_seat_takes_longest() -> None:
    assert {"rollout", "heads"} <= {*duration.measured()} <= {*lessons()}
    assert all(0 <= each <= first for first, each in duration.measured().values())
    assert Path(duration.SECONDS).stat().st_size < 2000
