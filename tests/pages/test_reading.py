"""The page "Reading with cross-attention" in its states."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vit_attention as va
from tests.pages.reading import array, figures, fine, heats, said, table, titles
from tests.tutorials.findings.readings import CELLS, TOKENS, looks
from tests.tutorials.findings.readings import reading as made
from tests.vit_attention import donuts
from tutorials.findings.page import OTHERS
from tutorials.findings.reading import other_pages
from tutorials.lessons import lessons
from ui.frame import visitors
from ui.parts import stepping
from ui.parts.components import pick_number
from ui.read import reading, said_view
from ui.read import said as said_
from ui.store import documents, readers
from visualizer import methods
from visualizer.measures.reading import token_heat, token_names
from visualizer.measures.reading_score import hits, token_truth
from worlds.receipts import WIDTH, receipt

DRAWN = receipt(3, 3)
"""What the page shows if the address says nothing."""


def components(page: Any) -> list[dict[str, Any]]:
    """What the page's programs in the browser are given."""
    given = (json.loads(one.proto.json) for one in page.get("bidi_component"))
    return [one[0] if isinstance(one, list) else one for one in given]


def test_no_program_is_given_a_dictionary_with_lists_for_which_pandas_is_imported(app) -> None:
    for page in (app("heads"), app("reading")):
        for one in page.get("bidi_component"):
            given = json.loads(one.proto.json)
            assert not isinstance(given, dict) or all(isinstance(value, (str, int)) for value in given.values())


class Written(HTMLParser):
    """The JSON beside the page: its text, the text of every token, and which is marked."""

    def __init__(self, page: Any) -> None:
        super().__init__()
        self.text, self.tokens, self.marked, self.tags = "", {}, set(), set()
        self._inside: int | None = None
        (self.data,) = (one for one in components(page) if "html" in one)
        self.feed(self.data["html"].split("</pre>")[0])

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.tags.add(tag)
        if "data-token" in given:
            self._inside = int(str(given["data-token"]))
            if given.get("aria-current") == "true":
                self.marked.add(self._inside)

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._inside is not None:
            self.tokens[self._inside] = self.tokens.get(self._inside, "") + data


def heading(page: Any) -> str:
    """Title of the page's figure."""
    return str(figures(page)["reading_page"]["layout"]["title"]["text"])


def texts(page: Any) -> str:
    return "\n".join(one.value for kind in (page.caption, page.text, page.markdown) for one in kind)


def first_print(page: Any, text: str) -> tuple[int, tuple[float, float, float, float]]:
    """A token whose text begins the printed word `text`, and the box of its characters."""
    word = next(one for one in DRAWN.words if one.text == text)
    written = Written(page).tokens
    number, piece = next((n, t.strip()) for n, t in sorted(written.items()) if t.strip() and text.startswith(t.strip()))
    boxes = np.array(word.characters[: len(piece)])
    return number, (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))


STEPS = range(1, len(lessons()["reading"].steps) + 1)


@pytest.mark.parametrize("step", STEPS)
def test_every_step_opens_cold(app, step: int) -> None:
    page = app("reading", step=str(step))
    assert figures(page)
    assert not page.error
    assert not page.warning
    names = [one.label for one in page.button]
    assert len(names) == len(set(names))
    assert {"Back", "Next"} <= set(names)


def test_the_whole_lesson_can_be_read(app) -> None:
    page = app("reading", all="true")
    assert not page.error
    assert {"reading_page", "reading_closer", "reading_heads", "reading_tags", "reading_hits"} <= set(figures(page))
    assert table(page, "strongest cell lies")


def test_the_json_is_what_was_written_and_one_token_is_marked_in_place(app) -> None:
    assert Written(app("reading")).marked == {1}, "the first word is shown first"
    page = app("reading", token="1")
    written = Written(page)
    assert list(json.loads(written.text)) == ["store", "menu", "total"]
    assert written.marked == {0}
    assert written.tokens[0] == '"store"'
    fine(page.button(key="token_next").click().run())
    again = Written(page)
    assert again.text == written.text
    assert again.marked == {1}
    assert DRAWN.words[0].text.startswith(again.tokens[1])


