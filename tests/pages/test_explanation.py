"""Page "Is attention an explanation?" in the states a reader can bring it to."""

from __future__ import annotations

import pytest

from tests.pages.reading import figures, fine, opens_everywhere, said


@pytest.mark.slow
def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "explanation")


def test_it_begins_with_two_maps_on_one_scale_and_refuses_what_is_not_offered(app) -> None:
    page = app("explanation", explain_how="backwards")
    assert "backwards" in page.warning[0].value
    heats = [one for one in next(iter(figures(page).values()))["data"] if one["type"] == "heatmap"]
    assert [(one["zmin"], one["zmax"]) for one in heats] == [(heats[0]["zmin"], heats[0]["zmax"])] * 2
    assert any("bits apart" in one.value for one in page.caption)


def test_the_outcome_waits_for_the_guess(app) -> None:
    page = app("explanation", step="2")
    assert "explanation_spread" not in str([*figures(page)])
    fine(page.button(key=next(one.key for one in page.button if one.label == "Show the answer")).click().run())
    assert "over 10 orders" in said(page)


def test_a_model_without_classes_turns_features(app) -> None:
    page = app("explanation", step="4", picture="coffee", model="photo-dino")
    assert not page.exception


def test_display_and_run_time_are_named_and_a_masked_sink_moves(app) -> None:
    display = app("explanation", step="7")
    assert any(one.value.startswith("Display only.") for one in display.caption)
    masked = app("explanation", step="8")
    assert any(
        one.value.startswith("Run time. Layer 1, head 6:") and "its place is taken" in one.value
        for one in masked.caption
    )


def test_a_step_that_was_written_for_another_picture_says_so_and_shows_it(app) -> None:
    page = app("explanation", step="8", picture="scene-7", model="scene-vit")
    (written,) = [one.value.replace("\\", "") for one in page.caption if one.value.startswith("Written for")]
    assert written == "Written for: Coffee, photo-dino. Shown here: Scene 7, scene-vit."
    page = fine(page.button(key="written_8").click().run())
    assert (page.session_state["picture"], page.session_state["model"]) == ("coffee", "photo-dino")
    assert not [one for one in page.caption if one.value.startswith("Written for")]


def test_what_is_read_as_a_whole_says_which_steps_were_written_for_another_picture(app) -> None:
    page = app("explanation", all="true")
    assert [one.key for one in page.button if str(one.key).startswith("written_")] == [
        f"written_{n}" for n in range(7, 11)
    ]
    page = fine(page.button(key="written_9").click().run())
    assert (page.session_state["step"], page.session_state["picture"]) == (9, "galaxies")
    assert page.query_params.get("step") in ("9", ["9"])
    assert "all" not in page.query_params


def test_a_picture_without_sinks_says_so(app) -> None:
    page = app("explanation", step="8", picture="clock", model="photo-dino")
    assert any("0 patches take more than 30 %" in box.value for box in page.info)
