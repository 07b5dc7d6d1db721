"""Page "Patch features" in the states a reader can bring it to."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from tests.pages.reading import array, figures, fine, heats, opens_everywhere, table, titles
from tutorials.findings.context import Selection
from ui.frame import state
from ui.learn import features as features_view
from ui.parts import looking


def drawn(page):
    return array(heats(next(iter(figures(page).values())))[0]["z"])


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "features")


def test_the_first_figure_is_the_similarity_of_a_photographs_patches(app) -> None:
    page = app("features", row="3", column="5")
    assert page.session_state[state.PICTURE] == "cat"
    values = drawn(page)
    assert values.shape == (16, 16)
    assert values[2, 4] == pytest.approx(1, abs=1e-4)  # a patch with itself
    assert np.nanmax(np.abs(values)) <= 1.0001


def test_turning_the_sign_turns_the_map_and_nothing_else(app) -> None:
    one = app("features", step="5", component="2")
    fine(one.button(key=next(b.key for b in one.button if b.label == "Show the answer")).click().run())
    before, said = drawn(one), next(iter(figures(one)))
    fine(one.toggle(key="turned").set_value(True).run())
    assert np.allclose(drawn(one), -before)
    assert said == "features_one"
    assert titles(one)[0].replace("<br>", " ") == "Second principal component, turned around, layer 12"


def test_the_component_waits_for_the_guess(app) -> None:
    page = app("features", step="5")
    assert "Similar after layer 12" in titles(page)[0]
    fine(page.radio[0].set_value("left and right").run())
    assert "0." not in page.warning[0].value  # the hint first
    fine(page.radio[0].set_value("object and surroundings").run())
    assert "Rank correlation with the first component" in page.success[0].value


def test_what_three_colours_leave_out_can_be_read_from_the_caption(app) -> None:
    page = app("features", step="4")
    caption = next(one.value for one in page.caption if "they explain" in one.value)
    each = [float(part) for part in caption.split("explain ")[1].split(" %")[0:3] for part in part.split(" + ") if part]
    fine(page.number_input[0].set_value(100 - sum(each[:3])).run())
    assert page.success[0].value.startswith("Right.")


def test_heads_are_scored_on_request(app) -> None:
    page = app("features", step="7")
    assert titles(page) == ["Layer 11, head 6, not scored yet"]
    fine(page.toggle(key="parts_scored").set_value(True).run(timeout=120))
    assert titles(page) == ["Best of 72 heads on 7 photographs"]
    rows = table(page, "weight inside")
    assert rows["map"][1:] == ["centre of the picture", "colour contrast", "evenly spread"]
    shares = [float(one.strip("%")) for one in rows["weight inside"]]
    assert shares[0] > shares[1] > shares[3]


def test_the_fair_test_is_no_verdict_on_so_few_photographs(app) -> None:
    page = app("features", step="7")
    assert not [one for one in page.button if "Test on" in one.label]
    fine(page.button(key="here_parts.fair_head").click().run(timeout=120))
    assert "7 photographs are too few for a verdict" in page.info[0].value


@pytest.mark.parametrize("wrong", [{"component": "7"}, {"turned": "yes"}])
def test_a_wrong_parameter_gets_a_sentence(app, wrong: dict[str, str]) -> None:
    page = app("features", step="5", **wrong)
    fine(page.button(key=next(b.key for b in page.button if b.label == "Show the answer")).click().run())
    assert len(page.warning) <= 1
    page = app("features", all="true", **wrong)
    assert next(iter(wrong.values())) in page.warning[0].value


def test_the_table_has_colours_for_every_patch() -> None:
    now = looking.made(looking.Looked("scene-vit", "scene-7"), Selection(9, None, 0, 6, 6, ()))
    rows = list(csv.DictReader(io.StringIO(features_view._csv(now).decode())))
    assert len(rows) == 14 * 14


def test_a_step_that_asks_for_another_head_offers_all_of_them_after_their_mean(app) -> None:
    for step in ("6", "7"):
        page = app("features", step=step)
        (picker,) = (one for one in page.select_slider if one.label == "Head")
        assert picker.options == ["mean", "1", "2", "3", "4", "5", "6"]  # in the order of the maps that the browser has
        fine(picker.set_value("3").run())
        assert titles(page)[0].startswith("Layer 11, head 3")