def test_steps_go_to_both_ends_and_stop_there(app) -> None:
    page = app("reading", token="1")
    last = Written(page).data["last"]
    assert page.button(key="token_previous").disabled
    fine(page.button(key="token_next").click().run())
    assert page.slider(key="token").value == 2
    assert heading(page).startswith("Read for token 2,")
    fine(page.slider(key="token").set_value(last + 1).run())
    assert page.button(key="token_next").disabled
    assert Written(page).data["current"] == last
    fine(page.button(key="token_previous").click().run())
    assert heading(page).startswith(f"Read for token {last},")


def test_a_link_restores_token_head_and_drawing(app) -> None:
    page = app("reading", token="9", decoder_layer="3", decoder_head="2", heat_scale="per map", heat_opacity="0.3")
    assert heading(page).startswith("Read for token 9,")
    assert Written(page).marked == {8}
    assert "Layer 3, head 2." in texts(page)
    assert page.selectbox(key="heat_scale").value == "per map"
    assert page.slider(key="heat_opacity").value == 0.3
    wanted = {"token": "9", "decoder_layer": "3", "decoder_head": "2", "heat_scale": "per map", "heat_opacity": "0.3"}
    assert {key: page.query_params[key] for key in wanted} == wanted


def test_a_link_restores_the_window(app) -> None:
    page = app("reading", step="4", zoom="4", follow="false", across="25", down="100")
    drawn = figures(page)
    # A quarter of 384 x 512 pixels; what is left over is 288 and 384 pixels.
    layout = drawn["reading_closer"]["layout"]
    assert layout["xaxis"]["range"] == [72, 168]
    assert layout["yaxis"]["range"] == [512, 384]
    rim = [one["path"] for one in drawn["reading_minimap"]["layout"]["shapes"] if one.get("name") == "window"]
    assert set(rim) == {"M72.0,384.0H168.0V512.0H72.0Z"}
    assert "Shown: 19 to 44 % of the width and 75 to 100 % of the height of the page." in texts(page)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"token": "9999"}, "There is no token 9999, only 1 to 64; token 2 is shown."),
        ({"token": "-5"}, "There is no token -5, only 1 to 64"),
        ({"token": "1e999"}, "There is no token 1e999"),
        ({"token": "9" * 400}, "There is no token 9"),
        ({"decoder_layer": "99"}, "There is no decoder layer '99'; decoder layer 4 is shown."),
        ({"decoder_head": "-1"}, "There is no decoder head '-1'"),
        ({"document": "<script>"}, "There is no page named '<script>'; page receipt-3-3 is shown."),
        ({"document": "receipt-999999999-9"}, "There is no page named"),
        ({"document": "own document"}, "An own page stays in its session and is in no link"),
        ({"reader": "<b>"}, "There is no reader '<b>'; reader receipt-donut is shown."),
        ({"heat_scale": "evil"}, "There is no colour scale 'evil'"),
        ({"heat_method": "rollout"}, "There is no method 'rollout'; method attention is shown."),
        ({"heat_method": "relevance", "heat_start": "5"}, "There is no start layer 5, only 1 to 4"),
        ({"heat_opacity": "7"}, "There is no opacity of the heat 7, only 0 to 1"),
        ({"step": "99"}, "There is no step 99, only 0 to 11"),
        ({"step": "4", "zoom": "1e9"}, "There is no zoom 1e9, only 1 to 8"),
    ],
)
def test_what_cannot_be_honoured_is_said_and_the_page_is_shown(app, parameters: dict[str, str], sentence: str) -> None:
    page = app("reading", **parameters)
    (warned,) = (one.value.replace("\\", "") for one in page.warning)
    assert warned.startswith(sentence)
    layout = next(figures(page)[key]["layout"] for key in ("reading_page", "reading_closer") if key in figures(page))
    assert 0 <= layout["xaxis"]["range"][0] < layout["xaxis"]["range"][1] <= WIDTH


