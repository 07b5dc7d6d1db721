"""Reading as it is painted: the JSON by keys and clicks, walks, the window on the page, heads, and where the heat lies."""

from __future__ import annotations

import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vit_attention as va
from tests.browser.conftest import Visit
from tests.browser.test_playground import give
from tutorials.findings.page import Document
from visualizer.measures.pointing import points_into
from visualizer.measures.reading import token_heat, token_names
from visualizer.measures.reading_score import rank_heads, token_truth
from worlds.receipts import HEIGHT, WIDTH, receipt

pytestmark = pytest.mark.browser

SHORT = "reading?document=receipt-3-1"
PAGE = receipt(3, 3)
"""The page that is shown if the address names none."""
CELL = (32, 64)
"""Width and height of a cell in pixels of the page."""
# The part of the window that an axis pair of a figure takes, and what it shows of the page.
AXES = """([key]) => {
  const chart = document.querySelector(`.st-key-${key} .js-plotly-plot`);
  if (!chart || !chart._fullLayout) return null;
  chart.scrollIntoView({block: 'center'});
  const { xaxis, yaxis } = chart._fullLayout, box = chart.getBoundingClientRect();
  if (!xaxis._length || !yaxis._length) return null;
  return { x: box.x + xaxis._offset, y: box.y + yaxis._offset, width: xaxis._length, height: yaxis._length,
    across: [...xaxis.range], down: [yaxis.range[1], yaxis.range[0]] };
}"""
WINDOW = """() => {
  const map = document.querySelector('.st-key-reading_minimap .js-plotly-plot');
  const rim = [...map.querySelectorAll('.shapelayer path')].at(-1).getBoundingClientRect();
  const all = map.querySelector('.imagelayer image').getBoundingClientRect();
  return [(rim.left - all.left) / all.width, (rim.top - all.top) / all.height,
    (rim.right - all.left) / all.width, (rim.bottom - all.top) / all.height];
}"""


def title(seen: Visit, key: str = "reading_page") -> str:
    """What stands over a figure; while plotly.js paints anew there may be two such texts, or none."""
    return str(" ".join(seen.figure(key).locator(".gtitle").all_text_contents()))


def until_token(seen: Visit, number: int) -> None:
    """Wait until the page's figure, the slider and the mark in the JSON are those of this token, counted from 1."""
    seen.until(lambda: title(seen).startswith(f"Read for token {number}, "), f"the heat of token {number}")
    marked = seen.page.locator("[data-token][aria-current=true]").first
    seen.until(lambda: marked.get_attribute("data-token") == str(number - 1), f"token {number} marked in the JSON")
    seen.settle()
    slider = seen.page.get_by_role("slider", name="Token")
    seen.until(lambda: slider.input_value() == str(number), f"the slider at token {number}")


def last_token(seen: Visit) -> int:
    return int(str(seen.page.get_by_role("slider", name="Token").get_attribute("max")))


def axes(seen: Visit, key: str) -> dict[str, Any]:
    return dict(seen.until(lambda: seen.page.evaluate(AXES, [key]), f"figure {key} laid out"))


def shown(seen: Visit, key: str = "reading_page") -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of what the figure shows, in pixels of the page."""
    at = axes(seen, key)
    return at["across"][0], at["down"][0], at["across"][1], at["down"][1]


def place(seen: Visit, key: str, x: float, y: float) -> tuple[float, float]:
    """Where a point of the figure's axes lies in the window."""
    at = axes(seen, key)
    (left, right), (top, bottom) = at["across"], at["down"]
    return (
        at["x"] + (x - left) / (right - left) * at["width"],
        at["y"] + (y - top) / (bottom - top) * at["height"],
    )


def painted(seen: Visit, key: str = "reading_page") -> NDArray[np.float64]:
    """(height, width, 3) what is painted between the figure's axes."""
    at = axes(seen, key)
    return seen.pixels({side: at[side] for side in ("x", "y", "width", "height")}).astype(np.float64)


def near(found: Any, want: Any, by: float) -> bool:
    return bool(np.abs(np.asarray(found, float) - np.asarray(want, float)).max() <= by)


