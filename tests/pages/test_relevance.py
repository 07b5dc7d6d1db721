"""Page "From attention to relevance" in the states a reader can bring it to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.reading import array, figures, fine, heats, opens_everywhere, said, table, titles
from ui.frame import state

App = Callable[..., AppTest]
SHARE = "share of the map's positive part"


def percent(text: str) -> float:
    return float(text.rstrip("%"))


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app: App) -> None:
    opens_everywhere(app, "relevance")


def test_weights_are_the_same_for_both_classes(app: App) -> None:
    page = app("relevance")
    left, right = heats(next(iter(figures(page).values())))
    assert (array(left["z"]) == array(right["z"])).all()
    shares = table(page, SHARE)
    assert shares["on the circle"][0] == shares["on the circle"][1]


def test_relevance_follows_the_class_and_chance_does_not(app: App) -> None:
    page = app("relevance", step="3")
    assert {page.selectbox(key="target").value, page.selectbox(key="other").value} == {"circle", "triangle"}
    shares = table(page, SHARE)
    circle, triangle = shares["on the circle"], shares["on the triangle"]
    assert percent(circle[0]) > percent(circle[1])
    assert percent(triangle[1]) > percent(triangle[0])
    assert shares[SHARE][2:] == ["colour contrast (no model)", "chance (a shuffled map on average)"]
    left, right = heats(next(iter(figures(page).values())))
    assert (left["zmin"], left["zmax"]) == (right["zmin"], right["zmax"]), "one scale for both classes"
    fine(page.button(key="here_relevance.on_its_object").click().run())
    assert "asked for the triangle" in said(page)


def test_a_method_and_classes_from_the_address(app: App) -> None:
    page = app("relevance", step="4", by_features="LeGrad", target="ring", other="star")
    assert titles(page) == ["LeGrad"]
    assert table(page, SHARE)[SHARE][:2] == ["asked for ring", "asked for star"]


def test_wrong_parameters_are_answered_by_sentences(app: App) -> None:
    page = app("relevance", step="4", by_features="Medusa", target="unicorn")
    assert titles(page) == ["Grad-CAM"]
    told = " ".join(box.value for box in page.warning)
    assert "Medusa" in told
    assert "unicorn" in told


def test_a_class_that_is_not_there_stands_beside_one_that_is(app: App) -> None:
    page = app("relevance", step="9")
    names = table(page, SHARE)[SHARE]
    assert names[0] == "circle (is there)"
    assert names[1].endswith("(is not)")


@pytest.mark.parametrize("step", ["1", "3", "4", "5", "7"])
def test_a_photograph_is_asked_about_two_similarities(app: App, step: str) -> None:
    page = app("relevance", step=step, picture="coffee")
    assert page.session_state[state.MODEL] == "photo-dino"
    assert len(heats(next(iter(figures(page).values())))) == 2
    assert "there is no score" in " ".join(one.value for one in page.caption)


def test_of_a_photograph_nothing_is_known_to_be_missing(app: App) -> None:
    page = app("relevance", step="9", picture="coffee")
    assert not page.get("plotly_chart")
    assert "known of drawn scenes only" in said(page)
    page = app("relevance", step="6", picture="coffee")
    fine(page.button(key=next(one.key for one in page.button if one.label == "Show the answer")).click().run())
    assert not page.get("plotly_chart")
    assert "names no classes" in said(page)


def test_code_of_the_map(app: App) -> None:
    page = app("relevance", step="3", panel="code")
    assert "target='circle'" in " ".join(one.value for one in page.code)