def test_the_window_lies_round_the_strongest_cell_until_it_is_moved(app) -> None:
    page = app("reading", step="4", token="2", panel="words")
    layout = figures(page)["reading_closer"]["layout"]
    (left, right), (bottom, top) = layout["xaxis"]["range"], layout["yaxis"]["range"]
    assert right - left == pytest.approx(WIDTH / 3)
    strongest = re.search(r"strongest are row (\d+), column (\d+)", texts(page))
    assert strongest
    row, column = (int(n) - 0.5 for n in strongest.groups())
    assert left - 2 <= column * 32 <= right + 2, "cells are 32 x 64 pixels of the page; the window may end at its edge"
    assert top - 3 <= row * 64 <= bottom + 3
    assert not [one for one in page.slider if one.key == "across"], "what does nothing is not shown"
    fine(page.toggle(key="follow").set_value(False).run())
    assert page.slider(key="across").value == 50


def test_the_true_box_is_the_one_of_the_token_s_own_characters(app) -> None:
    number, box = first_print(app("reading"), "market")
    page = app("reading", token=str(number + 1), true_box="true")
    shapes = figures(page)["reading_page"]["layout"]["shapes"]
    (path,) = (one["path"] for one in shapes if one.get("name") == "true box")
    corners = [float(v) for v in re.findall(r"-?\d+\.?\d*", path)]
    assert corners[:4] == pytest.approx([box[0], box[1], box[2], box[3]], abs=0.1)
    tag = app("reading", token="1", true_box="true")
    assert "stands nowhere on the page" in texts(tag)


def test_layers_and_heads_are_those_of_the_record(app) -> None:
    page = app("reading", step="2")
    grid = next(one for one in figures(page)["reading_heads"]["data"] if "customdata" in one)
    heads = len(grid["customdata"]) if isinstance(grid["customdata"], list) else len(grid["x"])
    assert page.select_slider(key="decoder_layer").options == ["mean", "1", "2", "3", "4"]
    assert page.select_slider(key="decoder_layer").value == "4", "the last layer points best"
    assert 4 * (len(page.select_slider(key="decoder_head").options) - 1) == heads


def by_method(page: Any, key: str = "reading_page") -> np.ndarray:
    """The map that the page's figure shows."""
    (drawn,) = heats(figures(page)[key])
    return array(drawn["z"])


@pytest.fixture(scope="module")
def of_library() -> Callable[[int], np.ndarray]:
    """The relevance map of a token of the default page, straight from the library."""
    model = va.load("receipt-donut")

    def relevance(target: int) -> np.ndarray:
        record = model.attend(DRAWN.picture, prompt="<s_receipt>", target=target, keep=methods()["relevance"].needs)
        return methods()["relevance"](record).values

    return relevance


def test_the_map_of_a_method_is_the_library_s_for_every_token(app, of_library) -> None:
    page = app("reading", token="3", heat_method="relevance")
    assert heading(page) == 'Relevance for token 3, "ark"'
    np.testing.assert_allclose(by_method(page), of_library(2), rtol=1e-5, atol=1e-9)
    fine(page.button(key="token_next").click().run())
    assert heading(page).startswith("Relevance for token 4,")
    np.testing.assert_allclose(by_method(page), of_library(3), rtol=1e-5, atol=1e-9)
    assert np.abs(of_library(2) - of_library(3)).max() > 0.01, "negative control: another token has another map"
    fine(page.selectbox(key="heat_method").set_value("attention").run())
    assert heading(page).startswith("Read for token 4,")
    assert "heat_method" not in page.query_params


def test_signed_relevance_of_a_token_is_the_library_s(app) -> None:
    page = app("reading", token="3", heat_method="AttnLRP")
    record = va.load("receipt-donut").attend(
        DRAWN.picture, prompt="<s_receipt>", target=2, keep=methods()["attnlrp"].needs
    )
    expected = methods()["attnlrp"](record).values
    np.testing.assert_allclose(by_method(page), expected, rtol=1e-4, atol=1e-7)
    assert expected.min() < 0 < expected.max()
    assert not [one for one in page.slider if one.key == "heat_start"], "there is no layer to start from"


