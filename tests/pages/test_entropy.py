"""Page "Entropy" in the states a reader can bring it to."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pages.reading import figures, fine, guess, said, titles, try_claim
from tests.tutorials.findings.hand import context, everywhere
from ui.learn import entropy as entropy_view
from ui.parts import controls


def test_the_page_opens_and_the_outcome_waits_for_the_guess(app) -> None:
    page = app("entropy")
    assert titles(page)[:3] == ["Entropy of every head", "Two averages that differ", "How the 144 heads are spread"]
    assert "Focus and the object" not in titles(page)
    guess(page, "entropy", "Just show me")
    assert "Focus and the object" in titles(page)
    assert "over 144 heads" in said(page)


@pytest.mark.parametrize("rows", [entropy_view.ASKING, entropy_view.ALL])
@pytest.mark.parametrize("unit", [entropy_view.BITS, entropy_view.SHARE])
def test_every_unit_and_choice_of_rows(app, rows: str, unit: str) -> None:
    page = app("entropy", entropy_rows=rows, entropy_unit=unit)
    first = next(iter(figures(page).values()))
    assert first["data"][0]["zmax"] == pytest.approx(1.0 if unit == entropy_view.SHARE else np.log2(197))
    assert f"entropy in {unit}" in first["layout"]["annotations"][-1]["text"].replace("<br>", " ")


def test_the_curve_of_the_mean_map_lies_above_the_mean_of_the_curves(app) -> None:
    curve = next(
        f for f in figures(app("entropy")).values() if f["layout"]["title"]["text"] == "Two averages that differ"
    )
    assert [trace["name"] for trace in curve["data"]] == ["mean of the heads' entropies", "entropy of the mean map"]


@pytest.mark.parametrize("everyone", [False, True])
def test_the_curve_draws_both_averages(monkeypatch, everyone: bool) -> None:
    drawn = {}
    monkeypatch.setattr(entropy_view, "curves", lambda lines, unit, **_: drawn.update(lines))
    monkeypatch.setattr(entropy_view.components, "chart", lambda *_: None)
    two = np.stack([everywhere([0, 1, 0, 0, 0]), everywhere([0, 0, 1, 0, 0])])
    entropy_view.curve(context([two], (2, 2)), np.zeros((1, 2)), everyone, share=False)
    np.testing.assert_allclose(drawn["mean of the heads' entropies"], [0])
    np.testing.assert_allclose(drawn["entropy of the mean map"], [1], atol=1e-6)


@pytest.mark.parametrize("mode", controls.COMPARING)
def test_every_scale_is_drawn(app, mode: str) -> None:
    page = app("entropy", entropy_scale=mode, truth="true")
    assert len([title for title in titles(page) if title.startswith("Most ")]) == 2


def test_taking_long_tokens_out_is_called_cosmetic(app) -> None:
    assert "As the model read it" in titles(app("entropy"))
    assert "Cosmetic: long tokens out, rest sums to 1" in titles(app("entropy", entropy_without="true"))


def test_outlined_tokens_are_not_called_queries(app) -> None:
    page = app("entropy")
    assert "quer" not in str(list(figures(page).values())[-1]["layout"]["annotations"])


def test_the_check_wants_log2_of_the_tokens(app) -> None:
    page = app("entropy")
    fine(page.number_input(key="entropy_check").set_value(7.62).run())
    assert page.success[0].value.startswith("Right. A row has 197 weights")
    fine(page.number_input(key="entropy_check").set_value(197.0).run())
    assert page.warning[0].value.startswith("Not here")


def test_every_claim_can_be_tested_on_a_scene_and_on_a_photograph(app) -> None:
    page = app("entropy")
    for number in (1, 2, 3, 4):
        assert "here. " in try_claim(page, "entropy", number)
    assert "Cannot be told here" in try_claim(app("entropy", picture="cat"), "entropy", 1)


def test_a_layer_with_fewer_heads_leaves_the_rest_undefined() -> None:
    one, two = everywhere([1, 0, 0, 0, 0]), everywhere([0, 1, 1, 1, 1])
    table = entropy_view.table(context([[one, two], [two]], (2, 2)), everyone=False)
    np.testing.assert_allclose(table, [[0, 2], [2, np.nan]], atol=1e-6)
