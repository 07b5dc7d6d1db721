"""Page "Entropy" in the states a reader can bring it to."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pages.reading import figures, fine, opens_everywhere, said, titles
from tests.tutorials.findings.hand import context, everywhere
from ui.frame import state
from ui.learn import entropy as entropy_view


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "entropy")


def test_it_begins_with_the_extremes_of_a_photograph(app) -> None:
    page = app("entropy")
    assert page.session_state[state.PICTURE] == "coffee"
    assert titles(page) == ["Most focused and most spread row"]
    assert any("of 8.01 bits" in one.value for one in page.caption)  # log2 of 257 tokens


@pytest.mark.parametrize(
    ("rows", "unit"), [(entropy_view.ASKING, entropy_view.SHARE), (entropy_view.ALL, entropy_view.BITS)]
)
def test_every_unit_and_choice_of_rows(app, rows: str, unit: str) -> None:
    page = app("entropy", step="2", entropy_rows=rows, entropy_unit=unit)
    first = next(iter(figures(page).values()))
    top = 1.0 if unit == entropy_view.SHARE else np.log2(257)
    assert first["data"][0]["zmax"] == pytest.approx(top)
    assert "There is no unit" in app("entropy", step="2", entropy_unit="furlongs").warning[0].value


def test_the_outcome_waits_for_the_guess(app) -> None:
    page = app("entropy", step="3")
    assert "Focus and the object" not in titles(page)
    fine(page.button(key=next(one.key for one in page.button if one.label == "Show the answer")).click().run())
    assert titles(page) == ["Focus and the object"]
    assert "over 144 heads" in said(page)


def test_the_check_wants_log2_of_the_tokens_and_hints_first(app) -> None:
    page = app("entropy", step="2")
    fine(page.number_input[0].set_value(257.0).run())
    assert page.warning[0].value.startswith("Not quite.")
    assert "8.01" not in page.warning[0].value
    fine(page.number_input[0].set_value(8.01).run())
    assert page.success[0].value.startswith("Right. A row has 257 weights")


def test_a_sink_of_the_first_layer_is_left_out_at_display(app) -> None:
    page = app("entropy", step="7")
    assert titles(page) == ["Layer 1, head 6"]
    assert any("1 sink left out at display" in one.value for one in page.caption)
    assert any("the model was not changed" in one.value for one in page.caption)


@pytest.mark.parametrize(("name", "step"), [("entropy", "1"), ("entropy", "7"), ("rollout", "1"), ("rollout", "10")])
def test_low_values_fade_on_two_maps_as_on_single_ones(app, name: str, step: str) -> None:
    drawn = next(iter(figures(app(name, step=step)).values()))
    heats = [one for one in drawn["data"] if one["type"] == "heatmap"]
    assert [one["opacity"] for one in heats] == [0.8, 0.8]
    for colours in (one["colorscale"] for one in heats):
        assert (colours[0][1][-6:], colours[-1][1][-6:]) == ("0.000)", "1.000)")


def test_who_takes_the_attention_is_drawn_in_three_shares(app) -> None:
    drawn = next(iter(figures(app("entropy", step="8")).values()))
    assert [line["name"] for line in drawn["data"]] == ["special tokens", "sinks", "other patches"]


def test_long_tokens_are_outlined_and_called_neither_queries_nor_sinks(app) -> None:
    page = app("entropy", step="9")
    notes = str(next(iter(figures(page).values()))["layout"]["annotations"])
    assert "long token" in notes
    assert "quer" not in notes
    assert any("of these lie on a true object" in one.value for one in page.caption)


@pytest.mark.parametrize("everyone", [False, True])
def test_the_two_averages_of_heads_that_look_elsewhere(everyone: bool) -> None:
    heads = np.stack([everywhere([0, 1, 0, 0, 0]), everywhere([0, 0, 1, 0, 0])])
    lines = entropy_view.two(context([heads], (2, 2)), everyone)
    np.testing.assert_allclose(lines["mean of the heads' entropies"], [0])
    np.testing.assert_allclose(lines["entropy of the mean map"], [1], atol=1e-6)


def test_a_layer_with_fewer_heads_leaves_the_rest_undefined() -> None:
    one, two = everywhere([1, 0, 0, 0, 0]), everywhere([0, 1, 1, 1, 1])
    table = entropy_view.table(context([[one, two], [two]], (2, 2)), everyone=False)
    np.testing.assert_allclose(table, [[0, 2], [2, np.nan]], atol=1e-6)
