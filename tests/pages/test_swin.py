"""The pages about an encoder with windows in their states: stage, block, head and cell, other encoders, any link."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

import vit_attention as va
from tests.pages.reading import figures, fine, said, table, titles
from tests.vit_attention import donuts
from tutorials.lessons import lessons
from ui.read import swin, swin_proof
from ui.store import documents, readers
from vit_attention import registry
from worlds.receipts import receipt

from transformers import DonutSwinConfig, DonutSwinModel, VisionEncoderDecoderModel  # isort: skip

App = Callable[..., AppTest]
PUBLISHED = {"depths": [2, 2, 14, 2], "num_heads": [4, 8, 16, 32]}


STEP = {"windows": "1", "pairs": "2", "rolled": "5", "map": "8", "heads": "9"}
"""A step of the lesson on windows that shows each figure and sets nothing that a test below does not name."""
OF_MERGING = {"stages": "1", "merge": "2", "bias": "3", "reach": "5", "growth": "7"}


def choose(page: AppTest, key: str, value: int) -> AppTest:
    """The page after a slider was moved."""
    return fine(page.slider(key=key).set_value(value).run())


def numbers(page: AppTest, key: str) -> tuple[int, int]:
    """What a slider has chosen, and its last number."""
    return int(page.slider(key=key).value), int(page.slider(key=key).max)


def heads(page: AppTest) -> int:
    return len(page.select_slider(key="head").options) - 1


def cell(page: AppTest) -> tuple[int, int]:
    return int(page.number_input(key="swin_row").value), int(page.number_input(key="swin_column").value)


def answer(page: AppTest, number: float) -> AppTest:
    """The page after a number was typed into the field of its question."""
    return fine(next(one for one in page.number_input if one.label.startswith("Answer")).set_value(number).run())


def try_claim(page: AppTest, finding: str) -> str:
    return said(fine(page.button(key=f"here_{finding}").click().run()))


def unpacked(values: Any) -> NDArray[np.floating]:
    """A figure's array, which Plotly sends as base64."""
    kind = np.dtype(values["dtype"]).newbyteorder("<")
    shape = [int(side) for side in str(values.get("shape", -1)).split(",")]
    return np.frombuffer(base64.b64decode(values["bdata"]), kind).reshape(shape)


def painted(page: AppTest, key: str, grid: tuple[int, int], size: tuple[int, int]) -> NDArray[np.floating]:
    """(rows, columns) what the figure paints on a page of `size` (width, height) pixels; NaN where it paints nothing."""
    out = np.full(grid, np.nan)
    for trace in figures(page)[key]["data"]:
        if trace["type"] != "heatmap":
            continue
        for (row, column), value in np.ndenumerate(unpacked(trace["z"])):
            x, y = trace["x0"] + column * trace["dx"], trace["y0"] + row * trace["dy"]
            out[int(y / size[1] * grid[0]), int(x / size[0] * grid[1])] = value
    return out


@pytest.mark.parametrize(
    ("stage", "block", "row", "column", "head"),
    [(3, 1, 6, 8, None), (3, 2, 16, 10, 2), (4, 2, 8, 12, 3), (1, 1, 1, 96, 2)],
)
def test_the_map_is_the_librarys_row_and_nothing_off_the_window_or_forbidden_is_painted(
    app: App, stage: int, block: int, row: int, column: int, head: int | None
) -> None:
    named = {} if head is None else {"head": str(head)}
    where = {"stage": str(stage), "block": str(block), "swin_row": str(row), "swin_column": str(column), **named}
    page = app("swin", step=STEP["map"], **where)
    name = "mean of all heads" if head is None else f"head {head}"
    assert titles(page) == [f"Stage {stage}, block {block}, {name}"]
    picture = receipt(3, 3).picture
    plan = va.load("receipt-donut").stages()[stage - 1]
    query = (row - 1) * plan.grid[1] + column - 1
    block_of = va.load("receipt-donut").windows(picture, stage - 1, block - 1, [query])
    rows = block_of.row(query)
    want = rows.mean(axis=0) if head is None else rows[head - 1]
    want = np.where(block_of.forbidden(query), np.nan, want)
    np.testing.assert_allclose(painted(page, "swin_map", plan.grid, picture.size), want, atol=1e-6)


