"""The reading pages in a real browser: keys, clicks, zoom and minimap, heads, where the heat lies, own pages, the boxes."""

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
from PIL import Image

import vit_attention as va
from tests.browser.conftest import Visit
from tutorials.findings.page import Document
from visualizer.measures.pointing import points_into
from visualizer.measures.reading import token_heat, token_names
from visualizer.measures.reading_score import rank_heads, token_truth
from worlds.receipts import HEIGHT, WIDTH, receipt

pytestmark = pytest.mark.browser

SHORT = "reading?document=receipt-3-1&token=1"
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
    assert seen.page.get_by_role("slider", name="Token").input_value() == str(number)


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


def as_drawn(window: tuple[float, float, float, float], size: tuple[int, int]) -> NDArray[np.float64]:
    """(height, width, 3) that part of the drawn page."""
    return np.asarray(PAGE.picture.resize(size, Image.Resampling.BILINEAR, box=window)).astype(np.float64)


def paints_page(seen: Visit, window: tuple[float, float, float, float], key: str = "reading_page") -> bool:
    """Whether the figure shows just this part of the page (with the heat fully clear)."""
    now = painted(seen, key)
    want = as_drawn(window, (now.shape[1], now.shape[0]))
    # Edges of letters may be off by a pixel of the screen.
    return float(np.abs(now - want)[4:-4, 4:-4].mean()) < 8


def near(found: Any, want: Any, by: float) -> bool:
    return bool(np.abs(np.asarray(found, float) - np.asarray(want, float)).max() <= by)


def test_a_whole_receipt_is_stepped_through_with_the_keys(visit: Any) -> None:
    seen = visit(SHORT)
    last = last_token(seen)
    until_token(seen, 1)
    for number in range(2, last + 1):
        seen.page.keyboard.press("ArrowRight")
        until_token(seen, number)
    seen.page.keyboard.press("ArrowRight")
    seen.page.wait_for_timeout(500)
    until_token(seen, last)
    assert seen.page.locator(".st-key-token_next button").is_disabled()
    for _ in range(5):  # as fast as a held key
        seen.page.keyboard.press("ArrowLeft")
    until_token(seen, last - 5)
    seen.until_address(token=str(last - 5))
    slider = seen.page.get_by_role("slider", name="Token")
    slider.focus()
    slider.press("ArrowLeft")  # the slider's own key: one step, not two
    until_token(seen, last - 6)
    seen.page.wait_for_timeout(500)
    until_token(seen, last - 6)


def test_a_click_in_the_json_jumps_and_the_keys_go_on_from_there(visit: Any) -> None:
    seen = visit(SHORT)
    last = last_token(seen)
    seen.page.locator("[data-token='7']").first.click()
    until_token(seen, 8)
    seen.until_address(token="8")
    seen.page.keyboard.press("ArrowRight")
    until_token(seen, 9)
    seen.page.keyboard.press("End")
    until_token(seen, last)
    seen.page.keyboard.press("Home")
    until_token(seen, 1)


def test_the_arrows_step_tokens_and_page_down_the_lesson(visit: Any) -> None:
    seen = visit(SHORT)
    until_token(seen, 1)
    seen.page.keyboard.press("ArrowRight")
    until_token(seen, 2)
    assert "step" not in seen.address(), "the lesson's arrows leave them to the tokens"
    seen.page.keyboard.press("PageDown")
    seen.until_address(step="2")
    seen.figure("reading_heads").wait_for()
    seen.page.keyboard.press("ArrowRight")  # no JSON stands beside this figure
    seen.until_address(step="3")


def test_a_bar_is_clicked_for_its_token(visit: Any) -> None:
    seen = visit("reading?step=10")
    seen.until_address(token="52")
    seen.page.mouse.click(*place(seen, "reading_strip", 71, 20))
    seen.until_address(token="71")


def test_another_page_begins_at_its_first_word(visit: Any) -> None:
    seen = visit("reading?token=20")
    until_token(seen, 20)
    seen.page.locator("[data-testid=stSidebar] .st-key-document input").first.click()
    seen.page.get_by_role("option", name="Form 6", exact=True).click()
    seen.until_address(document="form-6")
    until_token(seen, 2)
    seen.page.get_by_role("button", name="Next token").click()
    until_token(seen, 3)
    seen.until_address(token="3")


def test_it_plays_by_itself_and_stops_at_the_end(visit: Any) -> None:
    seen = visit(SHORT)
    last = last_token(seen)
    seen.page.locator(f"[data-token='{last - 3}']").first.click()
    until_token(seen, last - 2)
    seen.page.get_by_role("button", name="Play").click()
    seen.page.get_by_role("button", name="Stop").wait_for()
    seen.until(lambda: title(seen).startswith(f"Read for token {last},"), "the last token")
    seen.page.get_by_role("button", name="Play").wait_for()
    until_token(seen, last)


