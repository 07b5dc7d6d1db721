from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest
from PIL import Image

import visualizer as vz
from visualizer.figures.animation import bar_animation
from visualizer.figures.captions import film_strip
from visualizer.figures.charts import focus_against_hits, gate_bars, lists, strip
from visualizer.figures.patch import pixels
from visualizer.style import sketch
from visualizer.style.sketch import Sketch

PICTURE, MAPS = Image.new("RGB", (80, 60), (9, 120, 200)), np.linspace(0, 1, 16 * 6 * 8).reshape(16, 6, 8)
NAMES = [f"name {n}" for n in range(16)]
LONG = "a title that is long enough to need two lines, if not more of them"
FIGURES: dict[str, Callable[[], go.Figure]] = {
    "overlay": lambda: vz.overlay(PICTURE, MAPS[0], clickable=True, query=[3], title=LONG),
    "bare": lambda: vz.bare(PICTURE, (6, 8), title=LONG),
    "patch_map": lambda: vz.patch_map(MAPS[0], scale="log", title=LONG),
    "signed": lambda: vz.signed(MAPS[0] - 0.03, title=LONG),
    "head_grid": lambda: vz.head_grid(MAPS, captions=NAMES, title=LONG),
    "atlas": lambda: vz.atlas(MAPS.reshape(4, 4, 6, 8), title=LONG),
    "head_summary": lambda: vz.head_summary(MAPS[0], "entropy", "bits", title=LONG),
    "curves": lambda: vz.curves(
        dict(zip(NAMES[:6], MAPS[0], strict=True)), "bits", reference={"chance": 0.1}, title=LONG
    ),
    "bars": lambda: vz.bars([f"bar {n}" for n in range(100)], np.arange(100), "share", title=LONG),
    "layer_animation": lambda: vz.layer_animation(PICTURE, MAPS, title=LONG),
    "bar_animation": lambda: bar_animation(NAMES, MAPS.reshape(48, 16), "share", names=[f"{n}" for n in range(48)]),
    "before_after": lambda: vz.before_after(PICTURE, MAPS[0], MAPS[1], title=LONG),
    "strip": lambda: strip(NAMES, MAPS[0, 0, :1].repeat(16), title=LONG),
    "gate_bars": lambda: gate_bars(NAMES, np.full(16, 0.5), title=LONG),
    "lists": lambda: lists(dict(zip(NAMES, MAPS[:, 0], strict=True))),
    "focus_against_hits": lambda: focus_against_hits(MAPS[0], MAPS[0], chance=0.1, title=LONG),
    "pixels": lambda: pixels(np.zeros((16, 16, 3), np.uint8), "red", title=LONG),
    "film_strip": lambda: film_strip(PICTURE, MAPS, NAMES, title=LONG),
    "page_with_heat": lambda: vz.page_with_heat(PICTURE, MAPS[0], title=LONG),
    "minimap": lambda: vz.minimap(PICTURE, (0, 0, 9, 9)),
}


def sizes(node: Any, inside: str = "") -> Iterator[float]:
    """All sizes of letters of a figure, tick labels and titles included."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node if isinstance(node, list) else ()):
        if key == "size" and inside.endswith("font"):
            yield value
        yield from sizes(value, key if isinstance(key, str) else inside)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_stand_still_beside_a_text_in_letters_that_can_be_read(sent: Callable[..., Any], name: str) -> None:
    out = sent(FIGURES[name]())
    layout = out["layout"]
    assert layout["height"] <= 460
    assert layout["dragmode"] is False, "a finger that drags scrolls the page"
    axes = [layout[key] for key in layout if key[1:5] == "axis"]
    assert axes
    assert all(axis["fixedrange"] for axis in axes)
    assert min(sizes(out)) >= 12
    drawn = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    assert drawn >= 0.3 * layout["height"], "title, scale and caption leave room"


@pytest.mark.parametrize("name", FIGURES)
def test_what_is_not_checked_is_the_same_and_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Streamlit, once it is imported, sets a template of its own, in which Plotly corrects what it does not know.
    monkeypatch.setattr(plotly.io.templates, "default", "plotly")
    checked = json.loads(FIGURES[name]().to_json())
    monkeypatch.setattr(sketch, "CHECKED", False)
    fast = FIGURES[name]()
    assert json.loads(fast.to_json()) == checked
    go.Figure(fast)  # Plotly checks it once more


def test_later_changes_are_checked_and_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketch, "CHECKED", False)
    fig = vz.overlay(PICTURE, MAPS[0])
    with pytest.raises(ValueError, match="height"):
        fig.layout.height = "tall"
    with pytest.raises(ValueError, match="opacity"):
        fig.update_traces(opacity="half")
    fig.layout.annotations = [*fig.layout.annotations, {"text": "more"}]
    fig.add_scatter(x=[1], y=[1]).update_xaxes(range=[0, 5]).add_hline(2)
    out = json.loads(fig.to_json())
    assert out["layout"]["annotations"][-1] == {"text": "more"}
    assert out["layout"]["xaxis"]["range"] == [0, 5]
    assert len(out["data"]) == 2


def test_only_a_box_to_drag_takes_the_pointer(sent: Callable[..., Any]) -> None:
    assert sent(vz.overlay(PICTURE, MAPS[0], clickable=True, box=True))["layout"]["dragmode"] == "select"
    assert sent(vz.patch_map(MAPS[0], clickable=True, box=True))["layout"]["dragmode"] == "select"


@pytest.mark.parametrize(("default", "colour"), [("plotly_dark", "#f2f5fa"), ("none", None), (None, None)])
def test_the_callers_template_gives_words_their_colour(
    sent: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, default: str | None, colour: str | None
) -> None:
    monkeypatch.setattr(plotly.io.templates, "default", default)
    template = sent(vz.patch_map(MAPS[0]))["layout"].get("template", {})
    assert template.get("layout", {}).get("font", {}).get("color") == colour
    assert len(json.dumps(template)) < 1200  # Plotly's own have 7000


def test_markup_is_shown_and_text_colour_left_to_the_page() -> None:
    hostile = '<b>x</b><a href="http://x">y</a>'
    fig = Sketch().figure(title=hostile, caption=hostile)
    for text in (fig.layout.title.text, fig.layout.annotations[0].text):
        assert "<b>" not in text
        assert "<a" not in text
    assert fig.layout.font.color is None
    assert fig.layout.annotations[0].font.color is None
    assert fig.layout.paper_bgcolor == fig.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_lines_of_a_caption_stay_lines_and_make_room() -> None:
    one, three = (Sketch().figure(caption=c).layout for c in ("a", "a\nb\nc"))
    assert three.annotations[0].text == "a<br>b<br>c"
    assert three.margin.b > one.margin.b
