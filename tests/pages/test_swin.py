"""The page "Inside Swin" in its states: stage, block, head and cell, on encoders of other shapes, from any link."""

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
from tests.pages.reading import figures, fine, guess, said, table, titles, try_claim
from tests.vit_attention import donuts
from ui.parts import components, parts
from ui.read import documents, readers, swin, swin_proof
from vit_attention import registry
from worlds.receipts import receipt

from transformers import DonutSwinConfig, DonutSwinModel, VisionEncoderDecoderModel  # isort: skip

App = Callable[..., AppTest]
PUBLISHED = {"depths": [2, 2, 14, 2], "num_heads": [4, 8, 16, 32]}


def choose(page: AppTest, key: str, value: str) -> AppTest:
    """The page after a press on a row of numbers."""
    return fine(next(one for one in page.get("button_group") if one.key == key).set_value(value).run())


def numbers(page: AppTest, key: str) -> tuple[str, list[str]]:
    """What a row of numbers has chosen, and all it offers."""
    one = next(one for one in page.get("button_group") if one.key == key)
    return str(one.value), [str(option) for option in one.options]


def cell(page: AppTest) -> tuple[int, int]:
    return int(page.number_input(key="swin_row").value), int(page.number_input(key="swin_column").value)


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
    named = {} if head is None else {"swin_head": str(head)}
    page = app("swin", stage=str(stage), block=str(block), swin_row=str(row), swin_column=str(column), **named)
    name = "mean of all heads" if head is None else f"head {head}"
    assert f"Stage {stage}, block {block}, {name}" in titles(page)
    picture = receipt(3, 3).picture
    plan = va.load("receipt-donut").stages()[stage - 1]
    query = (row - 1) * plan.grid[1] + column - 1
    block_of = va.load("receipt-donut").windows(picture, stage - 1, block - 1, [query])
    rows = block_of.row(query)
    want = rows.mean(axis=0) if head is None else rows[head - 1]
    want = np.where(block_of.forbidden(query), np.nan, want)
    np.testing.assert_allclose(painted(page, "swin_map", plan.grid, picture.size), want, atol=1e-6)


def test_stage_and_head_menus_follow_the_encoder_and_the_cell_keeps_its_place(app: App) -> None:
    page = app("swin", stage="3", block="4", swin_row="16", swin_column="10")
    assert numbers(page, "block") == ("4", ["1", "2", "3", "4"])
    assert len(page.selectbox(key="swin_head").options) == 1 + 8
    fine(page.selectbox(key="swin_head").set_value("8").run())
    assert "Stage 3, block 4, head 8" in titles(page)
    assert "Relative position bias of head 8" in titles(page)

    choose(page, "stage", "4")
    assert numbers(page, "block") == ("2", ["1", "2"])  # there is no fourth block
    assert cell(page) == (8, 5)  # the same place of the page on a grid half as fine
    assert len(page.selectbox(key="swin_head").options) == 1 + 16
    choose(page, "stage", "1")
    assert numbers(page, "block") == ("1", ["1"])
    assert page.selectbox(key="swin_head").value == "mean"  # two heads: there is no eighth
    row, column = cell(page)
    assert abs((row - 0.5) / 64 - 15.5 / 16) <= 0.5 / 64
    assert abs((column - 0.5) / 96 - 9.5 / 24) <= 0.5 / 96 + 1e-9
    choose(page, "stage", "3")
    assert cell(page) == (16, 10)  # there and back


def test_arrows_and_numbers_move_the_cell_and_stop_at_the_edge(app: App) -> None:
    page = app("swin", stage="4", swin_row="1", swin_column="11")
    fine(page.button(key="swin_up").click().run())
    assert cell(page) == (1, 11)
    for key, place in (("right", (1, 12)), ("right", (1, 12)), ("down", (2, 12)), ("left", (2, 11))):
        fine(page.button(key=f"swin_{key}").click().run())
        assert cell(page) == place
    fine(page.number_input(key="swin_row").set_value(8).run())
    assert "cell in row 8, column 11" in " ".join(one.value for one in page.caption)


@pytest.mark.parametrize(("stage", "small"), [("1", True), ("2", False)])
def test_where_cells_are_too_small_to_hit_the_page_says_what_a_click_does(app: App, stage: str, small: bool) -> None:
    page = app("swin", stage=stage)
    assert any("a click chooses the middle of a window" in one.value for one in page.caption) is small
    chooser = figures(page)["swin_page"]["data"][-1]["customdata"]
    assert unpacked(chooser).size == (16 * 24 if small else 32 * 48)  # a place a window, or one a cell


