"""The page "Patches and tokens" in its states."""

from __future__ import annotations

import json
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.reading import figures, fine, said, titles
from tutorials.lessons import lessons
from worlds.scenes import scene

STEPS = range(1, len(lessons()["patches"].steps) + 1)


def words(page: AppTest) -> str:
    return " ".join(element.value for kind in ("markdown", "caption", "info") for element in page.get(kind))


def show(page: AppTest) -> AppTest:
    """The page after its question was given up."""
    return fine(next(one for one in page.button if one.label == "Show the answer").click().run())


@pytest.mark.parametrize("step", STEPS)
def test_every_step_opens_cold_on_both_kinds_of_pictures(app, step: int) -> None:
    for given in ({}, {"picture": "coffee"}):
        page = app("patches", step=str(step), **given)
        assert f"Step {step} of {len(STEPS)}" in words(page)
        assert not page.warning


def test_read_it_all_draws_every_view_once(app) -> None:
    assert (
        len(titles(app("patches", all="true"))) == 8
    )  # of eight views one has two figures, and the filters are no chart


def test_the_lesson_begins_on_a_scene_and_counts_its_tokens(app) -> None:
    page = app("patches")
    assert page.selectbox(key="picture").value == "scene-7"
    assert "14 rows × 14 columns = 196 patches, and 1 special token: **197 tokens**" in words(page)


def test_what_was_left_at_a_default_gives_way_to_the_next_lessons_own(app) -> None:
    page = app("heads")
    assert page.selectbox(key="picture").value == "coffee"
    fine(page.switch_page("pages/patches.py").run())
    assert page.selectbox(key="picture").value == "scene-7"
    fine(page.selectbox(key="picture").set_value("cat").run())
    fine(page.switch_page("pages/heads.py").run())
    assert page.selectbox(key="picture").value == "cat"


def test_a_patch_chosen_here_asks_in_no_later_lesson(app) -> None:
    page = app("patches")
    page.session_state["ask"], page.session_state["row"] = "patch", 3  # as a click does
    assert fine(page.run()).query_params == {"ask": "patch", "row": "3"}
    page.query_params.clear()  # as the menu does
    fine(page.switch_page("pages/heads.py").run())
    assert (page.session_state["ask"], page.session_state["row"]) == ("class token", 7)


def test_the_pixels_of_the_chosen_patch(app) -> None:
    page = app("patches", step="3", row="3", column="5", patches_channel="red")
    assert "192 numbers" in words(page)
    assert "Patch row 3, column 5" in titles(page)
    tile = np.asarray(scene(7).picture.resize((112, 112), Image.Resampling.BOX))[16:24, 32:40, 0]
    shown = figures(page)["patches_pixels"]["data"][0]["z"]
    assert np.frombuffer(b64decode(shown["bdata"]), shown["dtype"]).tolist() == tile.ravel().tolist()


def test_positions_of_a_table_of_another_size_are_shown_as_the_table_has_them(app) -> None:
    page = app("patches", step="5", picture="coffee", row="1", column="16")
    assert "Positions similar to row 2, column 36" in titles(page)  # of 37: (1.5 / 16, 31.5 / 32) of the sides
    assert "37 × 37 places" in words(page)


@pytest.mark.parametrize(
    ("step", "before", "after"), [("6", "", "Similar before layer 1"), ("8", "", "Changed after layer 1")]
)
def test_the_outcome_waits_for_the_guess(app, step: str, before: str, after: str) -> None:
    page = app("patches", step=step)
    assert titles(page) == [before]
    assert titles(show(page)) == [after]


def test_a_first_miss_gets_a_hint_and_a_second_the_solution(app) -> None:
    page = app("patches", step="8")
    fine(page.radio[0].set_value("Its own token alone").run())
    assert "Is any weight exactly 0?" in said(page)
    assert titles(page) == [""]
    fine(page.radio[0].set_value("All, or nearly all (9 in 10)").run())
    assert said(page).startswith("Right. With this one patch painted over, 197 of 197 tokens")


def test_the_check_question_is_graded_from_the_live_grid(app) -> None:
    page = app("patches", step="2")
    fine(next(one for one in page.number_input if "tokens" in one.label).set_value(784).run())
    assert "Not quite. Into how many does each patch fall" in said(page)
    fine(next(one for one in page.number_input if "tokens" in one.label).set_value(785).run())
    assert "785 tokens instead of 197" in said(page)


def test_the_claim_can_be_tested(app) -> None:
    page = app("patches", step="7")
    fine(next(one for one in page.button if one.label == "Test it here").click().run())
    assert said(page).startswith("On this picture: Cosine similarity with the mean subtracted")


def test_the_map_of_attention_is_the_mean_of_all_heads(app) -> None:
    page = app("patches", step="9", layer="3", row="4", column="6")
    row = va.load("scene-vit").attend(scene(7).picture).maps[2].weights.mean(axis=0)[1 + 3 * 14 + 5]
    assert "Attention: layer 3, mean of all heads" in titles(page)
    assert f"{row[0]:.1%} of what this patch reads is on special tokens" in words(page)


@pytest.mark.parametrize(
    ("parameters", "part"), [({"centred": "false"}, '"Similar after layer 10"'), ({"truth": "true"}, '"name": "truth"')]
)
def test_a_link_restores_the_view(app, parameters: dict[str, str], part: str) -> None:
    assert part in json.dumps(figures(app("patches", step="7", **parameters)))


def test_the_change_can_be_drawn_on_a_plain_scale(app) -> None:
    for scale, logarithmic in (("log", True), ("raw", False)):
        page = show(app("patches", step="8", layer="2", reach_scale=scale))
        assert titles(page) == ["Changed after layer 2"]
        assert ("logarithmic" in json.dumps(figures(page))) is logarithmic


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"row": "999"}, "There is no row 999, only 1 to 14; row 7 is shown."),
        ({"layer": "-5", "step": "7"}, "There is no layer -5, only 1 to 12; layer 10 is shown."),
        ({"centred": "maybe", "step": "7"}, "want true or false, got 'maybe'"),
        ({"picture": "nothing"}, "There is no picture named 'nothing'; picture scene-7 is shown."),
        ({"step": "99"}, "There is no step 99, only 0 to 10; step 1 is shown."),
    ],
)
def test_what_cannot_be_honoured_is_said(app, parameters: dict[str, str], sentence: str) -> None:
    page = app("patches", **parameters)
    assert any(sentence in one.value.replace("\\", "") for one in page.warning)