@pytest.mark.parametrize(("name", "steps"), [("swin", STEP), ("merging", OF_MERGING)])
def test_every_step_and_the_whole_lesson_open_cold(app: App, name: str, steps: dict[str, str]) -> None:
    for number in range(1, len(lessons()[name].steps) + 1):
        page = app(name, step=str(number))
        assert len(figures(page)) == 1
        assert not page.warning
    assert set(figures(app(name, all="true"))) == {
        {"map": "swin_map", "windows": "swin_page"}.get(view, f"swin_{view}") for view in steps
    }


def test_the_lesson_opens_on_a_shifted_block(app: App) -> None:
    page = app("swin")
    assert titles(page) == ["Windows of stage 3, block 2"]
    assert "shifted by 2" in str(figures(page)["swin_page"]["layout"]["annotations"])


def test_stage_and_head_pickers_follow_the_encoder_and_the_cell_keeps_its_place(app: App) -> None:
    page = app("swin", step=STEP["map"], stage="3", block="4", swin_row="16", swin_column="10")
    assert numbers(page, "block") == (4, 4)
    assert heads(page) == 8
    fine(page.select_slider(key="head").set_value("8").run())
    assert titles(page) == ["Stage 3, block 4, head 8"]
    choose(page, "stage", 4)
    assert numbers(page, "block") == (2, 2)  # there is no fourth block
    assert cell(page) == (8, 5)  # the same place of the page on a grid half as fine
    assert heads(page) == 16
    choose(page, "stage", 1)
    assert not [one for one in page.slider if one.key == "block"]  # the first stage has one block
    assert page.select_slider(key="head").value == "mean"  # two heads: there is no eighth
    row, column = cell(page)
    assert abs((row - 0.5) / 64 - 15.5 / 16) <= 0.5 / 64
    assert abs((column - 0.5) / 96 - 9.5 / 24) <= 0.5 / 96 + 1e-9
    choose(page, "stage", 3)
    assert cell(page) == (16, 10)  # there and back


def test_a_link_is_not_moved_by_where_the_cell_was_before(app: App) -> None:
    page = app("swin", stage="1", swin_row="60", swin_column="90")
    for key, value in {"stage": "3", "swin_row": "2", "swin_column": "3"}.items():
        page.query_params[key] = value
    fine(page.run())
    assert cell(page) == (2, 3)
    page.query_params.clear()
    page.query_params["stage"] = "4"
    fine(page.run())
    assert cell(page) == (3, 4)  # of 8 x 12 cells, 0.36 of the height and 0.3 of the width


@pytest.mark.parametrize(("stage", "small"), [("1", True), ("2", False)])
def test_where_cells_are_too_small_to_hit_the_page_says_what_a_click_does(app: App, stage: str, small: bool) -> None:
    page = app("swin", stage=stage)
    assert any("a click chooses the middle of a window" in one.value for one in page.caption) is small
    chooser = figures(page)["swin_page"]["data"][-1]["customdata"]
    assert unpacked(chooser).size == (16 * 24 if small else 32 * 48)  # a place a window, or one a cell


def test_a_click_chooses_a_cell_and_what_is_no_cell_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    monkeypatch.setattr(swin.st, "session_state", state)
    for points in ([], ["x"], [-1], [16 * 24]):
        swin.pick_cell((16, 24), points)
    assert state == {}
    swin.pick_cell((16, 24), [15 * 24 + 9])
    assert (state[swin.ROW], state[swin.COLUMN]) == (16, 10)