@pytest.mark.slow
def test_the_lesson_says_how_well_relevance_points() -> None:
    """The figures of "Careful": six receipts, strongest cells on the print of sub-words and of digits, in percent."""
    model, counts = va.load("receipt-donut"), np.zeros((2, 2, 2))
    for document in other_pages("receipt", OTHERS):
        page = model.page(document.image)
        record = model.attend(page, prompt=document.prompt)
        truth = token_truth(token_names(record), document.values, record.geometry)
        maps = token_heat(record, [3]), token_heat(record, [3])
        for row in np.flatnonzero(np.isfinite(truth.boxes[:, 0])).tolist():
            again = model.attend(page, prompt=document.prompt, target=row, keep=methods()["relevance"].needs)
            maps[0][row] = methods()["relevance"](again).values
        for n, heat in enumerate(maps):
            found = hits(heat, truth, record.geometry.seen)
            counts[n] += [(one.hit * one.tokens, one.tokens) for one in (found.words, found.digits)]
    numbers = np.round(100 * counts[..., 0] / counts[..., 1]).astype(int)
    assert numbers.tolist() == [[90, 66], [86, 98]]
    careful = lessons()["reading"].sections["Careful"]
    assert all(f"{number} %" in careful for number in numbers.ravel())


def test_a_text_that_was_written_twice_has_two_maps(app, of_library) -> None:
    written = Written(app("reading")).tokens
    text = next(one for one in written.values() if one.strip().isdigit() and [*written.values()].count(one) > 1)
    first, second = [n for n, one in sorted(written.items()) if one == text][:2]
    for number in (first, second):
        page = app("reading", token=str(number + 1), heat_method="relevance")
        np.testing.assert_allclose(by_method(page), of_library(number), rtol=1e-5, atol=1e-9)
    assert not np.allclose(of_library(first), of_library(second), rtol=0.01)


def test_a_method_about_a_token_needs_no_layer_and_the_menu_says_what_it_lacks(app) -> None:
    page = app("reading", heat_method="relevance")
    assert not [one for one in page.select_slider if one.key in ("decoder_layer", "decoder_head")]
    assert page.selectbox(key="heat_scale").options[0] == "raw", "the other tokens' maps are not there to share a scale"
    told = texts(page)
    assert "The gradient stops at the encoded page" in told
    assert re.search(r"Not here: .*rollout.* \(wants self-attention over the picture", told)
    page = app("reading", heat_method="heads of one layer", decoder_layer="2", heat_fusion="max")
    assert page.select_slider(key="decoder_layer").options == ["1", "2", "3", "4"]
    assert "Layer 2, max of all heads, asked by token 2" in texts(page)


def test_a_closer_look_is_at_the_method_s_map_and_figures_of_attention_stay(app, of_library) -> None:
    page = app("reading", step="4", token="3", heat_method="relevance")
    np.testing.assert_allclose(by_method(page, "reading_closer"), of_library(2), rtol=1e-5, atol=1e-9)
    layout = figures(page)["reading_closer"]["layout"]
    row, column = np.unravel_index(of_library(2).argmax(), (8, 12))
    assert layout["xaxis"]["range"][0] <= 32 * column + 16 <= layout["xaxis"]["range"][1]
    assert layout["yaxis"]["range"][1] <= 64 * row + 32 <= layout["yaxis"]["range"][0]
    fine(page.run())
    rates = app("reading", step="5", heat_method="relevance")
    assert figures(rates).keys() == figures(app("reading", step="5")).keys()
    assert not [one for one in rates.selectbox if one.key == "heat_method"], "what does nothing is not shown"


