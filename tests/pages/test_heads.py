"""Page "Heads" in the states a reader can bring it to."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests.pages.reading import fine, opens_everywhere, said, titles
from tests.tutorials.findings.hand import context
from tutorials.lessons import lessons
from ui.frame import state
from ui.learn import heads as heads_page
from ui.parts import components, controls, scrub
from visualizer.measures.summary import STATISTICS


def at(view: str) -> dict[str, str]:
    """The first step that shows a view."""
    steps = [step.view for step in lessons()["heads"].steps]
    return {"step": str(steps.index(view) + 1)}


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "heads")


def test_the_first_figure_shows_all_heads_of_a_photograph(app) -> None:
    page = app("heads", layer="3")
    assert titles(page) == ["All heads of layer 3"]
    assert page.session_state[state.PICTURE] == "coffee"


def test_the_outcome_waits_for_the_guess_and_a_miss_gets_a_hint_first(app) -> None:
    page = app("heads", **at("first layer"), picture="scene-7")
    assert titles(page) == ["Layer 10, mean of all heads"]
    fine(page.radio[0].set_value("Larger").run())
    assert titles(page) == ["Layer 10, mean of all heads"]
    assert "pixels" not in page.warning[0].value
    fine(page.radio[0].set_value("Smaller").run())
    assert titles(page) == ["Mean attention distance of the heads of<br>layer 1"]
    assert "58 pixels" in said(page)  # evenly spread over 112 pixels in 14 x 14 patches
    assert not page.radio, "locked"


def test_another_view_asks_the_question_anew(app) -> None:
    page = app("heads", **at("number"), layer="4", picture="scene-7")
    fine(page.number_input[0].set_value(99.0).run())
    fine(page.number_input[0].set_value(98.0).run())
    told = page.warning[0].value
    assert told.startswith("Not quite. In layer 4")
    right = float(told.split("most local head is head ")[1].split(":")[0])
    fine(page.slider(key="layer").set_value(5).run())
    assert not page.warning
    fine(page.slider(key="layer").set_value(4).run())
    assert page.warning[0].value == told, "the answer stays with its view"
    fresh = app("heads", **at("number"), layer="4", picture="scene-7")
    fine(fresh.number_input[0].set_value(right).run())
    assert fresh.success[0].value.startswith("Right. In layer 4")


@pytest.mark.parametrize("name", STATISTICS)
def test_every_statistic_is_drawn(app, name: str) -> None:
    page = app("heads", **at("number"), heads_statistic=name)
    assert f"{name.capitalize()} of every head" in titles(page)
    assert STATISTICS[name].meaning in [one.value for one in page.caption]


@pytest.mark.parametrize("mode", controls.COMPARING)
def test_every_scale_says_what_it_does(app, mode: str) -> None:
    shown = app("heads", heads_scale=mode).get("plotly_chart")[0].proto.spec
    word = {
        "shared": "one scale for all maps",
        "per map": "stretched",
        "log": "logarithmic",
        "clipped": "percentile 99",
    }
    assert word[mode] in shown.replace("\\u003cbr\\u003e", " ").replace("<br>", " ")


def test_nonsense_in_the_address_is_answered(app) -> None:
    page = app("heads", heads_scale="<b>", head="99", layer="-3")
    assert titles(page) == ["All heads of layer 10"]
    told = " ".join(box.value.replace("\\", "") for box in page.warning)
    for part in ("no colour scale '<b>'", "no head '99'", "no layer -3, only 1 to 12; layer 10 is shown"):
        assert part in told, told


def test_the_true_outline_lies_on_the_chosen_map(app) -> None:
    asked = {**at("chosen"), "picture": "scene-7"}
    assert '"name":"truth"' not in app("heads", **asked).get("plotly_chart")[0].proto.spec
    assert '"name":"truth"' in app("heads", truth="true", **asked).get("plotly_chart")[0].proto.spec


def test_claims_are_tested_here_and_on_many_pictures(app) -> None:
    claims = {step.claim.finding: n for n, step in enumerate(lessons()["heads"].steps, start=1) if step.claim}
    page = app("heads", step=str(claims["heads.finds_object"]), picture="scene-7", model="scene-vit")
    fine(page.button(key="here_heads.finds_object").click().run())
    assert page.info[0].value.startswith("On this picture: ")
    fine(page.button(key="many_heads.finds_object").click().run())
    told = page.info[1].value
    assert "of 50 (" in told
    assert "95 % interval" in told
    for control in ("untrained network", "colour contrast", "blobs", "centre"):
        assert control in told
    fine(page.slider(key="layer").set_value(3).run())
    assert not page.info, "another view, another test"


def test_panels_are_made_one_at_a_time(app) -> None:
    page = app("heads", **at("chosen"))
    assert not page.code
    page = app("heads", panel="code", **at("chosen"))
    assert "record.maps[layer].weights" in page.code[0].value
    assert any("parity residual" in one.value for one in app("heads", panel="trust").markdown)


def test_maps_follow_the_sliders_in_the_browser(monkeypatch) -> None:
    """The bytes that go there are the maps of every layer and head, the mean first, each over its largest weight."""
    weights = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3, 5)).astype(np.float32)
    now, sent = context(list(weights), (2, 2)), {}
    monkeypatch.setattr("ui.parts.script.follow", sent.update)
    scrub.follow(now, "x", "Layer {layer}")
    maps = np.frombuffer(base64.b64decode(sent["maps"]), np.uint8).reshape(-1, sent["rows"], sent["columns"])
    shown = maps / 255 * np.array(sent["tops"])[:, None, None]
    row = weights[:, :, now.chosen.query, -4:].reshape(2, 3, 2, 2)
    whole = np.concatenate([row.mean(axis=1, keepdims=True), row], axis=1).reshape(-1, 2, 2)
    np.testing.assert_allclose(shown, whole, atol=whole.max() / 500)


@pytest.mark.parametrize(("point", "kept"), [(4, "5"), ("4", "mean"), (None, "mean"), (True, "mean")])
def test_a_click_in_the_grid_chooses_the_head(monkeypatch, point, kept: str) -> None:
    session = {state.HEAD: "mean"}
    monkeypatch.setattr("streamlit.session_state", session)
    components.pick_number(state.HEAD, [point])
    assert session[state.HEAD] == kept


def test_a_click_among_snapshots_counts_from_the_first_layer_shown(monkeypatch) -> None:
    session = {state.LAYER: 1}
    monkeypatch.setattr("streamlit.session_state", session)
    components.pick_number(state.LAYER, [2], 5)
    assert session[state.LAYER] == 8


def test_distances_are_exported_one_line_per_head(monkeypatch) -> None:
    table = np.array([[1.5, 2.5], [3.5, np.nan]])
    monkeypatch.setattr(heads_page, "statistic", lambda *_: table)

    class Now:
        model = picture = ""

    wanted = "layer,head,distance_pixels\n1,1,1.5\n1,2,2.5\n2,1,3.5\n"
    assert heads_page.distances_csv(Now()).decode() == wanted  # type: ignore[arg-type]
