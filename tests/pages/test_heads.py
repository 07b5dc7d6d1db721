"""Page "Heads" in the states a reader can bring it to."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pages.reading import fine, guess, said, titles, try_claim
from ui.frame import state
from ui.learn import heads as heads_view
from ui.parts import components, controls
from visualizer.measures.summary import STATISTICS
from visualizer.style.scale import MODES


def test_the_grid_shows_all_heads_and_the_outcome_waits_for_the_guess(app) -> None:
    page = app("heads", layer="3", head="5")
    assert titles(page) == ["All heads of layer 3", "Layer 3, head 5", "All heads, asked by the class token"]
    guess(page, "heads", "Just show me")
    assert "Layer 1: how far its heads look" in titles(page)
    assert "would look 58 pixels far" in said(page)  # 112 pixels in 14 x 14 patches


@pytest.mark.parametrize(
    ("view", "title"),
    [(heads_view.NUMBER, "Distance of every head"), (heads_view.LIKENESS, "Heads of layer 10: whole maps compared")],
)
def test_every_view_of_all_heads(app, view: str, title: str) -> None:
    assert title in titles(app("heads", heads_view=view))


@pytest.mark.parametrize("name", STATISTICS)
def test_every_statistic_is_drawn(app, name: str) -> None:
    page = app("heads", heads_view=heads_view.NUMBER, heads_statistic=name)
    assert f"{name.capitalize()} of every head" in titles(page)
    assert STATISTICS[name].meaning in [one.value for one in page.caption]


@pytest.mark.parametrize("mode", controls.COMPARING)
def test_every_scale_says_what_it_does(app, mode: str) -> None:
    page = app("heads", heads_scale=mode)
    shown = page.get("plotly_chart")[0].proto.spec
    word = {
        "shared": "one scale for all maps",
        "per map": "stretched",
        "log": "logarithmic",
        "clipped": "percentile 99",
    }
    assert word[mode] in shown.replace("\\u003cbr\\u003e", " ").replace("<br>", " ")
    assert mode == "clipped" or f"{mode}: {MODES[mode]}." in [one.value for one in page.caption]


def test_nonsense_in_the_address_is_ignored(app) -> None:
    page = app("heads", heads_scale="<b>", heads_view="x", heads_statistic="y", head="99", layer="-3", heads_clip="7")
    assert titles(page)[:2] == ["All heads of layer 10", "Layer 10, mean of all heads"]


def test_the_check_is_graded_from_the_live_numbers(app) -> None:
    page = app("heads", layer="4")
    fine(page.number_input(key="heads_check").set_value(99.0).run())
    told = [box.value for box in page.warning]
    assert len(told) == 1
    right = float(told[0].split("most local head is head ")[1].split(":")[0])
    fine(page.number_input(key="heads_check").set_value(right).run())
    assert page.success[0].value.startswith("Right. In layer 4")


def test_every_claim_can_be_tested_on_a_scene_and_on_a_photograph(app) -> None:
    page = app("heads")
    for number in (1, 2, 3, 4):
        assert "here. " in try_claim(page, "heads", number)
    photograph = app("heads", picture="cat")
    assert "Cannot be told here" in try_claim(photograph, "heads", 3)
    assert not [one for one in photograph.toggle if one.key == "truth"]


def test_buttons_step_through_layers_and_heads(app) -> None:
    page = app("heads", layer="12", head="12")
    assert page.button(key="heads_Layer +").disabled
    fine(page.button(key="heads_Head +").click().run())
    assert page.session_state[state.HEAD] == "mean"
    fine(page.button(key="heads_Head −").click().run())
    fine(page.button(key="heads_Layer −").click().run())
    assert titles(page)[:2] == ["All heads of layer 11", "Layer 11, head 12"]


def test_the_true_outline_lies_on_the_chosen_map(app) -> None:
    assert '"name":"truth"' not in app("heads").get("plotly_chart")[1].proto.spec
    assert '"name":"truth"' in app("heads", truth="true").get("plotly_chart")[1].proto.spec


@pytest.mark.parametrize(("point", "kept"), [(4, "5"), ([1, 2], "mean"), ("4", "mean"), (None, "mean")])
def test_a_click_in_the_grid_chooses_the_head(monkeypatch, point, kept: str) -> None:
    session = {state.HEAD: "mean", "grid": {"selection": {"points": [{"customdata": point}]}}}
    monkeypatch.setattr("streamlit.session_state", session)
    components.pick_number("grid", state.HEAD)
    assert session[state.HEAD] == kept


def test_a_click_among_snapshots_counts_from_the_first_layer_shown(monkeypatch) -> None:
    session = {state.LAYER: 1, "grid": {"selection": {"points": [{"customdata": 2}]}}}
    monkeypatch.setattr("streamlit.session_state", session)
    components.pick_number("grid", state.LAYER, 5)
    assert session[state.LAYER] == 8


def test_distances_are_exported_one_line_per_head(monkeypatch) -> None:
    table = np.array([[1.5, 2.5], [3.5, np.nan]])
    monkeypatch.setattr(heads_view, "statistic", lambda *_: table)

    class Now:
        model = picture = ""

    wanted = "layer,head,distance_pixels\n1,1,1.5\n1,2,2.5\n2,1,3.5\n"
    assert heads_view.distances_csv(Now()).decode() == wanted  # type: ignore[arg-type]