def test_the_json_is_walked_by_keys_clicks_and_buttons(visit: Any) -> None:
    """Arrows walk from anywhere, Home and End within the JSON, as fast as a held key; Page Down goes to the lesson's next step."""
    seen = visit(SHORT)
    last = last_token(seen)
    until_token(seen, 2)
    seen.page.keyboard.press("ArrowRight")
    until_token(seen, 3)
    seen.page.locator("[data-token='7']").first.click()
    until_token(seen, 8)
    seen.until_address(token="8")
    seen.page.keyboard.press("End")
    until_token(seen, last)
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.get_by_role("button", name="Next token").is_disabled()
    for _ in range(5):
        seen.page.keyboard.press("ArrowLeft")
    until_token(seen, last - 5)
    seen.page.keyboard.press("Home")
    until_token(seen, 1)
    seen.page.keyboard.press("ArrowRight")
    until_token(seen, 2)
    seen.page.get_by_role("button", name="Previous token").click()
    until_token(seen, 1)
    seen.page.get_by_role("button", name="Next token").click()
    until_token(seen, 2)
    slider = seen.page.get_by_role("slider", name="Token")
    slider.press("ArrowLeft")  # the slider's own key: one step, not two
    until_token(seen, 1)
    seen.page.locator(".st-key-step_text").click()
    seen.page.keyboard.press("PageDown")
    seen.until_address(step="2")


def test_it_plays_by_itself_and_stops_at_the_end(visit: Any) -> None:
    seen = visit(SHORT)
    last = last_token(seen)
    seen.page.locator(f"[data-token='{last - 3}']").first.click()
    until_token(seen, last - 2)
    seen.page.get_by_role("button", name="Play").click()
    seen.page.get_by_role("button", name="Stop").wait_for()
    seen.until(lambda: title(seen).startswith(f"Read for token {last},") or None, "the last token")
    seen.page.get_by_role("button", name="Play").wait_for()
    until_token(seen, last)


def test_the_window_follows_the_zoom_and_the_minimap_the_window(visit: Any) -> None:
    seen = visit("reading?step=4&follow=false&zoom=2")
    middle = (WIDTH / 4, HEIGHT / 4, 3 * WIDTH / 4, 3 * HEIGHT / 4)
    seen.until(lambda: near(shown(seen, "reading_closer"), middle, 1) or None, "the middle half shown")
    assert near(seen.page.evaluate(WINDOW), (0.25, 0.25, 0.75, 0.75), 0.05)
    seen.page.get_by_role("slider", name="Left to right").press("End")
    right = (WIDTH / 2, HEIGHT / 4, WIDTH, 3 * HEIGHT / 4)
    seen.until(lambda: near(shown(seen, "reading_closer"), right, 1) or None, "the right half shown")
    seen.until(
        lambda: near(seen.page.evaluate(WINDOW), (0.5, 0.25, 1, 0.75), 0.05) or None, "the minimap's window there"
    )


def test_a_click_chooses_a_head_and_its_heat_is_painted(visit: Any) -> None:
    seen = visit("reading?step=2&token=3&heat_opacity=1.0&heat_scale=per+map")
    seen.page.mouse.click(*place(seen, "reading_heads", 5, 3))
    seen.until_address(decoder_layer="3", decoder_head="5")
    seen.page.get_by_role("button", name="Back", exact=True).click()
    seen.page.get_by_text("Layer 3, head 5.").first.wait_for()
    seen.settle()
    before = painted(seen)
    seen.page.get_by_role("slider", name="Decoder head").press("Home")
    seen.page.get_by_text("Layer 3, mean of all heads.").first.wait_for()
    seen.until(lambda: (np.abs(painted(seen) - before).max(axis=2) > 30).mean() > 0.01 or None, "another heat")


@cache
def looked_at() -> tuple[int, int, dict[int, NDArray[np.float64]]]:
    """The head that points best on the page, and the true boxes of some words and digits it points at, by token."""
    values = Document("x", "x", "x", PAGE.picture, PAGE).values
    record = va.load("receipt-donut").attend(PAGE.picture, prompt=PAGE.task)
    truth = token_truth(token_names(record), values, record.geometry)
    best = rank_heads(record, truth)[0]
    heat = token_heat(record, [best.layer], [best.head])
    pointed = points_into(heat, truth.boxes, record.geometry.seen)
    chosen = [*np.flatnonzero(pointed & truth.starts)[:2], *np.flatnonzero(pointed & truth.digits)[-3:]]
    return best.layer, best.head, {int(t): record.geometry.boxes_to_original(truth.boxes[[t]])[0] for t in chosen}


