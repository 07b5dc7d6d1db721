"""Page "Sanity and agreement" in the states a reader can bring it to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from streamlit.testing.v1 import AppTest

from tests.pages.reading import array, figures, fine, heats, opens_everywhere, said

App = Callable[..., AppTest]


def bars_of(page: AppTest, key: str) -> dict[str, float]:
    """The bars of a figure by their names."""
    figure = figures(page)[key]
    x = figure["data"][0]["x"]
    values = array(x) if isinstance(x, dict) else np.array(x)
    return dict(zip(figure["layout"]["yaxis"]["ticktext"], values.tolist(), strict=True))


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app: App) -> None:
    opens_everywhere(app, "sanity")


def test_the_table_is_of_the_maps_shown_and_ends_with_two_that_know_no_model(app: App) -> None:
    page = app("sanity", step="3")
    figure = figures(page)["sanity_agreement"]
    table, names = array(heats(figure)[0]["z"]), figure["layout"]["yaxis"]["ticktext"]
    assert len(table) == len(names) > 15
    assert [name.partition(" (no ")[0] for name in names[-2:]] == ["centre", "colour"]
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
    assert any("head down to this are random: head" in one.value for one in page.caption)
    labels = " ".join(note["text"] for note in figures(page)["sanity_redrawn"]["layout"]["annotations"])
    assert labels.count("+1.00") == 2  # raw attention and rollout


def test_what_asks_no_class_is_the_same_for_two(app: App) -> None:
    found = bars_of(app("sanity", step="7"), "sanity_targets")
    assert found["one layer"] == found["rollout"] == 1
    assert found["relevance"] < 0.999
    same = bars_of(app("sanity", step="7", target="circle", other="circle"), "sanity_targets")
    assert list(same.values()) == [1] * len(found)


def test_a_model_without_classes_is_asked_about_similarities(app: App) -> None:
    page = app("sanity", step="7", picture="coffee")
    assert any("photo-dino names no classes" in one.value for one in page.caption)
    assert "sanity_targets" in figures(page)


def test_more_noise_leaves_less(app: App) -> None:
    little, much = (
        np.mean([*bars_of(app("sanity", step="8", noise=noise), "sanity_noise").values()]) for noise in ("2", "50")
    )
    assert little > much


def test_impossible_parameters_are_answered_by_sentences(app: App) -> None:
    page = app("sanity", step="5", redrawn="block 99")
    assert "block 99" in said(page)
    assert "There is no standard deviation of the noise 900" in said(app("sanity", step="8", noise="900"))
    assert "99999" in said(app("sanity", step="4", strongest="99999"))
