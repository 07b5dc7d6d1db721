"""A rerun in which nothing changed draws what is kept: no figure is built again."""

from __future__ import annotations

from typing import Any

import pytest

from visualizer.style.sketch import Sketch


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ("entropy", {"step": "7"}),
        ("heads", {"step": "2"}),
        ("layers", {}),
        ("rollout", {}),
        ("query", {}),
        ("playground", {"picture": "scene-7"}),
        ("compare", {"picture": "scene-7"}),
    ],
)
def test_no_figure_is_built_again(app: Any, monkeypatch: pytest.MonkeyPatch, page: str, asked: dict[str, str]) -> None:
    test = app(page, **asked)
    built: list[Any] = []
    plain = Sketch.figure
    monkeypatch.setattr(Sketch, "figure", lambda self, **how: built.append(how) or plain(self, **how))
    before = [one.proto.spec for one in test.get("plotly_chart")]
    test.run()
    assert not test.exception
    assert [one.proto.spec for one in test.get("plotly_chart")] == before
    assert not built
