"""Ways onto the pages: addresses on a server that nobody has visited, the menu on a laptop and on a phone, hostile links."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from ui.frame.table import PAGES

pytestmark = pytest.mark.browser

SECTIONS = list(dict.fromkeys(one.section for one in PAGES if one.section))


@pytest.mark.parametrize(("address", "key"), [("heads?step=2&layer=3&head=4", "heads_chosen"), ("start", "first_map")])
def test_a_link_on_a_server_nobody_has_visited(newcomer: Any, cold: Any, address: str, key: str) -> None:
    seen = newcomer(cold, address, viewport={"width": 1366, "height": 768})
    assert seen.page.get_by_role("dialog").count() == 0, "Page not found"
    title = next(one.title for one in PAGES if one.name == address.partition("?")[0])
    assert seen.page.get_by_role("heading", level=1).inner_text() == title
    assert [one.strip() for one in seen.page.get_by_test_id("stTopNavSection").all_inner_texts()] == SECTIONS
    assert seen.cells(key).std() > 10, "nothing is painted"
    if "layer" in address:
        assert seen.figure(key).locator(".gtitle").text_content() == "Layer 3, head 4"
        assert seen.page.locator(".st-key-layer input").get_attribute("aria-valuenow") in (None, "3")
        assert seen.address() == {"step": "2", "layer": "3", "head": "4"}


def test_the_menu_leads_to_every_page(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit("")
    assert seen.page.get_by_role("heading", level=1).inner_text() == PAGES[0].title
    for section in seen.page.get_by_test_id("stTopNavSection").all():
        section.click()
        links = seen.page.get_by_test_id("stTopNavDropdownLink")
        links.first.wait_for()
        want = [one.title for one in PAGES if one.section == section.inner_text().strip()]
        assert [text.strip() for text in links.all_inner_texts()] == want
        seen.page.keyboard.press("Escape")
        links.first.wait_for(state="hidden")
    small = visit("start", **phone)
    small.page.get_by_test_id("stExpandSidebarButton").tap()
    listed = small.page.get_by_test_id("stSidebarNav").get_by_role("link")
    titles = [one.title for one in PAGES]
    small.until(lambda: [text.strip() for text in listed.all_inner_texts()] == titles or None, "all pages listed")
    small.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Heads", exact=True).tap()
    small.page.get_by_role("heading", level=1, name="Heads").wait_for()


def test_nothing_in_a_link_is_run(visit: Any) -> None:
    hostile = {
        "head": "<script>alert(1)</script>",
        "picture": "../../x",
        "model": "<img src=x onerror=alert(2)>",
        "method": "'\"><svg onload=alert(3)>",
        "ask": "javascript:alert(4)",
        "scale": "![x](http://example.com/x.png)",
        "row": "1e999",
        "opacity": "NaN",
    }
    seen = visit("playground?" + "&".join(f"{key}={quote(value)}" for key, value in hostile.items()))
    assert len(seen.alerts()) == len(hostile), "each is answered by a sentence"
    assert seen.page.locator("img[src*=x], svg[onload]").count() == seen.page.locator("img[src^='data:']").count()
    assert seen.page.locator("script:not([src]):text('alert')").count() == 0
    assert seen.cells("playground_map").std() > 10, "nothing is painted"