@pytest.mark.parametrize("plain", ["true", "false"])
def test_a_link_restores_every_choice(app: App, plain: str) -> None:
    where = {"document": "receipt-5-2", "stage": "3", "block": "2", "head": "5", "swin_row": "16", "swin_column": "24"}
    look = {"swin_zoom": "false", "swin_scale": "log", "swin_colours": "Viridis", "swin_opacity": "0.4"}
    page = app("swin", step=STEP["map"], panel="code", **where, **look)
    drawn = figures(page)
    assert titles(page) == ["Stage 3, block 2, head 5"]
    width, height = receipt(5, 2).picture.size
    layout = drawn["swin_map"]["layout"]
    assert (layout["xaxis"]["range"], layout["yaxis"]["range"]) == ([0, width], [height, 0])  # the whole page
    heat = next(trace for trace in drawn["swin_map"]["data"] if trace["type"] == "heatmap")
    assert heat["opacity"] == 0.4
    assert any("log" in note["text"] for note in layout["annotations"])
    code = " ".join(one.value for one in page.code)
    assert "stage, block = 2, 1" in code
    assert "receipt(5, 2)" in code
    assert "query = 383" in code
    page = app("swin", **where, swin_plain=plain)
    dashes = [shape["line"].get("dash") for shape in figures(page)["swin_page"]["layout"]["shapes"]]
    assert ("solid" in dashes[:2]) == (plain == "true")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"stage": "99"}, "There is no stage 99, only 1 to 4; stage 3 is shown."),
        ({"stage": "1", "swin_row": "9999"}, "There is no row 9999, only 1 to 64; row 24 is shown."),
        ({"swin_column": "1e9"}, "There is no column 1e9, only 1 to 24; column 8 is shown."),
        ({"stage": "<script>"}, "There is no stage"),
        ({"head": "16"}, "There is no head"),
        ({"document": "receipt-99999999999-9"}, "There is no page named"),
        ({"reader": "<b>"}, "There is no reader"),
        ({"step": "77"}, "There is no step 77, only 0 to"),
    ],
)
@pytest.mark.parametrize("name", ["swin", "merging"])
def test_what_a_link_asks_for_in_vain_is_said(app: App, name: str, parameters: dict[str, str], sentence: str) -> None:
    page = app(name, **parameters)
    assert len(figures(page)) == 1
    told = [one.value.replace("\\", "") for one in page.warning]
    assert len(told) == 1
    assert told[0].startswith(sentence)


def test_a_corner_of_a_shifted_block_is_said_as_it_is(app: App) -> None:
    """By hand: four windows' corners meet there, so 4 of 16 cells are on the cell's own side of both edges."""
    corner = {"block": "2", "swin_row": "16", "swin_column": "24"}
    page = app("swin", step=STEP["rolled"], **corner)
    assert any("12 of its 16 places are forbidden" in one.value for one in page.caption)
    page = app("swin", step="6", panel="trust", swin_zoom="true", **corner)
    assert any("Its window lies in 4 parts" in one.value for one in page.caption)
    facts = table(page, "what it means")
    told = dict(zip(facts["check"], facts["here"], strict=True))
    assert told["on forbidden cells"] == "0.0e+00 on 12 cells"
    assert told["off the window"] == "not defined"
    assert told["entropy"].endswith("of 2.00 bits")
    assert float(told["sum over the window"]) == pytest.approx(1, abs=5e-4)
    assert float(told["parity residual"]) < 1e-4
    answer(page, 4)
    assert "forbids 12, 0 are padding, and 4 may be read" in said(page)


def test_the_guess_opens_the_sum_of_pairs(app: App) -> None:
    page = app("swin", step=STEP["pairs"])
    with pytest.raises(AssertionError, match="pairs in windows"):
        table(page, "pairs in windows")
    fine(page.radio[0].set_value("1 % to 10 %").run())
    pairs = table(page, "pairs in windows")
    assert (pairs["pairs in windows"][2], pairs["all pairs"][2]) == ("6,144", "147,456")
    assert unpacked(figures(page)["swin_pairs"]["data"][0]["x"]).round().tolist() == [384, 96, 24, 6]


@pytest.mark.parametrize(
    ("name", "step", "finding", "words"),
    [
        ("swin", "4", "swin.shift_joins", "pairs of touching cells"),
        ("swin", "7", "swin.half_forbidden", "last row of windows"),
        ("swin", "9", "swin.deeper_spreads", "stage 4"),
        ("merging", "4", "swin.fixed_neighbour", "is no discovery; a published Donut starts without it"),
        ("merging", "7", "swin.whole_page", "of the first stage"),
    ],
)
def test_what_is_tested_is_said_with_its_numbers(app: App, name: str, step: str, finding: str, words: str) -> None:
    assert words in try_claim(app(name, step=step), finding)


