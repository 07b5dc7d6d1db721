"""Page "Cover and see" in the states a reader can bring it to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.reading import array, figures, fine, heats, opens_everywhere, said, table, titles
from tutorials.key import Key
from tutorials.lessons import lessons
from ui.judge import cover, cover_proof
from ui.parts import choosing, teaching, visit
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


PAGE_ASKED, SCENE_ASKED = ("receipt-3-3", "receipt-donut"), ("scene-6-2-50", "scene-aoanet")


@pytest.mark.parametrize(
    ("step", "about", "answer"),
    [("8", PAGE_ASKED, "Nothing"), ("9", SCENE_ASKED, "Both objects all the same")],
)
def test_the_row_of_an_answer_names_what_was_asked_about(
    app: App, step: str, about: tuple[str, str], answer: str
) -> None:
    page = app("cover", step=step)
    (asked,) = [one for one in page.radio if answer in one.options]
    fine(asked.set_value(answer).run())
    (kept,) = page.session_state[visit.KEY].kept.values()
    assert (kept.row.picture, kept.row.model, kept.row.answer) == (*about, answer)
    page = fine(page.selectbox(key="picture").set_value("scene-2").run())
    assert page.session_state[visit.KEY].tries["cover", kept.row.question, kept.view] == [answer], "asked once"


def test_the_key_names_what_was_asked_about() -> None:
    lines = {one.step: one for one in Key(lessons()["cover"], teaching.run).of(3) if one.step in (8, 9)}
    assert [(lines[n].looked_at, lines[n].model) for n in (8, 9)] == [PAGE_ASKED, SCENE_ASKED]
    assert lines[8].text.startswith("The price was read as 16.59")


@pytest.mark.parametrize(("step", "named"), [("8", ("Receipt 3", "receipt-donut")), ("9", ("Scene 6", "scene-aoanet"))])
def test_a_figure_of_another_picture_names_it_and_offers_no_photograph(
    app: App, step: str, named: tuple[str, str]
) -> None:
    page = app("cover", step=step)
    (title,) = [one for one in titles(page) if named[1] in one]
    assert named[0] in title
    assert "other_kind" not in [one.key for one in page.button]
    assert "other_kind" in [one.key for one in app("cover", step="7").button]


def test_after_the_answer_the_figure_shows_what_was_asked(app: App) -> None:
    page = app("cover", step="8")
    (asked,) = [one for one in page.radio if "Nothing" in one.options]
    fine(asked.set_value("A price printed elsewhere on the page").run())
    if "the reader writes" not in said(page):  # a first miss: a hint alone
        (again,) = [one for one in page.radio if "Nothing" in one.options]
        fine(again.set_value("A price printed elsewhere on the page").run())
    read = table(page, "field")
    changed = read["from the changed page"][read["field"].index("menu.0.price")].split(" (")[0]
    assert f"the reader writes {changed}." in said(page)
    assert changed != "16.59"
    fine(page.button(key="cover_cells_clear").click().run())
    assert "0 of 11 values differ" in told(page), "what is changed afterwards stays"


def test_after_the_lesson_the_figure_shows_what_was_graded(app: App) -> None:
    page = app("cover", step="10")
    assert "0 of 196 patches chosen" in told(page)
    page.radio(key="cover_after_choice").set_value("No class, since none reaches half")
    (button,) = [one for one in page.button if one.label == "Keep my answer"]
    fine(button.click().run())
    number = len(np.flatnonzero(coverage(scene(18).mask, (14, 14)).ravel() > 0))
    assert f"{number} of 196 patches chosen" in told(page)
    assert page.session_state["edit_with"] == "blur"
    right = "Another class than before" if "What is right here: Another" in said(page) else "The same class as before"
    image = edited(
        scene(18).picture, None, (14, 14), np.flatnonzero(coverage(scene(18).mask, (14, 14)).ravel() > 0), "blur"
    )
    before, after = (
        max(scores, key=scores.__getitem__) for scores in map(va.load("scene-vit").classify, (scene(18).picture, image))
    )
    assert right == ("The same class as before" if before == after else "Another class than before")


def test_the_move_is_asked_about_beside_the_picture_alone(app: App) -> None:
    page = app("cover", step="6")
    assert set(figures(page)) == {"cover_untouched"}
    (show,) = [one for one in page.button if one.label == "Show the answer"]
    fine(show.click().run())
    assert "cover_maps" in figures(page)
    assert re.search(r"patches chosen and moved by 4 patches (to the|up|down)", told(page))


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
