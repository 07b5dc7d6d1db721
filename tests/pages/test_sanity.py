"""Page "Sanity and agreement" in the states a reader can bring it to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from streamlit.testing.v1 import AppTest

from tests.pages.reading import array, figures, fine, heats, opens_everywhere, said

App = Callable[..., AppTest]


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app: App) -> None:
    opens_everywhere(app, "sanity")


def test_the_table_is_of_the_maps_shown_and_ends_with_two_that_know_no_model(app: App) -> None:
    page = app("sanity", step="3")
    figure = figures(page)["sanity_agreement"]
    table, names = array(heats(figure)[0]["z"]), figure["layout"]["yaxis"]["ticktext"]
    assert len(table) == len(names) > 15
    assert [name.rsplit(" ", 1)[0] for name in names[-2:]] == ["centre prior (no model)", "colour contrast (no m…"] or all(
        "(no" in name for name in names[-2:]
    )
    np.testing.assert_allclose(table, table.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(table), 1, atol=1e-6)
    assert table.min() < 0


def test_the_number_of_strongest_patches_is_the_slider_s(app: App) -> None:
    page = app("sanity", step="4", strongest="1")
    table = array(heats(figures(page)["sanity_overlap"])[0]["z"])
    assert set(np.unique(table)) <= {0.0, 1.0}
    assert any("0.01 on average" in one.value for one in page.caption)  # 1 of 196 patches
    page = fine(page.slider(key="strongest").set_value(30).run())
    assert array(heats(figures(page)["sanity_overlap"])[0]["z"]).max() == 1


def test_the_head_leaves_attention_and_changes_what_asks_about_a_class(app: App) -> None:
    page = app("sanity", step="5", redrawn="head")
    said_of = next(one.value for one in page.caption if "head down to this are random: head" in one.value)
    alt = next(chart.proto.alt_text if hasattr(chart.proto, "alt_text") else "" for chart in page.get("plotly_chart"))
    labels = " ".join(note["text"] for note in figures(page)["sanity_redrawn"]["layout"]["annotations"])
    assert said_of or alt
    assert labels.count("+1.00") == 2  # raw attention and rollout


def test_what_asks_no_class_is_the_same_for_two(app: App) -> None:
    page = app("sanity", step="7")
    trace = figures(page)["sanity_targets"]["data"][0]
    names = figures(page)["sanity_targets"]["layout"]["yaxis"]["ticktext"]
    values = dict(zip(names, array(trace["x"]) if isinstance(trace["x"], dict) else trace["x"], strict=False))
    assert values["raw attention"] == 1
    assert values["relevance"] < 0.999
    page = app("sanity", step="7", target="circle", other="circle")
    trace = figures(page)["sanity_targets"]["data"][0]
    same = array(trace["x"]) if isinstance(trace["x"], dict) else np.array(trace["x"])
    np.testing.assert_allclose(same, 1, atol=1e-9)


def test_a_model_without_classes_is_asked_about_similarities(app: App) -> None:
    page = app("sanity", step="7", picture="coffee")
    assert any("photo-dino names no classes" in one.value for one in page.caption)
    assert "sanity_targets" in figures(page)


def test_more_noise_leaves_less(app: App) -> None:
    mean = []
    for noise in ("2", "50"):
        trace = figures(app("sanity", step="8", noise=noise))["sanity_noise"]["data"][0]
        mean.append(np.mean(array(trace["x"]) if isinstance(trace["x"], dict) else trace["x"]))
    assert mean[0] > mean[1]


def test_impossible_parameters_are_answered_by_sentences(app: App) -> None:
    page = app("sanity", step="5", redrawn="block 99")
    assert "block 99" in said(page)
    assert "There is no standard deviation of the noise 900" in said(app("sanity", step="8", noise="900"))
    assert "99999" in said(app("sanity", step="4", strongest="99999"))
    assert stats is not None