def test_what_can_have_reached_the_cell_grows_with_the_blocks(app: App) -> None:
    """By hand: 4 x 4 cells see each other in stage 1; each merging doubles a side; the first shift adds a window."""
    where = {"swin_row": "6", "swin_column": "8"}
    page = app("merging", step=OF_MERGING["reach"], block="2", **where)
    assert any("32 of 64 rows and 32 of 96 columns" in one.value for one in page.caption)
    reached = painted(page, "swin_reach", (64, 96), receipt(3, 3).picture.size)
    assert int(np.isfinite(reached).sum()) == 32 * 32
    page = app("merging", step=OF_MERGING["growth"], **where)
    shares = unpacked(figures(page)["swin_growth"]["data"][0]["x"])
    np.testing.assert_allclose(shares[:4] * 64 * 96 / 100, [4 * 4, 8 * 8, 16 * 16, 32 * 32])
    assert len(shares) == 1 + 1 + 4 + 2


def test_merging_keeps_half_of_the_numbers_and_a_corner_never_sees_the_whole_page(app: App) -> None:
    """A quarter of the cells with twice the numbers: 50 %. A first miss is answered by a hint."""
    page = app("merging", step=OF_MERGING["merge"])
    answer(page, 25)
    assert "Not quite. How many cells are left of four?" in said(page)
    answer(page, 50)
    assert "Right. Stage 3: 384 cells of 96 numbers are 36,864" in said(page)
    page = app("merging", step="6", swin_row="1", swin_column="1")
    assert list(figures(page)) == ["swin_reach"]
    fine(page.radio[0].set_value("Never").run())
    assert said(page).startswith("Right.")
    assert list(figures(page)) == ["swin_growth"]


def test_the_code_makes_the_same_map_and_bias(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    where = {"stage": "4", "block": "2", "swin_row": "8", "swin_column": "3", "head": "7", "panel": "code"}
    page = app("swin", step=STEP["map"], **where)
    shown: list[go.Figure] = []
    monkeypatch.setattr(go.Figure, "show", lambda figure: shown.append(figure))
    exec(next(one.value for one in page.code if "window_map" in one.value), {})
    made = json.loads(shown[0].to_json())
    drawn = figures(page)["swin_map"]
    for ours, theirs in zip(made["data"], drawn["data"], strict=True):
        if ours["type"] == "heatmap":
            np.testing.assert_array_equal(unpacked(ours["z"]), unpacked(theirs["z"]))
    drawn = figures(app("merging", step=OF_MERGING["bias"], **where))["swin_bias"]
    np.testing.assert_array_equal(*(unpacked(one["data"][0]["z"]) for one in (json.loads(shown[1].to_json()), drawn)))


def test_the_file_of_the_bias_names_every_head_and_step() -> None:
    picture = receipt(3, 3).picture
    block = va.load("receipt-donut").windows(picture, 3, 1, [0])
    stub: Any = type("Stub", (), {"windows": block})()
    lines = swin_proof.bias_csv(stub).splitlines()
    assert lines[0] == "head,rows down,columns right,bias"
    assert len(lines) == 1 + 16 * 7 * 7
    head, down, right, value = lines[1 + 3 * 49 + 5 * 7 + 1].split(",")
    assert (head, down, right) == ("4", "2", "-2")
    assert float(value) == pytest.approx(float(block.bias[3, 5, 1]))


def network(path: Path, **changes: Any) -> Path:
    """A seeded Donut under `path` with an encoder of the published depths and heads, on pages of 128 x 96 pixels."""
    donuts.folder(path)
    settings = {"image_size": [128, 96], "patch_size": 4, "embed_dim": 32, "window_size": 2, "drop_path_rate": 0.0}
    encoder = DonutSwinModel(DonutSwinConfig(**{**settings, **PUBLISHED, **changes}))
    VisionEncoderDecoderModel(encoder=encoder, decoder=donuts.network().decoder).save_pretrained(path)
    recipe = {**donuts.PROCESSOR, "size": {"height": 128, "width": 96}}
    (path / "preprocessor_config.json").write_text(json.dumps(recipe))
    return path


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], str]]:
    """``offered(folder)``: its reader is at hand in the menu; returns its name there."""

    def offer(folder: Path) -> str:
        name = f"hf:{folder}"
        monkeypatch.setenv(readers.OWN, str(folder))
        return name

    yield offer
    readers.model.clear()
    readers.stages.clear()


