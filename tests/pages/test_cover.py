"""Page "Cover and see" in the states a reader can bring it to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.reading import array, figures, fine, heats, opens_everywhere, said, table
from ui.judge import cover, cover_proof
from ui.parts import choosing
from ui.parts.choosing import Chooser
from vit_attention.inputs.edited import edited
from worlds.scenes import coverage, scene

App = Callable[..., AppTest]
TOUCHED = [int(n) for n in np.flatnonzero(coverage(scene(7).mask, (14, 14)).ravel() > 0)]


def told(page: AppTest) -> str:
    return " ".join(one.value for one in page.caption)


def chance(image: Any, name: str) -> float:
    """The probability in % of a class, straight from the model."""
    model = va.load("scene-vit")
    scores = model.classify(image)
    shares = np.exp(np.array(list(scores.values())) - max(scores.values()))
    return float(100 * shares[list(scores).index(name)] / shares.sum())


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app: App) -> None:
    opens_everywhere(app, "cover")


def test_the_answer_is_the_model_s_on_the_edited_picture(app: App) -> None:
    page = app("cover", edited="object", edit_with="black")
    after = chance(edited(scene(7).picture, None, (14, 14), TOUCHED, "black"), "ring")
    assert f"Probability of ring: {chance(scene(7).picture, 'ring'):.1f} %, then {after:.1f} %" in told(page)
    assert f"{len(TOUCHED)} of 196 patches chosen" in told(page)
    first, second = heats(figures(page)["cover_maps"])
    assert (first["zmin"], first["zmax"]) == (second["zmin"], second["zmax"]), "two scales"
    assert np.abs(array(first["z"]) - array(second["z"])).max() > 0


def test_patches_are_chosen_by_number_and_let_go_again(app: App) -> None:
    page = app("cover", edited="5-6")
    page.number_input(key="edited_row").set_value(1).run()
    page.number_input(key="edited_column").set_value(8).run()
    fine(page.button(key="edited_click").click().run())
    assert page.session_state["edited"] == "5-7"
    fine(page.button(key="edited_click").click().run())
    assert page.session_state["edited"] == "5-6"
    fine(page.button(key="edited_invert").click().run())
    assert page.session_state["edited"] == "0-4,7-195"
    assert page.query_params["edited"] in ("0-4,7-195", ["0-4,7-195"])
    fine(page.button(key="edited_object").click().run())
    assert f"{len(TOUCHED)} of 196" in told(page)
    fine(page.button(key="edited_clear").click().run())
    assert "0 of 196" in told(page)


@pytest.mark.parametrize("text", ["196", "7-3", "everything", "1;2", "9" * 50])
def test_a_choice_that_makes_no_sense_is_answered_by_a_sentence(app: App, text: str) -> None:
    page = app("cover", edited=text, edit_with="melt", edit_map="tea leaves")
    warned = " ".join(box.value for box in page.warning)
    assert "Want patches such as 3-5,17, from 0 to 195" in warned
    assert "'melt'" in warned
    assert "'tea leaves'" in warned
    assert "0 of 196" in told(page)


@pytest.mark.parametrize(
    "asked",
    [
        {"picture": "coffee", "edited": "object", "edit_map": "relevance"},
        {"picture": "coffee", "edited": "3-90", "step": "4"},
        {"picture": "coffee", "step": "3"},
        {"picture": "coffee", "model": "scene-vit", "edited": "3-90", "edit_with": "paste"},
        {"model": "scene-clip", "edited": "object", "edit_with": "rotate", "edit_turn": "90", "edit_map": "Grad-CAM"},
        {
            "edited": "object",
            "edit_with": "move",
            "edit_down": "-13",
            "edit_map": "one layer",
            "layer": "3",
            "head": "2",
        },
        {"edited_by": "polygon", "edit_with": "exchange", "edit_seed": "7"},
    ],
)
def test_no_state_fails(app: App, asked: dict[str, str]) -> None:
    for panel in ("words", "code", "files"):
        page = fine(app("cover", **asked, panel=panel))
        assert not page.warning or "photograph" in page.warning[0].value


def test_the_models_without_classes_have_a_likeness(app: App) -> None:
    page = app("cover", picture="coffee", edited="0-60")
    found = re.search(r"Likeness to the unchanged picture: (0\.\d+)", told(page))
    assert found
    assert 0.2 < float(found[1]) < 1


def test_a_covered_price_is_read_otherwise_and_the_rest_stands_beside_it(app: App) -> None:
    page = app("cover", step="8", cover_cells="menu.0.price")
    read = table(page, "field")
    at = read["field"].index("menu.0.price")
    assert read["read from the page as it is"][at].startswith("16.59")
    assert not read["from the changed page"][at].startswith("16.59")
    assert "receipt-3-3" not in said(page)
    page = app("cover", step="8")
    read = table(page, "field")
    assert read["read from the page as it is"] == read["from the changed page"], "nothing is covered"


def test_a_covered_object_leaves_the_caption(app: App) -> None:
    page = app("cover", step="9", cover_regions="green star")
    before, after = table(page, "its description")["its description"]
    assert "green star" in before
    assert "star" not in after


def test_clicks_toggle_and_corners_span_what_lies_between(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}
    monkeypatch.setattr(choosing.st, "session_state", kept)
    grid = (4, 5)
    choosing._picked("k", grid, "patch", (3, 7), [7])
    assert kept["k"] == "3"
    choosing._picked("k", grid, "rectangle", (3,), [6])
    assert kept["k_corners"] == (6,)
    choosing._picked("k", grid, "rectangle", (3,), [12])
    assert (kept["k"], kept["k_corners"]) == ("3,6-7,11-12", ())
    for corner in (0, 4, 19, 15):
        choosing._picked("k", grid, "polygon", (), [corner])
    assert choosing._inside(grid, kept["k_corners"]) == list(range(20))
    for strange in (20, -1, "x", None, [], [[1]]):
        choosing._picked("k", grid, "patch", (3,), [strange])
    assert kept["k_corners"] == (0, 4, 19, 15)


def test_what_a_click_holds_is_names_and_numbers() -> None:
    held = [*Chooser("k", (2, 2)), cover.PATCHES]
    assert all(isinstance(one, (str, tuple, dict)) for one in held)
    assert cover_proof._how(cover.Edit((1,), "move", shift=(0, 2))) == {"shift": "(0, 2)"}
