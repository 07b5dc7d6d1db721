"""Page "Cover and see" in the states a reader can bring it to."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.pages.reading import opens_everywhere

App = Callable[..., AppTest]


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app: App) -> None:
    opens_everywhere(app, "cover")
