"""Runs one page of the app without a browser, through app.py and its router as in life."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.runtime import pages_manager
from streamlit.testing.v1 import AppTest

from tutorials.lessons import lessons

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _router_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep AppTest out of Streamlit's old multipage mode, which it enters anew before every run."""

    class Routed(pages_manager.PagesManager):
        def __init__(self, *args: object, **kwargs: object) -> None:
            pages_manager.PagesManager.uses_pages_directory = False
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr("streamlit.testing.v1.app_test.PagesManager", Routed)


@pytest.fixture
def app() -> Callable[..., AppTest]:
    """``app("heads", layer="3")``: the app, run on that page with these query parameters; it must not fail.

    Without any, a lesson begins at its first step; ``bare="1"`` leaves the address bare, and the question before it is asked.
    """

    def open_page(name: str, bare: str = "", **parameters: str) -> AppTest:
        if not parameters and not bare and name in lessons():
            parameters = {"step": "1"}
        test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for key, value in parameters.items():
            test.query_params[key] = value
        test.switch_page(f"pages/{name}.py").run()
        assert not test.exception, [e.value for e in test.exception]
        return test

    return open_page
