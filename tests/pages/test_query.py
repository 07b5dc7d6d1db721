"""The page "One query" in its states."""

from __future__ import annotations

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.reading import figures, fine, said, table, titles
from tutorials.findings.context import Context, Picture, Selection
from tutorials.lessons import lessons
from ui.learn.query import added_lengths
from worlds.scenes import scene

STEPS = range(1, len(lessons()["query"].steps) + 1)


def words(page: AppTest) -> str:
    return " ".join(element.value for kind in ("markdown", "caption", "info") for element in page.get(kind))


def press(page: AppTest, label: str) -> AppTest:
    return fine(next(one for one in page.button if one.label == label).click().run())


@pytest.mark.parametrize("step", STEPS)
def test_every_step_opens_cold_on_both_kinds_of_pictures(app, step: int) -> None:
    for given in ({}, {"picture": "coffee"}):
        page = app("query", step=str(step), **given)
        assert f"Step {step} of {len(STEPS)}" in words(page)
        assert not page.warning


@pytest.mark.parametrize(
    ("page", "step"),
    [
        ("query", "7"),
        ("query", "8"),
        ("patches", "7"),
        ("heads", "8"),
        ("trial", "5"),
        ("trial", "8"),
        ("sentence", "6"),
    ],
)
def test_a_patch_that_was_clicked_does_not_have_a_kept_verdict_run_anew(
    app, monkeypatch: pytest.MonkeyPatch, page: str, step: str
) -> None:
    def run(*_args: object) -> None:
        raise AssertionError("run anew")

    monkeypatch.setattr("ui.parts.claims.on_many_at_once", run)
    # The class token is the query on Heads, of a sentence and where heads are turned; claims of the other two are about all rows.
    seen = press(app(page, step=step, row="9", column="2"), "Test on 50")
    assert "95 % interval" in words(seen)


def test_read_it_all_draws_every_view_once(app) -> None:
    assert (
        len(titles(app("query", all="true"))) == 8
    )  # the table is no figure, the toy has two, the bare picture is not asked for


def test_the_map_is_there_from_the_start_and_shows_the_head_of_the_table(app) -> None:
    assert titles(app("query")) == ["Layer 10, head 1"]
    page = app("query", step="4", ask="patch", row="4", column="6", layer="3", head="5")
    row = va.load("scene-vit").attend(scene(7).picture).maps[2].weights[4, 1 + 3 * 14 + 5]
    shown = [float(cell.rstrip("%")) for cell in table(page, "q·k")["weight"]]
    assert shown == pytest.approx(100 * np.sort(row)[::-1][:8], abs=0.0051)


def test_a_guess_is_made_on_the_bare_picture_of_its_own_view(app) -> None:
    page = app("query", step="2")
    assert titles(page) == [""]
    press(page, "Show the answer")
    assert titles(page) == ["Layer 4, head 7"]
    fine(page.slider(key="layer").set_value(5).run())
    assert titles(page) == [""]  # another view, another guess
    press(page, "Next")
    assert page.session_state["layer"] == 10
    assert page.session_state["head"] == "1"


def test_several_patches_ask_together(app) -> None:
    page = app("query", step="4", ask="patch")
    page.session_state["chosen_patches"] = (20, 21, 34)
    fine(page.run())
    assert "Several patches ask together" in words(page)


def test_the_check_question_is_graded_from_the_live_row(app) -> None:
    page = app("query", step="4", ask="patch")
    scaled = [float(cell) for cell in table(page, "q·k")["s = q·k / √12"]]
    answers = [one for one in page.number_input if one.label == "Answer"]
    fine(answers[0].set_value(7.0).run())
    assert "Both are divided by the same sum" in said(page)
    answers = [one for one in page.number_input if one.label == "Answer"]
    fine(answers[0].set_value(float(np.exp(scaled[1] - scaled[0]))).run())
    assert "ratios of weights" in said(page)
    assert page.success


def test_another_scale_is_labelled_as_no_models_doing(app) -> None:
    page = app("query", step="6", ask="patch")
    assert "This is the model's own scale" in words(page)
    fine(page.select_slider(key="stretch").set_value("4").run())
    assert "not what the model does" in words(page)
    assert titles(page) == ["Head 1, scale 4/√d (not the model)"]


def test_the_whole_matrix_frames_the_row_of_the_query(app) -> None:
    page = app("query", step="7", row="2", column="3")
    assert titles(page) == ["All rows of layer 10, head 1"]
    assert "M-0.5,16.5H196.5V17.5H-0.5Z" in json.dumps(figures(page))  # token 1 + 14 + 2


@pytest.mark.parametrize("step", [3, 7, 8, 9])
def test_every_claim_can_be_tested(app, step: int) -> None:
    assert "On this picture: " in said(press(app("query", step=str(step)), "Test it here"))


def test_values_are_shown_beside_weights_on_the_photograph(app) -> None:
    page = app("query", step="9")
    assert page.selectbox(key="picture").value == "coffee"
    assert "the class token has the largest weight, 38.3%" in words(page)
    press(page, "Back")
    assert page.selectbox(key="picture").value == "scene-7"


def test_a_choice_survives_steps_that_do_not_draw_it(app) -> None:
    page = press(press(press(app("query", step="4", ask="patch", row="9", layer="3"), "Next"), "Next"), "Next")
    assert [page.session_state[key] for key in ("step", "ask", "row", "layer")] == [7, "patch", 9, 3]


def test_what_a_step_has_set_stays_in_its_lesson(app) -> None:
    page = app("query", step="9")
    page.query_params.clear()  # as the menu does
    fine(page.switch_page("pages/patches.py").run())
    assert page.selectbox(key="picture").value == lessons()["patches"].twin.before


def test_what_heads_add_is_what_attention_adds() -> None:
    import torch

    model, picture = va.load("scene-vit"), Picture.drawn("scene-7")
    now = Context("scene-vit", picture, model.attend(picture.image), Selection(5, 0, 30, 2, 1, ()))
    block, heard = model.anatomy.blocks[5].self_attention, []
    with block.register_forward_hook(lambda _m, _i, out: heard.append(out[0])), torch.inference_mode():
        model.module(model.prepare(picture.image).pixels)
    found = added_lengths(now)
    assert found.shape == (13,)
    assert found[-1] == pytest.approx(float(heard[0][0, 30].norm()), rel=1e-4)


def test_the_toy_has_a_row_and_a_column_of_its_own(app) -> None:
    page = app("query", step="5", row="9", toy_row="2", toy_column="3")
    assert titles(page) == ["The toy's tokens", "Row 2, column 3 asks"]
    assert "q·k = 2 × 2 + 1 × 3 = 7" in words(page)
    fine(page.number_input(key="toy_column").set_value(2).run())
    assert "q·k = 2 × 2 + 0 × 2 = 4" in words(page)
    assert page.session_state["row"] == 9


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"step": "5", "toy_row": "9"}, "There is no toy row 9, only 1 to 4; toy row 2 is shown."),
        ({"step": "6", "stretch": "nan"}, "There is no multiply 1/√d by 'nan'"),
        ({"row": "-1", "ask": "patch"}, "There is no row -1, only 1 to 14; row 7 is shown."),
        ({"column": "1e9", "ask": "patch"}, "There is no column 1e9, only 1 to 14; column 7 is shown."),
        ({"head": "mean"}, "There is no head 'mean'; head 1 is shown."),
    ],
)
def test_what_cannot_be_honoured_is_said(app, parameters: dict[str, str], sentence: str) -> None:
    page = app("query", **parameters)
    assert any(sentence in one.value.replace("\\", "") for one in page.warning)