def brightest(seen: Visit) -> NDArray[np.float64]:
    """(left, top, right, bottom) of the brightest place that is painted, in pixels of the page."""
    seen_ = painted(seen) @ (0.2126, 0.7152, 0.0722)
    rows, columns = np.nonzero(seen_ > 0.95 * seen_.max())
    scale = np.tile([WIDTH / seen_.shape[1], HEIGHT / seen_.shape[0]], 2)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) * scale


def test_the_heat_lies_on_the_screen_where_the_word_is_printed(visit: Any) -> None:
    layer, head, boxes = looked_at()
    assert len(boxes) >= 3
    address = f"reading?decoder_layer={layer + 1}&decoder_head={head + 1}&heat_opacity=1.0&heat_scale=per+map"
    seen = visit(address)
    for token, box in boxes.items():
        seen.page.locator(f"[data-token='{token}']").first.click()
        until_token(seen, token + 1)

        def lies_there(box: NDArray[np.float64] = box) -> bool:
            bright = brightest(seen)
            one_cell = near(bright[2:] - bright[:2], CELL, 5)
            shared = np.minimum(bright[2:], box[2:]) - np.maximum(bright[:2], box[:2])
            return one_cell and bool(np.prod(np.maximum(shared, 0)) > 0.1 * np.prod(box[2:] - box[:2]))

        seen.until(lies_there, f"token {token + 1} painted on its print {box.round()}, not {brightest(seen).round()}")


def test_fields_are_clicked_on_the_page_and_saved_with_their_boxes(visit: Any, tmp_path: Path) -> None:
    seen = visit("fields?step=2&panel=files")
    assert title(seen, "fields_page").startswith("Read for field 2, menu.0.nm")
    saved = json.loads(seen.save("JSON with boxes", tmp_path).read_text())
    assert saved["page"] == [WIDTH, HEIGHT]
    assert list(saved["json"]) == ["store", "menu", "total"]
    total = saved["fields"][-1]
    assert total["path"] == "total"
    left, top, right, bottom = total["box"]
    assert 0 <= left < right <= WIDTH
    assert 0 <= top < bottom <= HEIGHT
    seen.page.mouse.click(*place(seen, "fields_page", (left + right) / 2, (top + bottom) / 2))
    seen.until(lambda: title(seen, "fields_page").startswith("Read for field 11, total"), "the clicked field")
    seen.until_address(field="11")
    label = seen.figure("fields_page").locator(".annotation", has_text=re.compile(r"^11$")).bounding_box()
    assert near((label["x"], label["y"] + label["height"]), place(seen, "fields_page", left, top), 6)


def test_an_own_page_is_read_in_sight_and_a_broken_file_leaves_it(visit: Any) -> None:
    own, out = receipt(8, 4), io.BytesIO()
    own.picture.save(out, "PNG")
    seen = visit("reading?heat_opacity=0")
    seen.page.get_by_text("Read a page of your own").click()
    give(seen, "reading_upload", "till roll.png", out.getvalue())

    def is_it() -> bool:
        paper = painted(seen)
        true = np.asarray(own.picture.convert("RGB").resize(paper.shape[1::-1]), float)
        return bool(np.corrcoef(paper.ravel(), true.ravel())[0, 1] > 0.9)

    seen.until(is_it, "the own page painted")
    seen.settle()
    seen.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop = 0")
    box, address = seen.figure("reading_page").bounding_box(), seen.address()
    assert 0 <= box["y"] <= 220, "the page is not on the first screen"
    assert box["y"] + box["height"] <= 768
    read = seen.page.locator("[data-token]").all_inner_texts()
    for name, data in {"notes.png": b"bread, milk\n" * 20, "half.png": out.getvalue()[:900]}.items():
        give(seen, "reading_upload", name, data)
        said = seen.until(lambda name=name: next((a for a in seen.alerts() if name in a), None), f"a message on {name}")
        assert "got" in said
        seen.settle()
        assert is_it(), f"the page before is gone after {name}"
        assert seen.address() == address
        assert seen.page.locator("[data-token]").all_inner_texts() == read
