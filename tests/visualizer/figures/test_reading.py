from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from scipy.stats import entropy as scipy_entropy

from visualizer.figures.charts import strip
from visualizer.figures.reading import COLOURS, fields_on_page, heads_of_token, minimap, outline_name, page_with_heat
from visualizer.measures.pointing import centred, say_window, viewport
from visualizer.style import theme
from visualizer.words.reading import SHOWN, describe_heads, describe_token, json_html, token_runs
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry

Sent = Callable[[go.Figure], dict[str, Any]]
PAGE = Image.new("RGB", (96, 128), (240, 240, 240))
WHERE = Geometry.of(384, 512).resize(192, 256)
TOKENS = ["<s_menu>", "<s_nm>", "▁ic", "ed", "▁tea", "</s_nm>", "</s_menu>", "</s>"]
EVIL = [
    "<s_nm>",
    '<script>alert("1")</script>',
    "<img src=x onerror=alert(1)>",
    '" onmouseover="x',
    "</pre>",
    "</span>",
    "'",
    "&lt;",
    "\x00",
    "\ud800",
    "javascript:",
    "</s_nm>",
    '<s_"><b>',
    "<s_><i>",
]


class Seen(HTMLParser):
    """Elements, their attributes and all text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.of: dict[int, str] = {}
        self._open: list[int | None] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        number = dict(attrs).get("data-token")
        self._open.append(None if number is None else int(number))

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open and self._open[-1] is not None:
            self.of[self._open[-1]] = data


@pytest.mark.parametrize(
    ("zoom", "x", "y", "box"),
    [
        (1, 0.3, 0.9, (0, 0, 100, 200)),
        (2, 0.5, 0.5, (25, 50, 75, 150)),
        (2, 0, 1, (0, 100, 50, 200)),
        (4, 1, 0, (75, 0, 100, 50)),
        (0.1, 0, 0, (0, 0, 100, 200)),
        (2, -5, 7, (0, 100, 50, 200)),
        (float("nan"), 0, 0, (0, 0, 100, 200)),
        (2, float("inf"), float("nan"), (25, 50, 75, 150)),
        (1e9, 0, 0, (0, 0, 6.25, 12.5)),
    ],
)
def test_the_window_by_hand(zoom: float, x: float, y: float, box: tuple[float, ...]) -> None:
    assert viewport((100, 200), zoom, x, y) == pytest.approx(box)


def test_a_point_is_brought_to_the_middle_as_far_as_the_edges_allow(rng: np.random.Generator) -> None:
    for zoom, px, py in rng.uniform((1, 0, 0), (10, 100, 200), (50, 3)):
        left, top, right, bottom = viewport((100, 200), zoom, *centred((100, 200), zoom, (px, py)))
        assert left - 1e-9 <= px <= right + 1e-9
        assert top - 1e-9 <= py <= bottom + 1e-9
        if left > 1e-6 and right < 100 - 1e-6:
            assert (left + right) / 2 == pytest.approx(px)
    assert centred((100, 200), 1, (10, 10)) == (0.5, 0.5)


def test_the_page_lies_under_the_raw_cells_of_the_token(sent: Sent, size: Callable[[go.Figure], int]) -> None:
    heat = np.zeros((8, 12))
    heat[2, 7] = 0.6
    fig = page_with_heat(PAGE, heat, WHERE, title="t")
    out = sent(fig)
    trace = out["data"][0]
    assert trace["z"].shape == (8, 12)
    assert (trace["dx"], trace["dy"]) == (32, 64)
    assert (trace["x0"] + 7 * trace["dx"], trace["y0"] + 2 * trace["dy"]) == (240, 160)
    assert (out["layout"]["images"][0]["sizex"], out["layout"]["images"][0]["sizey"]) == (384, 512)
    assert out["layout"]["images"][0]["source"].startswith("data:image/jpeg")
    assert "share of attention, 0 to 0.6" in out["layout"]["annotations"][0]["text"]
    assert size(fig) < 20_000


def test_the_window_sets_the_axes_and_dragging_zooms(sent: Sent) -> None:
    layout = sent(page_with_heat(PAGE, np.ones((8, 12)), WHERE, window=(96, 128, 288, 384), zoom=True))["layout"]
    assert layout["xaxis"]["range"] == [96, 288]
    assert layout["yaxis"]["range"] == [384, 128]
    assert layout["dragmode"] == "zoom"
    assert layout["xaxis"]["fixedrange"] is False
    assert layout["yaxis"]["fixedrange"] is False
    assert sent(page_with_heat(PAGE, np.ones((8, 12)), WHERE))["layout"]["xaxis"]["range"] == [0, 384]


def test_boxes_are_outlined_and_named(sent: Sent) -> None:
    out = sent(page_with_heat(PAGE, np.ones((8, 12)), WHERE, proposed=[(10, 20, 30, 40)], true=[(12, 22, 28, 38)]))
    by = {}
    for shape in out["layout"]["shapes"]:
        by.setdefault(shape["name"], []).append(shape)
    assert {s["path"] for s in by["proposed box"]} == {"M10.0,20.0H30.0V40.0H10.0Z"}
    assert [s["line"]["color"] for s in by["proposed box"]] == list(theme.QUERY)
    assert by["true box"][0]["line"]["dash"] == "dot"
    caption = out["layout"]["annotations"][0]["text"]
    assert "share of attention, 0 to 1" in caption
    assert "orange outline: proposed box; dotted cyan: true box" in caption
    for call in (
        lambda: page_with_heat(PAGE, np.ones((8, 12)), WHERE, window=(5, 5, 5, 9)),
        lambda: page_with_heat(PAGE, np.ones((8, 12)), WHERE, proposed=[(0, 0, float("nan"), 9)]),
        lambda: minimap(PAGE, (1, 2, 3)),
    ):
        with pytest.raises(ValueError, match="want left < right"):
            call()


def test_no_field_is_drawn_as_the_truth_is(sent: Sent) -> None:
    boxes = [(n, n, n + 9, n + 9) for n in range(30)]
    drawn = sent(fields_on_page(PAGE, np.ones((4, 3)), None, boxes, ["x"] * 30, true=[(1, 2, 3, 4)]))["layout"][
        "shapes"
    ]
    (truth,) = {one["line"]["dash"] for one in drawn if one.get("name") == "true box"}
    fields = [(one["line"]["color"], one["line"]["dash"]) for one in drawn if one.get("name") == "field box"][1::2]
    assert truth == "dot"
    assert truth not in {dash for _, dash in fields}
    assert len(set(fields)) == 30, "each of thirty fields has a look of its own"
    assert len({outline_name(n) for n in range(30)}) == 30
    assert outline_name(len(COLOURS)) == "blue, dash"


def test_the_outline_of_a_field_lies_just_outside_its_box(sent: Sent) -> None:
    drawn = sent(fields_on_page(PAGE, np.ones((4, 3)), WHERE, [(100, 200, 150, 228)], ["x"]))["layout"]["shapes"]
    (path,) = {one["path"] for one in drawn if one.get("name") == "field box"}
    left, top, right, low, _ = (float(n) for n in re.findall(r"[\d.]+", path))
    away = 0.007 * 512  # of the longer side of the original page
    assert (100 - left, 200 - top, right - 150, low - 228) == pytest.approx([away] * 4, abs=0.06)


@pytest.mark.parametrize(
    ("box", "across", "down"),
    [
        ((100, 200, 150, 228), "left", "bottom"),
        ((100, 10, 150, 38), "right", "top"),
        ((6, 10, 50, 38), "left", "top"),
    ],
)
def test_the_number_of_a_field_stays_on_the_page(sent: Sent, box: tuple[int, ...], across: str, down: str) -> None:
    """Above the box's left corner; left of a box at the top of the page, where the title stands; in a box in the page's corner."""
    notes = sent(fields_on_page(PAGE, np.ones((4, 3)), WHERE, [box], ["x"]))["layout"]["annotations"]
    (number,) = [one for one in notes if one.get("name") == "field"]
    assert (number["text"], number["xanchor"], number["yanchor"]) == ("1", across, down)


def test_the_minimap_outlines_the_window_on_the_whole_page(sent: Sent, size: Callable[[go.Figure], int]) -> None:
    window = viewport((384, 512), 2, 1, 0)
    fig = minimap(PAGE, window, (384, 512))
    layout = sent(fig)["layout"]
    assert layout["xaxis"]["range"] == [0, 384]
    assert layout["yaxis"]["range"] == [512, 0]
    assert {s["path"] for s in layout["shapes"] if s.get("name") == "window"} == {"M192.0,0.0H384.0V256.0H192.0Z"}
    assert layout["dragmode"] is False
    assert size(fig) < 10_000
    assert say_window((384, 512), window) == (
        "Shown: 50 to 100 % of the width and 0 to 50 % of the height of the page."
    )
    assert say_window((384, 512), (0, 0, 384, 512)) == "Shown: the whole page."


def reading(rng: np.random.Generator, geometry: Geometry | None, grid: tuple[int, int] = (8, 12)) -> AttentionRecord:
    maps = [
        AttentionMap(
            rng.dirichlet(np.ones(grid[0] * grid[1]), (heads, len(TOKENS))).astype(np.float16),
            f"d{layer}",
            layer,
            "cross",
            Axis.text(TOKENS),
            Axis.patches(*grid),
        )
        for layer, heads in ((1, 2), (3, 4))
    ]
    return AttentionRecord(tuple(maps), geometry)


def test_all_heads_of_a_token_are_one_trace_and_a_click_names_the_head(sent: Sent, rng: np.random.Generator) -> None:
    one = reading(rng, WHERE)
    out = sent(heads_of_token(one, 2, scale="shared", chosen=(3, 1)))
    heat, chooser = out["data"]
    assert heat["z"].shape == (16, 48)
    drawn = heat["z"][8:, 12:24].astype(float) / 254 * max(float(m.weights[:, 2].max()) for m in one.maps)
    np.testing.assert_allclose(drawn, one.maps[1].weights[1, 2].reshape(8, 12), atol=1e-3)
    assert (heat["z"][:8, 24:] == 255).all()
    assert [list(c) for c in chooser["customdata"]] == [[1, 0], [1, 1], [3, 0], [3, 1], [3, 2], [3, 3]]
    assert out["layout"]["yaxis"]["ticktext"] == ["2", "4"]
    assert out["layout"]["yaxis"]["scaleratio"] == pytest.approx(256 / 192)
    assert {s["path"] for s in out["layout"]["shapes"][1:]} == {"M1.5,1.5H2.5V2.5H1.5Z"}
    with pytest.raises(ValueError, match="token: want 0 to 7, got 8"):
        heads_of_token(one, 8)
    with pytest.raises(ValueError, match="chosen layer"):
        heads_of_token(one, 2, chosen=(0, 0))


def test_the_maps_of_heads_lie_as_on_the_page_when_the_model_reads_it_turned(sent: Sent) -> None:
    rows, columns = 3, 2
    cells = np.zeros((1, 1, 6), np.float32)
    cells[0, 0, 1] = 1  # upper right of what the model sees
    query = Axis.text(["a"])
    one = AttentionRecord(
        (AttentionMap(cells, "d", 0, "cross", query, Axis.patches(rows, columns)),), Geometry.of(30, 20).turn(1)
    )
    out = sent(heads_of_token(one, 0))
    assert (
        np.argwhere(out["data"][0]["z"] == 254).tolist()
        == np.argwhere(np.rot90(cells.reshape(rows, columns), -1) == 1).tolist()
    )
    assert out["layout"]["yaxis"]["scaleratio"] == pytest.approx(20 / 30)


def test_heads_and_heats_are_told_in_words(rng: np.random.Generator) -> None:
    one = reading(rng, WHERE)
    bits = [scipy_entropy(m.weights[h, 2].astype(float), base=2) for m in one.maps for h in range(len(m.weights))]
    said = describe_heads(one, 2)
    assert 'Entropy of token 3, "ic" of 6 heads in 2 layers' in said
    assert f"{min(bits):.3g} to {max(bits):.3g} bits" in said
    heat = np.zeros((8, 12))
    heat[0, 11] = 1.0
    assert "row 1, column 12 (upper right) with 1" in describe_token(heat, TOKENS, 2, WHERE)


def test_every_token_is_one_element_and_the_current_one_is_marked_in_place() -> None:
    seen = Seen(json_html(TOKENS, 3))
    owners = [int(str(a["data-token"])) for _, a in seen.tags if "data-token" in a]
    assert sorted(owners) == list(range(8))
    assert seen.of[3] == "ed"
    (marked,) = [a for _, a in seen.tags if "aria-current" in a]
    assert (marked["data-token"], marked["tabindex"], marked["role"]) == ("3", "0", "button")
    assert "background:#ffd24d;color:#000" in str(marked["style"])
    assert [a["tabindex"] for _, a in seen.tags if "tabindex" in a].count("0") == 1
    assert '"nm": "iced tea"' in seen.text
    assert "not part of the JSON: </s>" in seen.text
    assert marked["aria-label"] == 'token 4, "ed"'


def test_places_without_a_listener_get_no_buttons_and_the_prompt_is_text() -> None:
    seen = Seen(json_html(TOKENS, 4, clickable=False, first=2))
    assert all("role" not in a and "tabindex" not in a for _, a in seen.tags)
    assert sorted(seen.of) == [2, 3, 4, 5, 6, 7]
    assert '"menu": {' in seen.text


@pytest.mark.parametrize("current", range(len(EVIL)))
def test_hostile_tokens_are_text_whatever_they_say(current: int) -> None:
    out = json_html(EVIL, current)
    seen = Seen(out)
    assert {tag for tag, _ in seen.tags} <= {"div", "pre", "span"}
    allowed = {"class", "style", "data-token", "role", "tabindex", "aria-label", "aria-current"}
    assert all(set(a) <= allowed for _, a in seen.tags)
    assert '<script>alert(\\"1\\")</script>' in seen.text
    out.encode("utf-8")
    assert "\x00" not in out
    assert sum("aria-current" in a for _, a in seen.tags) == 1


def test_a_very_long_output_is_cut_round_the_current_token() -> None:
    tokens = ["<s_a>", *["x"] * 10_000, "</s_a>"]
    for current in (0, 5000, 10_001, None):
        out = json_html(tokens, current)
        seen = Seen(out)
        assert len([a for _, a in seen.tags if "data-token" in a]) <= SHOWN
        assert current is None or current in seen.of
        assert "…" in seen.text


def test_deeply_nested_output_is_shown() -> None:
    tokens = [*(f"<s_{n}>" for n in range(500)), "▁x", *(f"</s_{n}>" for n in reversed(range(500)))]
    seen = Seen(json_html(tokens, 500))
    assert sorted(seen.of) == list(range(1001))


def test_runs_are_plain_data() -> None:
    runs = token_runs([*EVIL[:2], "</s_nm>"], 1)
    assert runs[1] == {
        "index": 1,
        "text": '<script>alert("1")</script>',
        "kind": "part",
        "field": "nm",
        "current": True,
    }
    assert [r["kind"] for r in runs] == ["open", "part", "close"]
    assert [r["text"] for r in token_runs(TOKENS)][2:5] == ["ic", "ed", "tea"]


def test_the_strip_has_one_bar_per_token(sent: Sent) -> None:
    chances = np.linspace(0.2, 1, len(TOKENS))
    chances[0] = np.nan
    out = sent(strip(TOKENS, chances, 2))
    (bars,) = out["data"]
    np.testing.assert_allclose(bars["y"], 100 * chances)
    assert out["layout"]["yaxis"]["title"]["text"] == "probability (%)"
    assert out["layout"]["yaxis"]["range"] == [0, 100]
    assert list(bars["x"]) == list(range(1, 9))
    assert list(bars["customdata"]) == list(range(8))
    assert bars["marker"]["color"][2] == theme.QUERY[1]
    assert bars["text"][2].startswith('token 3, "ic": 42.9%')
    assert bars["text"][0].endswith("not known")
    hostile = sent(strip(EVIL, np.ones(len(EVIL))))
    assert not re.search("<(script|img|b|i|span)", str(hostile["data"]))
    for wrong in (np.ones(3), np.full(8, 1.5), np.full(8, -0.1)):
        with pytest.raises(ValueError, match="probabilities: want"):
            strip(TOKENS, wrong)
