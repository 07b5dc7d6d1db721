"""Every page by its own address, on cold and warm servers, wide and narrow, light and dark, and under hostile links."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from ui.explore.start import TABLE

pytestmark = pytest.mark.browser

TITLES = {name: title for _, name, title in TABLE}
CONTROLS = ("model", "picture", "layer", "head", "row", "column")
READING = ("reader", "document", "decoder_layer", "decoder_head")
OWN_CONTROLS = {
    "reading": READING,
    "fields": READING,
    "swin": READING[:2],
    "captions": ("captioner", "scene", "caption_head", "beams"),
}
FIGURES = """() => [...document.querySelectorAll('[data-testid=stPlotlyChart]')].map(chart => {
  const named = chart.closest('[role=figure]') || chart.querySelector('[role=figure]');
  return [named ? named.getAttribute('aria-label') || '' : '', chart.querySelector('.main-svg') !== null];
})"""
# Whatever can scroll sideways, or sticks out of the window without being cut off by a box that scrolls.
WIDTHS = """() => ({
  document: document.documentElement.scrollWidth,
  main: document.querySelector('[data-testid=stMain]').scrollWidth,
  charts: Math.max(0, ...[...document.querySelectorAll('.js-plotly-plot')].map(c => c.getBoundingClientRect().right)),
})"""
# Contrast of every visible piece of running text with the ground that is painted behind it, by WCAG's formula.
CONTRAST = """() => {
  const rgb = s => (s.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const over = (top, low) => { const a = top.length > 3 ? top[3] : 1; return [0, 1, 2].map(i => a * top[i] + (1 - a) * low[i]); };
  const ground = e => { const layers = [], label = e.previousElementSibling;
    if (label && label.matches('rect.bg')) layers.push([...rgb(getComputedStyle(label).fill).slice(0, 3), Number(getComputedStyle(label).fillOpacity)]);
    for (; e; e = e.parentElement) layers.push(rgb(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((low, top) => over(top, low), [255, 255, 255]); };
  const texts = [...document.querySelectorAll('[data-testid=stMain] p, [data-testid=stMain] li, [data-testid=stMain] h1, [data-testid=stMain] h2')];
  const charts = [...document.querySelectorAll('.js-plotly-plot .gtitle, .js-plotly-plot .annotation-text')];
  return [...texts, ...charts].filter(e => e.textContent.trim() && e.getBoundingClientRect().width && !e.closest(':disabled, [disabled], [data-disabled=true], [data-testid=stSliderThumbValue]')).map(e => {
    const style = getComputedStyle(e), back = ground(e);
    const ink = over(rgb(e instanceof SVGElement ? style.fill : style.color), back);
    const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.textContent.slice(0, 60), style.color, back.join()];
  });
}"""


def is_whole(seen: Any, name: str) -> None:
    """The page with its own title, the navigation, every control, and named figures; no "Page not found"."""
    page = seen.page
    assert page.get_by_role("dialog").count() == 0
    assert page.get_by_role("heading", level=1).inner_text() == TITLES[name]
    sections = page.get_by_test_id("stTopNavSection").all_inner_texts()
    assert [text.strip() for text in sections] == list(dict.fromkeys(section for section, _, _ in TABLE if section))
    for key in OWN_CONTROLS.get(name, CONTROLS):
        assert seen.sidebar(key).count() == 1, f"the sidebar has no {key}"
    figures = page.evaluate(FIGURES)
    assert all(len(said) > 10 for said, _ in figures), figures
    assert all(drawn for _, drawn in figures), figures
    seen.check()


@pytest.mark.parametrize("address", ["heads?layer=3&head=7", "start"])
def test_deep_link_on_a_server_nobody_has_visited(newcomer: Any, cold: Any, address: str) -> None:
    seen = newcomer(cold, address)
    is_whole(seen, address.split("?")[0])
    if "layer" in address:
        assert seen.sidebar("layer").input_value() == "3"
        assert seen.sidebar("head").input_value() == "7"
        seen.page.get_by_text("Layer 3, head 7", exact=True).first.wait_for()
        assert seen.address() == {"layer": "3", "head": "7"}


@pytest.mark.parametrize("name", [n for n in TITLES if n != "start"])
def test_every_page_is_whole_and_fits_a_narrow_dark_window(visit: Any, name: str) -> None:
    seen = visit(name, color_scheme="dark")
    is_whole(seen, name)
    assert len(seen.page.evaluate(FIGURES)) > 0
    reads_well_in_the_dark(seen)
    seen.page.set_viewport_size({"width": 390, "height": 844})
    seen.until(lambda: seen.page.evaluate(WIDTHS)["charts"] <= 390, "every figure inside the window")
    fits_a_phone(seen)


def test_the_navigation_leads_to_every_page(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit("start")
    for section in seen.page.get_by_test_id("stTopNavSection").all():
        section.click()
        links = seen.page.get_by_test_id("stTopNavDropdownLink")
        links.first.wait_for()
        want = [title for part, _, title in TABLE if part == section.inner_text().strip()]
        assert [text.strip() for text in links.all_inner_texts()] == want
        seen.page.keyboard.press("Escape")
        links.first.wait_for(state="hidden")
    small = visit("start", **phone)
    small.page.get_by_test_id("stExpandSidebarButton").tap()
    listed = small.page.get_by_test_id("stSidebarNav").get_by_role("link")
    small.until(
        lambda: [text.strip() for text in listed.all_inner_texts()] == list(TITLES.values()), "all pages listed"
    )
    listed.filter(has_text="Heads").tap()
    small.page.get_by_role("heading", level=1, name="Heads").wait_for()


def test_the_bare_address_is_the_first_page(visit: Any) -> None:
    is_whole(visit(""), "start")


@pytest.mark.parametrize("name", ["start", "query", "rollout"])
def test_dark_phone(visit: Any, phone: dict[str, Any], name: str) -> None:
    seen = visit(name, color_scheme="dark", **phone)
    fits_a_phone(seen)
    reads_well_in_the_dark(seen)
    painted = seen.pixels({"x": 0, "y": 100, "width": 390, "height": 744})
    assert np.median(painted) < 60, "the page asked for dark is painted light"


def fits_a_phone(seen: Any) -> None:
    """Nothing can be pushed sideways, and no figure sticks out."""
    widths = seen.page.evaluate(WIDTHS)
    assert max(widths.values()) <= 390, widths


def reads_well_in_the_dark(seen: Any) -> None:
    """Every text has the contrast with its ground that the Web Content Accessibility Guidelines (level AA) ask for."""
    found = seen.page.evaluate(CONTRAST)
    assert len(found) > 5
    worst = min(found)
    assert worst[0] >= 4.5, f"hard to read: {worst}"


HOSTILE = {
    "layer": "99",
    "head": "<script>alert(1)</script>",
    "picture": "../../x",
    "method": "evil",
    "row": "-5",
    "column": "1e9",
    "model": "<img src=x onerror=alert(2)>",
    "ask": "javascript:alert(3)",
    "opacity": "NaN",
    "scale": "'\"><svg onload=alert(4)>",
    "target": "<b>x</b>",
}


@pytest.mark.parametrize("name", ["start", "heads", "playground"])
def test_hostile_address(visit: Any, name: str) -> None:
    """Nothing in the address is run, and the page shows what it would without it."""
    seen = visit(f"{name}?" + "&".join(f"{key}={quote(value)}" for key, value in HOSTILE.items()))
    is_whole(seen, name)
    assert seen.page.locator("script:not([src]):text('alert')").count() == 0
    assert seen.page.locator("img[src=x], svg[onload]").count() == 0
    assert 1 <= int(seen.sidebar("layer").input_value()) <= 12
    assert seen.sidebar("picture").input_value() == "scene-7"
    if name == "playground":
        assert seen.cells("playground_map").std() > 3, "nothing is painted"
