"""Page "The whole model" in the states a reader can bring it to."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.pages.reading import figures, fine, opens_everywhere, titles
from ui.learn import model as model_view
from ui.parts import components
from visualizer.figures import blocks as block_figure


def below(page) -> str:
    return " ".join(one.value for one in page.caption)


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "model")


def test_what_a_step_sets_needs_no_place_in_the_address_and_what_differs_has_one(app) -> None:
    """Else opening a page would write its address anew, and the first Back would lead nowhere."""
    page = app("model")
    assert (page.slider(key="block").value, "block" in page.query_params) == (2, False)
    page = app("model", block="1")
    assert (page.slider(key="block").value, page.query_params["block"]) == (1, "1")
    page.slider(key="block").set_value(2).run()
    assert "block" not in page.query_params


def test_no_model_is_loaded_and_no_picture_offered(app, monkeypatch) -> None:
    def refuse(*_given: object, **_more: object) -> None:
        raise AssertionError("this page needs no run of a model")

    monkeypatch.setattr("ui.store.resources.model", refuse)
    page = app("model", step="7")
    assert [box.label for box in page.selectbox] == ["Model"]


@pytest.mark.parametrize(
    ("step", "does", "shapes"),
    [
        ("1", "Cut into squares of 8 × 8 pixels", "196 × 192 (ViT-B/16: 196 × 768)"),
        ("2", "One matrix turns every patch", "196 × 144 (ViT-B/16: 196 × 768)"),
        ("3", "A learned token goes first", "197 × 144 (ViT-B/16: 197 × 768)"),
        ("4", "The only place where tokens read", "12 maps 197 × 197 (ViT-B/16: 12 maps 197 × 197)"),
        ("6", "the class token alone", "144 → 12 (ViT-B/16: 768 → 1000)"),
    ],
)
def test_a_step_chooses_its_block_and_says_what_it_does(app, step: str, does: str, shapes: str) -> None:
    said = below(app("model", step=step))
    assert does in said
    assert shapes in said


def test_a_click_chooses_the_block_and_the_address_carries_it(app) -> None:
    page = app("model", block="9")
    assert page.query_params["block"] in ("9", ["9"])
    assert "**9. MLP.**" in below(page)
    assert "144 → 432 → 144 (ViT-B/16: 768 → 3072 → 768)" in below(page)
    numbers = next(iter(figures(page).values()))["data"][0]["customdata"]
    assert numbers == list(range(13))
    page.session_state[model_view.BLOCK] = 1
    assert "**1. picture.**" in below(fine(page.run()))


def test_the_clicked_number_counts_from_0_and_the_block_from_1(monkeypatch) -> None:
    session = {model_view.BLOCK: 9}
    monkeypatch.setattr("streamlit.session_state", session)
    components.pick_number(model_view.BLOCK, [5])
    assert session[model_view.BLOCK] == 6


@pytest.mark.parametrize("block", ["0", "14", "1e999", "<b>"])
def test_a_block_that_is_not_there_is_answered_by_a_sentence(app, block: str) -> None:
    said = [box.value for box in app("model", block=block).warning]
    assert len(said) == 1
    assert said[0].startswith("There is no block ")
    assert "only 1 to 13" in said[0]


def test_the_parameters_wait_for_the_answer(app) -> None:
    page = app("model", step="7")
    assert titles(page) == ["scene-vit"]
    fine(page.radio[0].set_value("The attention sublayers").run())
    assert "%" not in page.warning[0].value  # the hint first
    assert titles(page) == ["scene-vit"]
    fine(page.radio[0].set_value("The MLP sublayers").run())
    assert titles(page) == ["scene-vit: 2,567,388 parameters", "ViT-B/16: 86,567,656 parameters"]
    assert page.success[0].value.startswith("Right. Of 2,567,388 parameters of scene-vit")


def test_the_tokens_are_counted(app) -> None:
    page = app("model", step="3", model="photo-dino")
    fine(page.number_input[0].set_value(256.0).run())
    assert "257" not in page.warning[0].value
    fine(page.number_input[0].set_value(257.0).run())  # 224 pixels in patches of 14: 16 × 16, and one more
    assert page.success[0].value.startswith("Right. 16 × 16 = 256 patches and 1 class token")


def test_the_code_draws_the_same_diagram(app) -> None:
    page = app("model", block="6", panel="code")
    lines = next(one.value for one in page.code if "block_diagram" in one.value)
    made: dict[str, object] = {}
    exec(lines.replace(".show()", "").replace("\nblock_diagram", "\nfigure = block_diagram"), made)
    drawn = made["figure"]
    assert len(drawn.layout.shapes) == len(next(iter(figures(page).values()))["layout"]["shapes"])  # type: ignore[attr-defined]


def test_the_file_has_a_line_for_each_block() -> None:
    rows = list(csv.reader(io.StringIO(model_view.shapes_csv(block_figure.VIT_B_16).decode())))
    assert rows[0] == ["number", "block", "shape", "shape in ViT-B/16"]
    assert rows[9] == ["9", "MLP", "768 → 3072 → 768", "768 → 3072 → 768"]
    assert all(len(row) == 4 for row in rows)
    assert len(rows) == 14


def test_what_is_no_vision_transformer_gets_a_sentence(app, monkeypatch) -> None:
    from vit_attention.gate import GateError

    def refuse(*_given: object) -> None:
        raise GateError("model", "a vision transformer", "aoanet")

    monkeypatch.setattr(model_view.resources, "run", refuse)
    page = app("model", model="scene-clip")
    assert [box.value.replace("\\", "") for box in page.error] == [  # names and sentences of others are no Markdown
        "scene-clip cannot be drawn as blocks: model: want a vision transformer, got aoanet"
    ]
    assert not re.search("Traceback", below(page))