def test_another_encoder_says_what_a_look_takes_and_brings_its_own_stages(
    app: App, offered: Callable[[Path], str], tmp_path: Path
) -> None:
    name = offered(network(tmp_path / "other"))
    page = app("swin", reader=name, step=STEP["heads"], stage="3", block="14", head="16")
    assert not figures(page)
    assert "128 x 96 pixels" in said(page)
    fine(page.button(key="swin_now").click().run())
    assert numbers(page, "stage")[1] == 4
    assert numbers(page, "block") == (14, 14)
    assert titles(page) == ["All 16 heads of the cell"]
    choose(page, "stage", 4)
    assert numbers(page, "block") == (2, 2)
    assert titles(page) == ["All 32 heads of the cell"]
    assert heads(page) == 32
    assert "stage 4" in try_claim(page, "swin.deeper_spreads")
    page = app("merging", reader=name, step="4")
    fine(page.button(key="swin_now").click().run())
    assert "too large to keep all" in (told := try_claim(page, "swin.fixed_neighbour"))
    assert "set by hand" not in told


def test_padding_is_told_and_neighbours_in_a_window_do_not_run_the_encoder_again(
    app: App, offered: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two stages, the second of 8 x 6 cells in windows of 4, so that two columns are padding."""
    name = offered(donuts.folder(tmp_path / "tiny"))
    asked: list[Any] = []
    plain = registry.load(name).__class__.windows
    monkeypatch.setattr(registry.load(name).__class__, "windows", lambda *a, **k: asked.append(a[2:]) or plain(*a, **k))
    where = {"stage": "2", "block": "2", "swin_row": "3", "swin_column": "6", "panel": "trust"}
    page = app("swin", reader=name, **where)
    fine(page.button(key="swin_now").click().run())
    assert numbers(page, "stage")[1] == 2
    assert "8 x 6 cells do not fill whole windows" in said(page)
    facts = table(page, "what it means")
    told = dict(zip(facts["check"], facts["what it means"], strict=True))
    assert " on padding" in told["sum over the window"]
    before = len(asked)
    assert before == 1
    fine(page.number_input(key="swin_row").set_value(4).run())  # rows 3 to 6 are one window of the shifted block
    assert cell(page) == (4, 6)
    assert len(asked) == before
    fine(page.number_input(key="swin_row").set_value(8).run())
    assert len(asked) == before + 1


def test_a_page_on_its_side_is_shown_upright_and_its_counting_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark in a corner of a page that lies on its side: its cell by the model's geometry is painted where the mark is."""
    upright = documents.get("receipt-3-3")
    side = upright.image.transpose(Image.Transpose.ROTATE_90)
    lying = dataclasses.replace(upright, key="lying", image=side, truth=None)
    monkeypatch.setattr(documents, "get", lambda wanted: lying)
    page = app("swin", stage="3", block="2", swin_row="6", swin_column="8")
    note = next(one.value for one in page.caption if one.value.startswith("The model turns this page"))
    geometry = va.load("receipt-donut").prepare(side).geometry
    start, down = geometry.to_original([[0, 0], [0, 1]])
    way = "to the right" if down[0] > start[0] else "to the left"
    assert f"its rows count {way}" in note
    assert swin.turned(geometry) == note
    layout = figures(page)["swin_page"]["layout"]
    assert (layout["xaxis"]["range"], layout["yaxis"]["range"]) == ([0, side.width], [side.height, 0])
    drawn = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    # No taller than the page is drawn beside a step, where it would float, nor than the first screen has room for.
    assert 200 < drawn <= 560 * side.height / side.width


def test_on_a_phone_the_stages_are_lines_of_text(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from ui.parts import controls

    monkeypatch.setattr(controls, "on_phone", lambda: True)
    page = app("merging", stage="4", block="2")
    assert not figures(page)
    stages = next(one.value for one in page.markdown if "stage 1: 64 rows x 96 columns" in one.value)
    assert "**▶ stage 4**: 8 rows x 12 columns, cells 32 pixels high, 16 wide; 16 heads, 2 blocks" in stages