def test_clicks_choose_cell_stage_and_head(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, Any] = {}
    clicked: list[Any] = []
    monkeypatch.setattr(swin.st, "session_state", state)
    monkeypatch.setattr(components, "chosen_points", lambda key: clicked)
    swin.choose_clicked_cell("swin_page", 24)
    parts.choose_clicked("swin_stages", swin.STAGE, str)
    assert state == {}  # a click beside everything changes nothing
    clicked.append(15 * 24 + 9)
    swin.choose_clicked_cell("swin_page", 24)
    assert (state[swin.ROW], state[swin.COLUMN]) == (16, 10)
    clicked[0] = [2]
    parts.choose_clicked("swin_stages", swin.STAGE, str)
    assert state[swin.STAGE] == "3"


@pytest.mark.parametrize("plain", ["true", "false"])
def test_a_link_restores_every_choice(app: App, plain: str) -> None:
    page = app(
        "swin",
        document="receipt-5-2",
        stage="3",
        block="2",
        swin_head="5",
        swin_row="16",
        swin_column="24",
        swin_plain=plain,
        swin_zoom="false",
        swin_scale="log",
        swin_colours="Viridis",
        swin_opacity="0.4",
    )
    drawn = figures(page)
    assert "Stage 3, block 2, head 5" in titles(page)
    width, height = receipt(5, 2).picture.size
    layout = drawn["swin_map"]["layout"]
    assert (layout["xaxis"]["range"], layout["yaxis"]["range"]) == ([0, width], [height, 0])  # the whole page
    heat = next(trace for trace in drawn["swin_map"]["data"] if trace["type"] == "heatmap")
    assert heat["opacity"] == 0.4
    assert any("log" in note["text"] for note in layout["annotations"])
    dashes = [shape["line"].get("dash") for shape in drawn["swin_page"]["layout"]["shapes"]]
    assert ("solid" in dashes[:2]) == (plain == "true")
    code = " ".join(one.value for one in page.code)
    assert "stage, block = 2, 1" in code
    assert "receipt(5, 2)" in code
    assert "query = 383" in code


@pytest.mark.parametrize(
    "parameters",
    [
        {"stage": "99", "block": "-1", "swin_row": "0", "swin_column": "1e9"},
        {"stage": "1", "block": "4", "swin_head": "16", "swin_row": "9999", "swin_column": "-3"},
        {"stage": "<script>", "block": "x", "swin_head": "evil", "swin_row": "nan"},
        {"reader": "<b>", "document": "receipt-99999999999-9", "swin_scale": "x", "swin_opacity": "7"},
    ],
)
def test_hostile_links_show_the_page_all_the_same(app: App, parameters: dict[str, str]) -> None:
    page = app("swin", **parameters)
    assert {"swin_page", "swin_map", "swin_rolled", "swin_heads", "swin_bias", "swin_merge"} <= set(figures(page))
    plan = va.load("receipt-donut").stages()[int(numbers(page, "stage")[0]) - 1]
    assert all(1 <= at <= most for at, most in zip(cell(page), plan.grid, strict=True))


def test_a_corner_of_a_shifted_block_is_told_as_it_is(app: App) -> None:
    """By hand: four windows' corners meet there, so 4 of 16 cells are on the cell's own side of both edges."""
    page = app("swin", stage="3", block="2", swin_row="16", swin_column="24")
    captions = " ".join(one.value for one in page.caption)
    assert "12 of its 16 places are forbidden" in captions
    assert "Its window lies in 4 parts" in captions
    facts = table(page, "what it tells")
    told = dict(zip(facts["check"], facts["here"], strict=True))
    assert told["on forbidden cells"] == "0.0e+00 on 12 cells"
    assert told["off the window"] == "not defined"
    assert told["entropy"].endswith("of 2.00 bits")
    assert float(told["sum over the window"]) == pytest.approx(1, abs=5e-4)
    assert float(told["parity residual"]) < 1e-4
    page.number_input(key="swin_check").set_value(4).run()
    assert "forbids 12, 0 are padding, and 4 may be read" in said(fine(page))


def test_the_guess_opens_the_sum_of_pairs_and_claims_are_told(app: App) -> None:
    page = app("swin", stage="3", block="2")
    with pytest.raises(AssertionError, match="pairs in windows"):
        table(page, "pairs in windows")
    guess(page, "swin", "1 % to 10 %")
    pairs = table(page, "pairs in windows")
    assert (pairs["pairs in windows"][2], pairs["all pairs"][2], pairs["times fewer"][2]) == ("6,144", "147,456", "24")
    assert "is no discovery; a published Donut starts without it" in try_claim(page, "swin", 2)
    for number, words in ((1, "pairs of touching cells"), (3, "last row of windows"), (5, "of the first stage")):
        assert words in try_claim(page, "swin", number)


