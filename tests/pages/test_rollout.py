"""The page on rollout: it opens, its knobs are in the address and checked, and its parts answer."""

from __future__ import annotations

import json
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.pages.reading import table

App = Callable[..., AppTest]


def titles(test: AppTest) -> list[str]:
    layouts = [json.loads(one.proto.spec)["layout"] for one in test.get("plotly_chart")]
    return [layout.get("title", {}).get("text", "") for layout in layouts]


def test_opens_without_an_outcome_before_the_guess(app: App) -> None:
    test = app("rollout")
    assert "How spread out?" in titles(test)
    assert "What the model still believes" not in titles(test)
    test.radio(key="rollout_guess").set_value("Random ones").run()
    assert "What the model still believes" in titles(test)
    assert not test.exception


def test_knobs_come_from_the_address(app: App) -> None:
    test = app("rollout", residual="0.8", discard="0.9", start="3")
    assert test.slider(key="residual").value == 0.8
    assert test.slider(key="discard").value == 0.9
    assert test.slider(key="start").value == 3
    assert any("α = 4" in one.value for one in test.caption)
    assert any("residual share 0.8, discard 90%" in one.value for one in test.caption)


def test_impossible_knobs_are_ignored(app: App) -> None:
    test = app("rollout", residual="7", discard="nan", start="99", fusion="median", rollout_scale="x", target="unicorn")
    assert not test.exception
    assert test.slider(key="residual").value <= 0.95


def test_every_claim_can_be_tested(app: App) -> None:
    test = app("rollout")
    for number in range(1, 6):
        test.button(key=f"rollout_claim_{number}").click().run()
        assert not test.exception
        assert [*test.success, *test.warning, *test.info]


def test_two_objects_are_asked_about(app: App) -> None:
    test = app("rollout", picture="scene-24")
    assert {test.selectbox(key="target").value, test.selectbox(key="other").value} == {"circle", "triangle"}
    shares = table(test, "share of the map's patch weight")
    assert (len(shares), len(shares["on the circle"])) == (3, 3)