def test_code_command_and_files_follow_the_method(app, of_library, monkeypatch: pytest.MonkeyPatch) -> None:
    page = app("reading", token="4", heat_method="relevance", heat_start="2", panel="code")
    lines, command = (one.value for one in page.code)
    expected = (
        "receipt-3-3 --model receipt-donut --method relevance --start 1 --alpha 0.4 --prompt '<s_receipt>' --target 3"
    )
    assert command == f"python -m vit_attention visualize {expected}"
    shown: list[Any] = []
    monkeypatch.setattr("plotly.graph_objects.Figure.show", lambda figure: shown.append(figure))
    kept: dict[str, Any] = {}
    exec(compile(lines, "page", "exec"), kept)
    np.testing.assert_allclose(kept["found"].values, by_method(page), rtol=1e-5, atol=1e-9)
    assert not np.allclose(kept["found"].values, of_library(3)), "from the second layer on"
    assert len(shown) == 1
    now = reading.made(
        reading.Looked(readers.BUNDLED, "receipt-3-3"), "<s_receipt>", 3, None, 3, said_.Way("relevance")
    ).again()
    files = said_view.files("relevance-4")
    numbers = np.loadtxt(io.BytesIO(files["This map (CSV)"][1](now)), delimiter=",", skiprows=1)
    np.testing.assert_allclose(numbers[:, 2], of_library(3).ravel(), rtol=1e-4, atol=1e-9)
    assert Image.open(io.BytesIO(files["This map (PNG)"][1](now))).width == 448