def test_zoom_and_pan_and_the_minimap_follows(visit: Any) -> None:
    seen = visit("reading?step=4&heat_opacity=0.0&token=1&zoom=2&follow=false")
    key, middle = "reading_closer", (WIDTH / 4, HEIGHT / 4, 3 * WIDTH / 4, 3 * HEIGHT / 4)
    seen.until(lambda: near(shown(seen, key), middle, 1), "the middle half shown")
    seen.until(lambda: paints_page(seen, middle, key), "the middle half painted")
    assert near(seen.page.evaluate(WINDOW), (0.25, 0.25, 0.75, 0.75), 0.05)
    across, down = (seen.page.get_by_role("slider", name=way) for way in ("Left to right", "Top to bottom"))
    across.focus()
    across.press("End")
    seen.until(
        lambda: near(shown(seen, key), (WIDTH / 2, HEIGHT / 4, WIDTH, 3 * HEIGHT / 4), 1), "the right half shown"
    )
    seen.settle()
    down.focus()
    down.press("Home")
    corner = (WIDTH / 2, 0.0, float(WIDTH), HEIGHT / 2)
    seen.until(lambda: near(shown(seen, key), corner, 1), "the right upper quarter shown")
    seen.until(lambda: paints_page(seen, corner, key), "the right upper quarter painted")
    seen.until(lambda: near(seen.page.evaluate(WINDOW), (0.5, 0, 1, 0.5), 0.05), "the minimap's window there")
    seen.until_address(zoom="2", across="100", down="0")


def test_dragging_zooms_further_and_a_double_click_goes_back(visit: Any) -> None:
    seen = visit("reading?heat_opacity=0.0&token=1")
    begin, end = place(seen, "reading_page", 60, 80), place(seen, "reading_page", 180, 240)
    seen.page.mouse.move(*begin)
    seen.page.mouse.down()
    seen.page.mouse.move(*end, steps=8)
    seen.page.mouse.up()
    seen.until(lambda: near(shown(seen), (60, 80, 180, 240), 12), "the dragged box shown")
    seen.page.mouse.dblclick(*place(seen, "reading_page", 120, 160))
    seen.until(lambda: near(shown(seen), (0, 0, WIDTH, HEIGHT), 1), "the whole page again")


def test_another_head_paints_another_heat_and_a_click_chooses_one(visit: Any) -> None:
    seen = visit("reading?token=3&heat_opacity=1.0&heat_scale=per+map")
    mean = painted(seen)

    def differs(from_: NDArray[np.float64]) -> bool:
        now = painted(seen)
        return now.shape == from_.shape and (np.abs(now - from_).max(axis=2) > 30).mean() > 0.01

    head = seen.page.get_by_role("slider", name="Decoder head")
    head.focus()
    head.press("ArrowRight")
    head.press("ArrowRight")
    seen.until_address(decoder_head="2")
    seen.until(lambda: differs(mean), "another heat")


def test_a_head_is_chosen_with_a_click(visit: Any) -> None:
    seen = visit("reading?step=2")
    seen.page.mouse.click(*place(seen, "reading_heads", 5, 3))
    seen.until_address(decoder_layer="3", decoder_head="5")


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


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def give(seen: Visit, name: str, data: bytes) -> None:
    place = seen.page.locator(".st-key-reading_upload input[type=file]")
    if not place.count():
        seen.page.get_by_text("Read a page of your own", exact=True).click()
    place.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": data})


def test_own_pages_good_and_hostile(visit: Any) -> None:
    """What is no page is refused with its name and the page before it stays; a page is read, and its limits are said."""
    seen = visit("reading")
    hostile = {
        "notes.png": b"shopping list: bread, milk\n" * 20,
        "half.png": png(PAGE.picture)[:3000],
        "empty.png": b"",
        "bomb.png": png(Image.new("1", (20000, 20000))),
    }
    for name, data in hostile.items():
        give(seen, name, data)
        said = seen.until(lambda name=name: next((a for a in seen.alerts() if name in a), None), f"a message on {name}")
        assert len(said) > len(name) + 15
        seen.settle()
        assert "document" not in seen.address()
        seen.check()
    assert "million pixels" in said
    give(seen, "huge.png", bytes(21_000_000))
    seen.page.get_by_text(re.compile(r"must be 20(\.0)? ?MB or smaller")).first.wait_for(state="attached")
    give(seen, "mine.png", png(receipt(9, 2).picture))
    seen.until(lambda: any("trained on nothing but drawn receipts" in a for a in seen.alerts()), "the limits said")
    seen.until_address(document="own document")
    assert seen.page.locator(".st-key-true_box").count() == 0
    until_token(seen, 2)


def test_on_a_phone_the_page_fits_and_steps(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit(SHORT, **phone)
    seen.page.get_by_role("button", name="Next token").tap()
    until_token(seen, 2)
    assert seen.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    dragmode = "() => document.querySelector('.st-key-reading_page .js-plotly-plot').layout.dragmode"
    assert seen.page.evaluate(dragmode) is False, "a finger that drags means to scroll"
    assert seen.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_fields_are_clicked_on_the_page_and_saved_with_their_boxes(visit: Any, tmp_path: Path) -> None:
    seen = visit("fields?step=2&panel=Export")
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


def test_the_fields_page_fits_a_phone_and_ranks_its_heads(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit("fields?step=9", **phone)
    seen.page.get_by_text("place by focus").wait_for()
    seen.settle()
    assert seen.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
