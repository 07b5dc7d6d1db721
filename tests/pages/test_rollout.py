"""Page "Rollout" in the states a reader can bring it to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.reading import figures, fine, opens_everywhere, said, table, titles
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import Context, used
from tutorials.findings.context import Picture, Selection
from ui.frame import state
from ui.learn import rollout as rollout_view
from worlds.scenes import scene

App = Callable[..., AppTest]


def panels(page: AppTest) -> list[str]:
    """Names of the panels of the first figure."""
    notes = next(iter(figures(page).values()))["layout"]["annotations"]
    return [note["text"].replace("<br>", " ") for note in notes if note.get("name", "").startswith("panel")]


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app: App) -> None:
    opens_everywhere(app, "rollout")


def test_it_begins_with_a_scene_of_two_objects(app: App) -> None:
    page = app("rollout")
    assert page.session_state[state.PICTURE] == "scene-24"
    assert len(scene(24).things) == 2
    assert panels(page) == ["layer 10 alone", "rollout"]


def test_knobs_come_from_the_address_and_stay_in_it(app: App) -> None:
    page = app("rollout", residual="0.8", discard="0.9", start="3")
    assert page.slider(key="residual").value == 0.8
    assert page.slider(key="discard").value == 0.9
    assert page.slider(key="start").value == 3
    assert any("α = 4" in one.value for one in page.caption)
    fine(page.button(key="next").click().run())
    fine(page.button(key="next").click().run())
    fine(page.button(key="next").click().run())  # step 4 draws them under another figure
    assert any(
        "Residual share 0.8, mean of heads, discard ratio 90%, start layer 3." in one.value for one in page.caption
    )
    assert page.query_params["residual"] in ("0.8", ["0.8"])


def test_impossible_knobs_are_answered_by_sentences(app: App) -> None:
    page = app("rollout", residual="7", discard="nan", start="99", fusion="median")
    told = " ".join(box.value for box in page.warning)
    for sentence in (
        "There is no residual share r 7, only 0 to",
        "There is no start layer 99, only 1 to 12",
        "'median'",
    ):
        assert sentence in told
    assert page.slider(key="residual").value == 0.5


def test_the_rollout_so_far_is_the_chosen_layer_s(app: App) -> None:
    assert titles(app("rollout", step="4", layer="5")) == ["Rollout up to layer 5"]
    assert titles(app("rollout", step="4", layer="2", start="4")) == ["Rollout up to layer 4"]


def test_no_outcome_before_the_guess_and_colour_contrast_beside_it(app: App) -> None:
    page = app("rollout", step="8")
    assert "The probability that is left" not in titles(page)
    fine(page.button(key=next(one.key for one in page.button if one.label == "Show the answer")).click().run())
    assert titles(page) == ["The probability that is left"]
    bars = next(iter(figures(page).values()))["layout"]["yaxis"]["ticktext"]
    assert "colour contrast (no model)" in bars
    assert "random (mean of 10)" in bars


def test_two_objects_are_asked_about(app: App) -> None:
    page = app("rollout", step="7")
    assert {page.selectbox(key="target").value, page.selectbox(key="other").value} == {"circle", "triangle"}
    shares = table(page, "share of the map's patch weight")
    assert (len(shares), len(shares["on the circle"])) == (3, 3)
    assert panels(page) == ["rollout, for any class", "relevance for circle", "relevance for triangle"]
    fine(page.button(key="here_rollout.why_this_class").click().run())
    assert "no class enters its formula" in said(page)


def test_a_sink_of_the_real_model_is_left_out_at_display(app: App) -> None:
    page = app("rollout", step="10")
    left, right = (trace for trace in next(iter(figures(page).values()))["data"] if trace["type"] == "heatmap")
    assert panels(page) == ["rollout", "without its sinks"]
    told = " ".join(one.value for one in page.caption)
    assert "1 sink left out at display" in told
    assert left["z"] != right["z"]


def test_a_model_without_classes_says_so(app: App) -> None:
    for step in ("7", "9"):
        page = app("rollout", step=step, picture="coffee")
        assert "photo-dino" in said(page)
        assert not page.get("plotly_chart")


def test_moving_the_layer_works_no_rollout_out_again() -> None:
    maps = [everywhere([0.2, 0.5, 0.1, 0.1, 0.1])[None], everywhere([0.2, 0.1, 0.5, 0.1, 0.1])[None]]
    now = context(maps, (2, 2))
    made = []

    def make() -> int:
        made.append(1)
        return len(made)

    knobs = {"residual": 0.5}
    assert rollout_view._once("test", now, make, **knobs) == 1
    lower = context(maps, (2, 2), layer=0)
    assert rollout_view._once("test", lower, make, **knobs) == 1
    assert rollout_view._once("test", now, make, residual=0.6) == 2


@pytest.mark.parametrize("residual", [0.0, 0.5])
def test_the_rollout_is_the_product_of_the_layers(residual: float) -> None:
    one, two = everywhere([0.2, 0.5, 0.1, 0.1, 0.1])[None], everywhere([0.2, 0.1, 0.5, 0.1, 0.1])[None]
    mixed = [(1 - residual) * layer[0] + residual * np.eye(5) for layer in (one, two)]
    now = context([one, two], (2, 2))
    found = rollout_view.rolled(now, {"residual": residual}).row
    np.testing.assert_allclose(found, (mixed[1] @ mixed[0])[0], atol=1e-6)


def test_the_trust_card_says_of_use_and_noise_beside_an_untrained_network(app) -> None:
    page = app("rollout", panel="trust", uses="true", residual="0.3")
    card = next(one.value for one in page.markdown if "deletion AUC" in one.value)
    now = Context(
        "scene-vit", Picture.drawn("scene-24"), va.load("scene-vit").attend("scene-24"), Selection(9, None, 0, 6, 6, ())
    )
    values, made = now.answer("rollout", knobs={"residual": 0.3}).values, ("rollout", "", {"residual": 0.3})
    for name, (deletion, _) in used.areas(now, values, made).items():
        assert (name == "map") != (f"{name} {100 * deletion:.1f} %" in card), (name, card)
    assert f"| stable under small noise | {used.ranks_under_noise(now, values, made).min():+.2f} |" in card