def test_a_map_that_cannot_be_had_says_why_and_attention_is_shown(app, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("budget: want less")

    app("reading")
    monkeypatch.setattr("ui.store.resources.run", fail)
    page = app("reading", heat_method="relevance")
    (problem,) = (one.value.replace("\\", "") for one in page.error)
    assert problem == "This method has no map here: budget: want less"
    assert heading(page).startswith("Read for token 2,")


def test_what_is_said_of_a_token_names_kind_field_and_probability(app) -> None:
    assert re.search(r'Token 1, "<s_store>"; opening tag; probability \d+\.\d%', texts(app("reading", token="1")))
    word = app("reading", token="2")
    assert re.search(r'Token 2, "\w+"; first piece; field store; probability \d+\.\d%', texts(word))


def answer(page: Any, option: str) -> Any:
    return fine(page.radio[-1].set_value(option).run())


def test_the_outcome_waits_for_the_guess_and_lists_every_tag(app) -> None:
    page = app("reading", step="6", decoder_layer="4", decoder_head="1")
    with pytest.raises(AssertionError, match="no table"):
        table(page, "strongest cell lies")
    assert "reading_page" in figures(page)
    assert page.slider(key="token"), "the page that is shown until then can be stepped through"
    fine(next(one for one in page.button if one.label == "Show the answer").click().run())
    found = table(page, "strongest cell lies")
    assert len(found["tag"]) == 11, "store, three articles of three values, total"
    assert found["tag"][0] == "<s_store>"
    counts = {place: found["strongest cell lies"].count(place) for place in set(found["strongest cell lies"])}
    for place, count in counts.items():
        assert f"{place}: {count}" in said(page)


def test_a_first_miss_gives_a_hint_and_a_second_the_numbers(app) -> None:
    page = app("reading", step="3")
    answer(page, "The row after its own")
    assert "Compare where the heat lies" in said(page)
    assert "its own row:" not in said(page)
    answer(page, "The row before its own")
    assert re.search(r"Not quite\. .*its own row: \d+%", said(page))
    page = app("reading", step="3")
    answer(page, "Its own row")
    assert re.search(r"Right\. .*its own row: \d+%", said(page))


def claim(page: Any, name: str) -> str:
    return said(fine(page.button(key=f"here_reading.{name}").click().run()))


@pytest.mark.parametrize("step", [n for n in STEPS if lessons()["reading"].steps[n - 1].claim])
def test_every_claim_can_be_tested(app, step: int) -> None:
    asked = lessons()["reading"].steps[step - 1].claim
    assert asked
    told = claim(app("reading", step=str(step)), asked.finding.removeprefix("reading."))
    assert re.search(r"On this picture: .*\d", told)


def test_a_step_keeps_what_was_found_and_another_head_does_not(app) -> None:
    page = app("reading", step="10", token="3")
    found = claim(page, "unsure_spread")
    fine(page.button(key="token_next").click().run())
    assert found in said(page)
    fine(page.select_slider(key="decoder_head").set_value("2").run())
    assert found not in said(page)


def test_a_step_shows_its_page_and_gives_the_former_one_back(app) -> None:
    page = app("reading", step="9", document="receipt-5-2")
    assert page.selectbox(key="document").value == "receipt-5-2", "the address has the last word"
    page = app("reading", step="8")
    fine(page.button(key="next").click().run())
    fine(page.run())
    assert page.selectbox(key="document").value == "invented-3-3"
    assert json.loads(Written(page).text)["store"] == "marll caner"
    fine(page.button(key="next").click().run())
    fine(page.run())
    assert page.selectbox(key="document").value == "receipt-8-4"
    assert page.slider(key="token").value == 52
    fine(page.button(key="back").click().run())
    fine(page.button(key="back").click().run())
    fine(page.run())
    assert page.selectbox(key="document").value == "receipt-3-3"


def test_the_story_s_token_is_the_least_sure_and_looks_at_a_cell_that_holds_both_words() -> None:
    """What step 10 says, from the drawing: cells are 32 x 64 pixels of the page."""
    page = documents.get("receipt-8-4")
    now = reading.made(reading.Looked(readers.BUNDLED, page.key), page.prompt, 3, None, 51)
    assert np.nanargmin(now.chances) == 51
    assert now.chances[[51, 70]] == pytest.approx([0.35, 0.44], abs=0.01)
    row, column = np.unravel_index(now.heat().argmax(), now.grid)
    assert (row + 1, column + 1) == (4, 8)
    waffle, banana = (next(one.box for one in page.truth.words if one.text == text) for text in ("waffle", "banana"))
    for left, top, right, bottom in (waffle, banana):
        assert left < 32 * (column + 1)
        assert right > 32 * column
        assert max(top, 64 * row) < min(bottom, 64 * (row + 1))
    assert waffle[1] < banana[1]


@pytest.mark.parametrize("through", ["reading", "fields"])
def test_another_page_begins_at_its_first_word(app, through: str) -> None:
    page = app("reading", token="20")
    if through == "fields":
        fine(page.switch_page("pages/fields.py").run())
    fine(page.selectbox(key="document").set_value("form-6").run())
    if through == "fields":
        fine(page.switch_page("pages/reading.py").run())
    token = page.slider(key="token").value
    assert Written(page).marked == {token - 1}
    assert re.search(rf'Token {token}, "[^"<]+"; first piece', texts(page))
    written = Written(page).tokens
    assert not any(n < token - 1 and not text.startswith('"') for n, text in written.items()), "it is the first one"


def test_the_trust_card_says_hits_beside_chance(app) -> None:
    card = next(one.value for one in app("reading", panel="trust").markdown if "parity residual" in one.value)
    assert re.search(r"\| word hit \| \d+% of \d+ \(chance \d+\.\d%\)", card)
    assert re.search(r"\| digit hit \| \d+% of \d+ \(chance \d+\.\d%\)", card)
    assert "left out" in card
    # A row over 8 x 12 cells.
    assert re.search(r"\| entropy \| \d\.\d\d bits of 6\.58 \|", card)


def picture_file(size: tuple[int, int] = (300, 200)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (240, 240, 235)).save(out, "PNG")
    return out.getvalue()


def give(page: Any, name: str, data: bytes) -> Any:
    return fine(page.file_uploader(key="reading_upload").set_value((name, data, "image/png")).run())


def test_an_own_page_says_what_the_small_model_was_trained_to_read(app) -> None:
    page = give(app("reading", panel="trust"), "mine.png", picture_file())
    assert page.selectbox(key="document").value == "own document"
    (warning,) = (one.value for one in page.warning)
    assert "trained on nothing but drawn receipts" in warning
    layout = figures(page)["reading_page"]["layout"]
    assert layout["xaxis"]["range"] == [0, 300]
    assert layout["height"] < 350 < figures(app("reading"))["reading_page"]["layout"]["height"], "as flat as the page"
    card = next(one.value for one in page.markdown if "parity residual" in one.value)
    assert "against the truth | unknown" in card
    assert not [one for one in page.toggle if one.key == "true_box"]
    page.session_state["step"] = 5
    fine(page.run())
    assert "is not known" in claim(page, "looked_at")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"shopping list: bread, milk\n" * 20, "want a"),
        (picture_file()[:200], ""),
        (b"", "empty"),
    ],
)
def test_what_is_no_page_is_refused_by_name_and_the_page_stays(app, data: bytes, message: str) -> None:
    page = give(app("reading"), "mine.png", data)
    (problem,) = (one.value.replace("\\", "") for one in page.error)
    assert problem.startswith("mine.png: picture: ")
    assert message in problem
    assert page.selectbox(key="document").value == documents.DEFAULT
    assert json.loads(Written(page).text)


