"""Page "Flow and the cut" in the states a reader can bring it to."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from tests.pages.reading import array, figures, fine, heats, opens_everywhere, said, titles
from ui.frame import state

App = Callable[..., AppTest]


def captions(page: AppTest) -> str:
    return " ".join(one.value for one in page.caption)


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app: App) -> None:
    opens_everywhere(app, "cut")


def test_no_flow_before_the_answer_and_the_cut_behind_it(app: App) -> None:
    page = app("cut")
    assert titles(page) == ["Pipes from class token to patch 2"]
    fine(page.button(key=next(one.key for one in page.button if one.label == "Show the answer")).click().run())
    assert titles(page) == ["Flow to patch 2: 0.8"]
    assert "layer 2, class token to patch 1 (0.2)" in captions(page)


def test_the_toy_follows_the_patch_and_the_residual_share(app: App) -> None:
    assert titles(app("cut", step="2", flow_to="patch 3", picture="coffee")) == ["Flow to patch 3: 0.2"]
    # The pipes of the cut are between different tokens: 0.5 + 0.2 + 0.1 at r = 0.5, a fifth of that at 0.9.
    assert titles(app("cut", step="2", toy_residual="0.9")) == ["Flow to patch 2: 0.16"]
    page = app("cut", step="2", flow_to="patch 9", toy_residual="7")
    assert titles(page) == ["Flow to patch 2: 0.8"]
    told = " ".join(box.value for box in page.warning)
    assert "patch 9" in told
    assert "There is no residual share r 7, only 0 to 0.95" in told


def test_ties_are_counted_as_in_the_map(app: App) -> None:
    left, _ = heats(next(iter(figures(app("cut", step="4")).values())))
    ties = int((array(left["z"]) > 1 - 1e-5).sum())
    page = app("cut", step="5")
    fine(page.button(key=next(one.key for one in page.button if one.label == "Show the answer")).click().run())
    assert f"{ties} of 196 patches" in said(page)
    assert titles(page) == ["How much reaches how many patches?"]


def test_the_cut_of_the_chosen_patch(app: App) -> None:
    page = app("cut", step="6")
    assert titles(page)[1].startswith("Cut before row 1, column 1: 0.")
    bars = figures(page)["cut_layers"]["data"][0]
    assert len(array([bars["x"]])[0] if isinstance(bars["x"], list) else array(bars["x"])) == 12


def test_layers_that_know_nothing_change_no_flow(app: App) -> None:
    page = app("cut", step="7")
    left, right = heats(next(iter(figures(page).values())))
    assert abs(array(left["z"]) - array(right["z"])).max() < 0.01
    fine(page.button(key="here_cut.all_layers").click().run())
    assert "the flow to 0 of 196 patches" in said(page)


def test_a_photograph_is_not_moved_and_has_no_class(app: App) -> None:
    page = app("cut", step="8", picture="coffee")
    assert page.session_state[state.MODEL] == "photo-dino"
    assert "gets a seam" in said(page)
    page = app("cut", step="9", picture="coffee")
    assert "photo-dino names no classes" in said(page)
    assert not page.get("plotly_chart")


def test_code_and_files_of_the_flow(app: App) -> None:
    page = app("cut", step="4", panel="code")
    assert 'methods()["flow"]' in " ".join(one.value for one in page.code)
