"""The frame of every page in a real browser: figure beside text on the first screen, steps by keys and links, touch, axe."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tutorials.lessons import lessons
from ui.frame.table import PAGES

pytestmark = pytest.mark.browser

LAPTOP, SMALL = {"width": 1366, "height": 768}, {"width": 1280, "height": 800}
LESSONS = [one.name for one in PAGES if one.name in lessons()]
TALLEST = 220
"""Pixels above the first figure of a page."""
# A figure of Plotly's, or in its place a picture, a table or a shaded text; of what lies in a box that scrolls, the box.
BOX = """() => { let one = document.querySelector('[data-testid=stMain] .js-plotly-plot')
    || document.querySelector('.st-key-lesson_figure :is(img, table, [data-testid=stHtml])');
  if (!one) return null;
  for (let up = one; up && !up.matches('[data-testid=stMain]'); up = up.parentElement)
    if (/auto|scroll/.test(getComputedStyle(up).overflowY)) one = up;
  const box = one.getBoundingClientRect(); return [box.top, box.bottom]; }"""
NAMES = """() => [...document.querySelectorAll('[data-testid=stMain] button, [data-testid=stSidebar] button')]
  .filter(b => b.offsetParent && !b.closest('[role=radiogroup], [role=group]')
    && !b.matches('[data-testid=stTooltipHoverTarget] *, [aria-haspopup]') && b.innerText.trim())
  .map(b => b.innerText.trim())"""


def step(seen: Any, number: int) -> None:
    seen.until(
        lambda: seen.address().get("step", "1") == str(number) or None,
        f"step {number} in the address",
    )
    seen.settle()


@pytest.mark.parametrize("name", LESSONS)
def test_keys_lead_through_every_step_with_text_and_whole_figure_on_the_first_screen(visit: Any, name: str) -> None:
    many = len(lessons()[name].steps)
    seen = visit(name, viewport=LAPTOP)
    for number in range(1, many + 1):
        for size in (LAPTOP, SMALL)[:: 1 if number % 2 else -1]:  # the size of before is not set again
            seen.page.set_viewport_size(size)
            seen.settle()
            box = seen.until(lambda: seen.page.evaluate(BOX), f"a figure in step {number}")
            assert 0 <= box[0] <= TALLEST, (number, size, box)
            assert box[1] <= size["height"], (number, size, box)
            text = seen.page.locator(".st-key-step_text").bounding_box()
            assert text is not None
            assert 0 < text["y"] < TALLEST, (number, size, text)
        names = seen.page.evaluate(NAMES)
        assert len(names) == len(set(names)), (number, names)
        if number < many:
            # Arrows step through words where there are any, and through the lesson elsewhere.
            stepper = seen.page.locator(".sightlines-takes-arrows").count()
            seen.page.keyboard.press("PageDown" if number % 2 or stepper else "ArrowRight")
            step(seen, number + 1)
    title = lessons()[name].steps[-1].title
    assert seen.page.get_by_role("heading", name=title).is_visible()


def test_next_back_page_up_and_a_link_lead_to_the_same_step(visit: Any) -> None:
    seen, titles = visit("heads?step=4"), [one.title for one in lessons()["heads"].steps]
    for go, number in (
        (lambda: seen.page.get_by_role("button", name="Next", exact=True).click(), 5),
        (lambda: seen.page.get_by_role("button", name="Back", exact=True).click(), 4),
        (lambda: seen.page.keyboard.press("PageUp"), 3),
        (lambda: seen.page.get_by_role("radio", name="7", exact=True).click(), 7),
    ):
        go()
        step(seen, number)
        assert seen.page.get_by_role("heading", name=titles[number - 1]).is_visible()


def test_arrows_stay_with_a_slider_that_has_the_focus(visit: Any) -> None:
    seen = visit("heads?step=2", viewport=LAPTOP)
    seen.page.locator(".st-key-layer input").focus()
    seen.page.keyboard.press("ArrowLeft")
    seen.until_address(layer="9")
    assert seen.address()["step"] == "2"


def patch_at(seen: Any, key: str, row: int, column: int, side: int = 16) -> tuple[float, float]:
    """The middle of a patch on the screen, of a picture whose middle square the model sees."""
    _, box = seen.screen(key)
    square = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - square) / 2, box["y"] + (box["height"] - square) / 2
    return left + (column + 0.5) * square / side, top + (row + 0.5) * square / side


def test_a_click_makes_one_entry_of_the_history_and_back_restores_all(visit: Any) -> None:
    seen = visit("heads?step=2", viewport=LAPTOP)
    before, first = seen.page.evaluate("history.length"), seen.cells("heads_chosen")
    for count, (row, column) in enumerate(((3, 5), (9, 12)), start=1):
        seen.page.mouse.click(*patch_at(seen, "heads_chosen", row, column))
        seen.until_address(ask="patch", row=str(row + 1), column=str(column + 1))
        assert seen.page.evaluate("history.length") == before + count
    seen.page.go_back()
    seen.until_address(row="4", column="6")
    fields = seen.page.locator(".st-key-query_token input")
    seen.until(lambda: [one.input_value() for one in fields.all()] == ["4", "6"], "row 4 and column 6 in the fields")
    seen.page.go_back()
    seen.until(lambda: "row" not in seen.address() or None, "the address without a patch")
    seen.until(lambda: abs(seen.cells("heads_chosen") - first).max() < 3, "the first map again")


def test_on_a_phone_a_finger_scrolls_and_a_tap_selects_what_it_touched(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit("heads?step=2", **phone)
    for row, column in ((3, 5), (12, 9), (7, 7)):
        seen.page.touchscreen.tap(*patch_at(seen, "heads_chosen", row, column))
        seen.until_address(row=str(row + 1), column=str(column + 1))
    x, y = patch_at(seen, "heads_chosen", 8, 8)
    where = "document.querySelector('[data-testid=stMain]').scrollTop"
    before, finger = seen.page.evaluate(where), seen.context.new_cdp_session(seen.page)
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for moved in range(15, 225, 15):
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y - moved}]})
        seen.page.wait_for_timeout(16)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    seen.until(lambda: seen.page.evaluate(where) - before > 150, "the page scrolled by the finger")
    assert seen.address()["row"] == "8"


def test_on_a_phone_all_steps_are_in_reach_and_a_figure_has_no_empty_bands(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit("heads?step=2", **phone)
    buttons = seen.page.locator(".st-key-step_bar").get_by_role("radio")
    boxes = [one.bounding_box() for one in buttons.all()]
    assert len(boxes) == len(lessons()["heads"].steps) + 2, "with the questions before and after"
    assert len({box["y"] for box in boxes}) == 1, "in one row"
    assert max(box["x"] + box["width"] for box in boxes) <= 390
    assert min(box["width"] for box in boxes) >= 24, "wide enough for a finger"
    figure, (_, picture) = seen.figure("heads_chosen").bounding_box(), seen.screen("heads_chosen")
    bar, caption = 40, 16  # as high as each is; the caption has three lines here
    assert figure["height"] - picture["height"] <= bar + 3 * caption + 45, "the title and no band"
    buttons.last.tap()
    step(seen, len(boxes) - 1)


def test_a_slider_paints_before_the_server_answers(visit: Any) -> None:
    seen = visit("heads?step=2", viewport=LAPTOP)
    seen.context.set_offline(True)
    seen.page.locator(".st-key-layer input").focus()
    seen.page.keyboard.press("ArrowLeft")
    title = seen.figure("heads_chosen").locator(".gtitle")
    seen.until(lambda: "Layer 9" in str(title.text_content()), "the map of layer 9", limit=3)
    seen.context.set_offline(False)


def test_what_cannot_be_honoured_is_said(visit: Any) -> None:
    seen = visit("heads?layer=99&picture=nope&step=77&head=%3Cscript%3E")
    said = " ".join(seen.alerts())
    for part in ("no layer 99, only 1 to 12; layer 10 is shown", "no picture named 'nope'", "no step 77", "<script>"):
        assert part in said, (part, said)


def test_in_a_room_there_is_no_sidebar_and_large_type(visit: Any) -> None:
    seen = visit("heads?step=1&present=1", viewport={"width": 1920, "height": 1080})
    assert not seen.page.get_by_test_id("stSidebar").is_visible()
    size = seen.page.locator(".st-key-step_text p").last.evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert size >= 20
    seen.page.set_viewport_size(LAPTOP)
    seen.settle()
    top, bottom = seen.page.evaluate(BOX)
    assert bottom <= LAPTOP["height"]
    assert bottom - top > 550, "the figure is as small as beside a text"
    seen.page.keyboard.press("PageDown")
    step(seen, 2)
    assert seen.address()["present"] == "1"


def test_teachers_see_plan_and_key_and_students_do_not(visit: Any) -> None:
    for address, there in (("heads?step=1", 0), ("heads?step=1&teacher=1", 1)):
        seen = visit(address)
        for name in ("For the teacher", "Answer key for what is shown now"):
            assert seen.page.locator("summary").get_by_text(name, exact=True).count() == there, (address, name)


@cache
def axe() -> str:
    found = find_spec("axe_playwright_python")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


# What can be pushed sideways, or sticks out of the window without being cut off by a box that scrolls.
WIDTHS = """() => [document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth,
  ...[...document.querySelectorAll('.js-plotly-plot')].map(one => one.getBoundingClientRect().right)]"""
# Contrast of every text in a figure, which axe does not look at, with the ground that is painted behind it, by WCAG's formula.
CONTRAST = """() => {
  const rgb = s => (s.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const over = (top, low) => { const a = top.length > 3 ? top[3] : 1; return [0, 1, 2].map(i => a * top[i] + (1 - a) * low[i]); };
  const ground = e => { const layers = [], label = e.previousElementSibling;
    if (label && label.matches('rect.bg')) layers.push([...rgb(getComputedStyle(label).fill).slice(0, 3), Number(getComputedStyle(label).fillOpacity)]);
    for (; e; e = e.parentElement) layers.push(rgb(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((low, top) => over(top, low), [255, 255, 255]); };
  return [...document.querySelectorAll('.js-plotly-plot :is(.gtitle, .annotation-text, .xtitle, .ytitle, .xtick text, .ytick text, .colorbar text)')]
    .filter(e => e.textContent.trim() && e.getBoundingClientRect().width).map(e => {
      const back = ground(e), ink = over(rgb(getComputedStyle(e).fill), back), [a, b] = [light(ink), light(back)];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.slice(0, 60), ink.join(), back.join()];
    });
}"""


def serious(seen: Any) -> dict[str, Any]:
    """What axe calls serious or worse, with the first places."""
    found = seen.page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return {
        one["id"]: [(node["html"][:160], node.get("failureSummary", "")[:200]) for node in one["nodes"][:3]]
        for one in found
        if one["impact"] in ("serious", "critical")
    }


@pytest.mark.parametrize("name", [one.name for one in PAGES])
def test_a_page_is_for_everybody_in_light_and_dark_wide_and_narrow(visit: Any, name: str) -> None:
    """Nothing serious by axe, every text in a figure can be read, and nothing is pushed sideways on a phone."""
    seen = visit(name)
    title = next(one.title for one in PAGES if one.name == name)
    assert seen.page.get_by_role("heading", level=1).inner_text() == title, "another page, or none"
    assert title in seen.page.title()
    seen.page.evaluate(axe())
    for scheme, dark in (("light", False), ("dark", True)):
        seen.page.emulate_media(color_scheme=scheme)
        ground = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
        low = "parseInt(" + ground + ".match(/[0-9]+/)[0]) < 60"
        seen.until(lambda low=low, dark=dark: seen.page.evaluate(low) is dark or None, f"a {scheme} ground")
        seen.settle()
        assert not (wrong := serious(seen)), (scheme, wrong)
        hard = [one for one in seen.page.evaluate(CONTRAST) if one[0] < 4.5]
        assert not hard, (scheme, hard)
    seen.page.set_viewport_size({"width": 390, "height": 844})
    seen.until(lambda: max(seen.page.evaluate(WIDTHS)) <= 390 or None, "nothing wider than the window", limit=10)
