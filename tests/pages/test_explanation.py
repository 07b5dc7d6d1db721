"""Page "Is attention an explanation?" in the states a reader can bring it to."""

from __future__ import annotations

from tests.pages.reading import opens_everywhere


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "explanation")