def test_what_a_model_writes_is_shown_and_never_run(app, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = ("<s_nm>", "▁<script>alert(1)</script>", '"><img', "</s_nm>", "**bold**", "</s>")
    hostile = made([[looks({}, rows=len(tokens))]], tokens=tokens, chances=np.full(len(tokens), 0.5))
    monkeypatch.setattr(readers, "record", lambda *_: hostile.record)
    monkeypatch.setattr(documents, "get", lambda _: hostile.document)
    for number in range(1, len(tokens) + 1):
        page = app("reading", token=str(number))
        written = Written(page)
        assert written.tags <= {"div", "pre", "span"}
        assert json.loads(written.text)["nm"].startswith("<script>alert(1)</script>")
        assert not any("<script" in title or "<img" in title for title in titles(page))
        assert not any("<script" in one.value or "bold" in one.value for one in page.markdown)


def pressed(page: Any) -> Any:
    """The button that the browser presses by itself, and after how many milliseconds; None without one."""
    (program,) = (one for one in components(page) if "press" in one)
    return program["press"]


def test_play_walks_on_and_stops_at_the_end(app) -> None:
    page = app("reading", token="1")
    last = Written(page).data["last"] + 1
    assert pressed(page) is None
    fine(page.slider(key="token").set_value(last - 1).run())
    fine(page.button(key="token_play").click().run())
    assert page.button(key="token_play").label == "■ Stop"
    assert pressed(page) == {"button": "token_next", "after": 1000 * stepping.PAUSE, "at": last - 1}
    fine(page.button(key="token_next").click().run())
    assert page.slider(key="token").value == last
    assert pressed(page) is None
    assert page.button(key="token_play").label == "▶ Play"
    fine(page.button(key="token_play").click().run())
    assert page.slider(key="token").value == 1, "at the end it begins again"
    assert pressed(page)["at"] == 1
    fine(page.button(key="token_play").click().run())
    assert pressed(page) is None


def test_a_published_reader_is_offered_and_the_bundled_one_shown(app) -> None:
    page = app("reading", reader="donut-base")
    assert any("is not on this machine yet" in one.value for one in page.markdown)
    assert page.button(key="fetch_reader")
    assert json.loads(Written(page).text)


def test_a_published_reader_states_its_needs_and_waits(app, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    by_hand = made([[looks(CELLS)]], chances=np.full(len(TOKENS), 0.5))
    about = {"grid": (80, 60), "recipe": SimpleNamespace(size=(2560, 1920)), "signals": frozenset()}
    loaded = SimpleNamespace(**about, estimate=lambda tokens: 123e6)
    monkeypatch.setattr(documents, "get", lambda _: by_hand.document)
    monkeypatch.setattr(readers, "at_hand", lambda name: True)
    monkeypatch.setattr(readers, "model", lambda name: loaded)
    monkeypatch.setattr(
        readers, "record", lambda name, document, prompt: asked.append((name, prompt)) or by_hand.record
    )
    page = app("reading", reader="donut-docvqa")
    assert "2560 x 1920 pixels" in said(page)
    assert "123 MB of maps over 80 x 60 cells" in said(page)
    assert not asked
    fine(page.text_input(key="question").set_value("How <s_answer>much?").run())
    fine(page.button(key="read_now").click().run())
    ((name, prompt),) = set(asked)
    assert name == "donut-docvqa"
    assert prompt == "<s_docvqa><s_question>How  s_answer>much?</s_question><s_answer>"
    assert json.loads(Written(page).text) == {"nm": "teapot", "price": "42"}


def test_an_own_checkpoint_folder_is_offered_and_read(app, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = donuts.folder(tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv(readers.OWN, os.pathsep.join(map(str, (folder, tmp_path / "empty", tmp_path / "gone"))))
    page = app("reading", reader=f"hf:{folder}")
    assert page.selectbox(key="reader").options[-2:] == [f"hf:{folder}", f"hf:{tmp_path / 'empty'}"]
    fine(page.text_input(key="prompt").set_value("<s_nobody_trained_this>").run())
    fine(page.button(key="read_now").click().run())
    assert any("want tokens this model knows" in one.value for one in page.error)
    fine(page.text_input(key="prompt").set_value("<s_form>").run())
    fine(page.button(key="read_now").click().run())
    assert not page.error
    assert figures(page)
    assert page.select_slider(key="decoder_layer").options == ["mean", "1", "2"]
    fine(next(one for one in page.get("button_group") if one.key == "panel").set_value("code").run())
    assert f"va.load('hf:{folder}')" in " ".join(one.value for one in page.code)
    broken = app("reading", reader=f"hf:{tmp_path / 'empty'}")
    assert any("cannot read this page" in one.value for one in broken.error)


def test_whoever_has_the_key_of_the_server_loads_another_reader(app, tmp_path: Path) -> None:
    folder = donuts.folder(tmp_path / "mine")
    page = app("reading")
    assert not [one for one in page.text_input if one.key == "reader_hf"]
    fine(page.text_input(key=visitors.TYPED).set_value(visitors.key()).run())
    for wrong in (str(tmp_path / "nothing"), "scene-vit"):
        fine(page.text_input(key="reader_hf").set_value(wrong).run())
        fine(page.button(key="reader_load").click().run())
        assert any("cannot be loaded" in one.value for one in page.error)
        assert any(one.value.startswith("hf: want a model folder") for one in page.text)
        assert page.selectbox(key="reader").value == readers.BUNDLED
    fine(page.text_input(key="reader_hf").set_value(str(folder)).run())
    fine(page.button(key="reader_load").click().run())
    assert page.selectbox(key="reader").value == f"hf:{folder}"
    assert page.button(key="read_now")


def test_a_model_that_reads_no_page_is_refused_when_it_is_typed(app, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = SimpleNamespace(card=SimpleNamespace(task="classify"))
    monkeypatch.setattr(readers, "model", lambda name: loaded)
    with pytest.raises(ValueError, match="want a model that reads pages"):
        readers.load("owner/name")


def test_a_reader_that_fails_says_why_and_leaves_the_choice(app, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("page: want less")

    monkeypatch.setattr(readers, "record", fail)
    page = app("reading")
    (problem,) = (one.value.replace("\\", "") for one in page.error)
    assert problem == "receipt-donut cannot read this page: page: want less"
    assert page.selectbox(key="document").value == documents.DEFAULT


def test_the_code_on_the_page_draws_what_the_page_draws(app, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    page = app("reading", token="3", decoder_layer="4", decoder_head="2", document="invented-3-3", panel="code")
    shown: list[Any] = []
    monkeypatch.setattr("plotly.graph_objects.Figure.show", lambda figure: shown.append(figure))
    code = next(one.value for one in page.code if "page_with_heat" in one.value)
    kept: dict[str, Any] = {}
    exec(compile(code, "page", "exec"), kept)
    assert kept["heat"].sum() == pytest.approx(1, abs=1e-3)
    assert len(shown) == 1
    assert capsys.readouterr().out.strip() in heading(page).replace("&lt;", "<").replace('"', "▁") or kept["token"] == 2


@pytest.mark.parametrize(
    ("sent", "number"), [([7], 8), ([7.0], 8), ([-4], 1), (["<b>"], None), ([1e300], None), ([], None), ([None], None)]
)
def test_whatever_the_browser_sends_is_a_number_or_nothing(
    monkeypatch: pytest.MonkeyPatch, sent: list[Any], number: int | None
) -> None:
    kept: dict[str, Any] = {}
    monkeypatch.setattr("streamlit.session_state", kept)
    pick_number("token", sent)
    assert kept.get("token") == number
