"""The page "One query" in its states."""

from __future__ import annotations

import json

import numpy as np
import pytest

import vit_attention as va
from tests.pages.reading import table
from worlds.scenes import scene

SHOW = "Just show me"
VERDICTS = ("Holds here", "Fails here", "Cannot be told here")


def titles(test) -> list[str]:
    return [json.dumps(json.loads(chart.proto.spec)["layout"].get("title", "")) for chart in test.get("plotly_chart")]


def words(test) -> str:
    return " ".join(element.value for kind in ("markdown", "caption", "info") for element in test.get(kind))


def test_nothing_but_the_bare_picture_before_the_guess(app) -> None:
    test = app("query", ask="patch")
    assert len(titles(test)) == 1
    with pytest.raises(AssertionError):
        table(test, "q·k")
    test.radio(key="query_guess").set_value(SHOW).run()
    assert not test.exception
    assert len(titles(test)) == 3
    assert len(table(test, "q·k")["key"]) == 8


def test_the_table_shows_the_models_own_weights(app) -> None:
    test = app("query", ask="patch", row="4", column="6", layer="3")
    test.session_state["head"] = "5"
    test.radio(key="query_guess").set_value(SHOW).run()
    row = va.load("scene-vit").attend(scene(7).picture).maps[2].weights[4, 1 + 3 * 14 + 5]
    shown = [float(cell.rstrip("%")) for cell in table(test, "q·k")["weight"]]
    assert shown == pytest.approx(100 * np.sort(row)[::-1][:8], abs=0.0051)
    assert "Layer 3, head 5." in words(test)


def test_a_mean_of_heads_is_explained(app) -> None:
    test = app("query")
    test.radio(key="query_guess").set_value(SHOW).run()
    assert "A mean has no q and k of its own" in words(test)
    test.session_state["head"] = "2"
    test.run()
    assert "A mean has no q and k of its own" not in words(test)


def test_several_patches_ask_together(app) -> None:
    test = app("query", ask="patch")
    test.session_state["chosen_patches"] = (20, 21, 34)
    test.radio(key="query_guess").set_value(SHOW).run()
    assert "Several patches ask together" in words(test)
    assert "3 patches together" in words(test)


def test_another_scale_is_labelled_as_no_models_doing(app) -> None:
    test = app("query", ask="patch")
    test.radio(key="query_guess").set_value(SHOW).run()
    assert "This is the model's own scale" in words(test)
    test.select_slider(key="stretch").set_value(4.0).run()
    assert "not what the model does" in words(test)


def test_the_check_question_is_graded_from_the_live_row(app) -> None:
    test = app("query", ask="patch")
    test.radio(key="query_guess").set_value(SHOW).run()
    scaled = [float(cell) for cell in table(test, "q·k")["scaled, s"]]
    test.number_input(key="query_check").set_value(float(np.exp(scaled[1] - scaled[0]))).run()
    assert any("ratios of weights" in one.value for one in test.success)
    test.number_input(key="query_check").set_value(7.0).run()
    assert any("ratios of weights" in one.value for one in test.warning)


@pytest.mark.parametrize("claim", [1, 2, 3, 4])
def test_every_claim_can_be_tested(app, claim: int) -> None:
    test = app("query")
    test.button(key=f"query_claim_{claim}").click().run()
    assert not test.exception
    assert any(one.value.startswith(VERDICTS) for one in (*test.success, *test.warning, *test.info))


def test_the_toy_obeys_the_same_row_and_column(app) -> None:
    test = app("query", numbers="Toy", ask="patch", row="2", column="3")
    assert len(titles(test)) == 2
    assert "q·k = 2 × 2 + 1 × 3 = 7" in words(test)
    test.button(key="toy_left").click().run()
    assert test.session_state["column"] == 2
    assert "q·k = 2 × 2 + 0 × 2 = 4" in words(test)


def test_the_toy_takes_its_nearest_patch_for_rows_it_does_not_have(app) -> None:
    test = app("query", numbers="Toy", ask="patch", row="9", column="2")
    assert "the nearest patch asks" in words(test)
    assert any("row 4, column 2" in title for title in titles(test))


@pytest.mark.parametrize(
    "parameters", [{"numbers": "<b>"}, {"stretch": "nan"}, {"row": "-1", "column": "1e9", "ask": "patch"}]
)
def test_hostile_links_show_the_page_all_the_same(app, parameters: dict[str, str]) -> None:
    test = app("query", **parameters)
    test.radio(key="query_guess").set_value(SHOW).run()
    assert not test.exception
    assert len(titles(test)) == 3