def test_the_table_of_what_reached_the_cell_grows_with_the_blocks(app: App) -> None:
    """By hand: 4 x 4 cells see each other in stage 1; each merging doubles a side; the first shift adds a window."""
    page = app("swin", stage="3", block="2", swin_row="6", swin_column="8")
    counted = "rows x columns of the first stage (of 64 x 96)"
    reach = table(page, counted)
    assert reach["after"] == ["stage 1, block 1", "stage 2, block 1", "stage 3, block 1", "stage 3, block 2, shifted"]
    assert reach[counted] == ["4 x 4", "8 x 8", "16 x 16", "32 x 32"]


def test_the_code_makes_the_same_map(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    page = app("swin", stage="4", block="2", swin_row="8", swin_column="3", swin_head="7")
    shown: list[go.Figure] = []
    monkeypatch.setattr(go.Figure, "show", lambda figure: shown.append(figure))
    exec(next(one.value for one in page.code if "window_map" in one.value), {})
    made = json.loads(shown[0].to_json())
    drawn = figures(page)["swin_map"]
    for ours, theirs in zip(made["data"], drawn["data"], strict=True):
        if ours["type"] == "heatmap":
            np.testing.assert_array_equal(unpacked(ours["z"]), unpacked(theirs["z"]))
    bias = json.loads(shown[1].to_json())["data"][0]["z"], figures(page)["swin_bias"]["data"][0]["z"]
    np.testing.assert_array_equal(*map(unpacked, bias))


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
        monkeypatch.setattr(readers, "names", lambda: [readers.BUNDLED, name])
        monkeypatch.setattr(readers, "at_hand", lambda wanted: True)
        return name

    yield offer
    readers.model.clear()
    readers.stages.clear()


def test_another_encoder_says_what_a_look_takes_and_brings_its_own_stages(
    app: App, offered: Callable[[Path], str], tmp_path: Path
) -> None:
    name = offered(network(tmp_path / "other"))
    page = app("swin", reader=name, stage="3", block="14", swin_head="16")
    assert "swin_map" not in figures(page)
    assert "128 x 96 pixels" in said(page)
    fine(page.button(key="swin_now").click().run())
    assert numbers(page, "stage")[1] == ["1", "2", "3", "4"]
    assert numbers(page, "block") == ("14", [str(n + 1) for n in range(14)])
    assert "Stage 3, block 14, head 16" in titles(page)
    assert "All 16 heads of the cell" in titles(page)
    choose(page, "stage", "4")
    assert numbers(page, "block") == ("2", ["1", "2"])
    assert "All 32 heads of the cell" in titles(page)
    assert len(page.selectbox(key="swin_head").options) == 1 + 32
    for number, words in ((2, "too large to keep all"), (4, "stage 4")):
        assert words in (told := try_claim(page, "swin", number))
        assert "set by hand" not in told


def test_padding_is_told_and_neighbours_in_a_window_do_not_run_the_encoder_again(
    app: App, offered: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two stages, the second of 8 x 6 cells in windows of 4, so that two columns are padding."""
    name = offered(donuts.folder(tmp_path / "tiny"))
    asked: list[Any] = []
    plain = registry.load(name).__class__.windows
    monkeypatch.setattr(registry.load(name).__class__, "windows", lambda *a, **k: asked.append(a[2:]) or plain(*a, **k))
    page = app("swin", reader=name, stage="2", block="2", swin_row="3", swin_column="6")
    fine(page.button(key="swin_now").click().run())
    assert numbers(page, "stage")[1] == ["1", "2"]
    assert "8 x 6 cells do not fill whole windows" in said(page)
    facts = table(page, "what it tells")
    told = dict(zip(facts["check"], facts["what it tells"], strict=True))
    assert " on padding" in told["sum over the window"]
    before = len(asked)
    assert before == 1
    fine(page.button(key="swin_down").click().run())  # rows 3 to 6 are one window of the shifted block
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
    # As tall as the page is drawn in a column: in a taller figure it would float.
    assert drawn == pytest.approx(400 * side.height / side.width, abs=80)


def test_on_a_phone_the_stages_are_lines_of_text(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from ui.parts import controls

    monkeypatch.setattr(controls, "on_phone", lambda: True)
    page = app("swin", stage="4", block="2")
    assert "swin_stages" not in figures(page)
    stages = next(one.value for one in page.markdown if "stage 1: 64 rows x 96 columns" in one.value)
    assert "**▶ stage 4**: 8 rows x 12 columns, cells 32 pixels high, 16 wide; 16 heads, 2 blocks" in stages
    assert any("shifted by 2." in one.value for one in page.caption)
