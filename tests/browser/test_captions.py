"""The caption page in a real browser: stepping, the film strip, heads, where a noun looks, the refiner and the gates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.conftest import Visit
from worlds.captions import caption
from worlds.scenes import scene
from worlds.shapes import NAMES

pytestmark = pytest.mark.browser

GOLDEN = Path(__file__).parents[1] / "data" / "golden_aoanet"
SCENE = "scene-6-2-50"
TRUE = str(caption(scene(6, objects=2))).split()


def title(seen: Visit, key: str) -> str:
    """What stands over a figure; while plotly.js paints anew there may be two such texts, or none."""
    return str(" ".join(seen.figure(key).locator(".gtitle").all_text_contents()))


def until_says(seen: Visit, word: str) -> None:
    """Wait until the picture is that of `word`."""
    seen.until(lambda: title(seen, "captions_map") == f"To say “{word}”", f"the map of “{word}”")
    seen.settle()


def gate(seen: Visit) -> str:
    """What is said of the gate under the picture."""
    return str(seen.page.get_by_text(re.compile(r"gate \d+\.\d% open")).first.inner_text())


def press(seen: Visit, key: str) -> None:
    seen.page.locator(f".st-key-{key} button").click()


def slide(seen: Visit, key: str, way: str) -> None:
    """Move a slider by one, with the keyboard."""
    slider = seen.page.locator(f".st-key-{key}").get_by_role("slider")
    slider.focus()
    slider.press(way)


def middle(box: dict[str, float] | None) -> tuple[float, float]:
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_sentence_is_stepped_word_by_word(visit: Any) -> None:
    seen = visit(f"captions?scene={SCENE}&word=1&word_opacity=1")
    until_says(seen, TRUE[0])
    first, said = seen.cells("captions_map"), gate(seen)
    for word in TRUE[1:3]:
        press(seen, "word_next")
        until_says(seen, word)
    seen.until_repainted("captions_map", first)
    seen.until(lambda: gate(seen) != said, "the gate of another word")
    seen.until_address(word="3")
    press(seen, "word_previous")
    until_says(seen, TRUE[1])
    press(seen, f"captions_word_{len(TRUE)}")
    until_says(seen, "(end)")
    assert seen.page.locator(".st-key-word_next button").is_disabled()


def test_it_plays_by_itself_and_stops_at_the_end(visit: Any) -> None:
    last = len(TRUE) + 1
    seen = visit(f"captions?scene={SCENE}&word={last - 2}")
    seen.page.get_by_role("button", name="Play").click()
    seen.until(lambda: title(seen, "captions_map") == "To say “(end)”", "the last word")
    seen.page.get_by_role("button", name="Play").wait_for()
    seen.until_address(word=str(last))


def test_a_click_on_the_film_strip_jumps_to_its_word(visit: Any) -> None:
    seen = visit(f"captions?scene={SCENE}&step=4")
    frames = seen.figure("captions_strip").locator(".imagelayer image")
    assert frames.count() == len(TRUE) + 1
    frames.nth(5).scroll_into_view_if_needed()
    seen.page.mouse.click(*middle(frames.nth(5).bounding_box()))
    seen.until_address(word="6")


def test_another_head_paints_another_map(visit: Any) -> None:
    seen = visit(f"captions?scene={SCENE}&word=3&word_opacity=1")
    mean = seen.cells("captions_map")
    slide(seen, "head", "ArrowRight")
    seen.until_address(head="1")
    first = seen.until_repainted("captions_map", mean)
    slide(seen, "head", "ArrowLeft")
    seen.until_repainted("captions_map", first)


def test_the_brightest_cell_of_a_noun_lies_on_the_thing_it_names(visit: Any) -> None:
    drawn = scene(6, objects=2)
    seen = visit(f"captions?scene={SCENE}&word_opacity=1")

    def lies_on(mask: NDArray[np.bool_]) -> bool:
        row, column = seen.strongest("captions_map")
        ys, xs = np.nonzero(mask)
        side = mask.shape[0] // 14
        return bool(ys.min() - side < row * side <= ys.max() and xs.min() - side < column * side <= xs.max())

    for number, word in enumerate(TRUE):
        if word in NAMES:
            press(seen, f"captions_word_{number}")
            until_says(seen, word)
            mask = next(thing.mask for thing in drawn.things if thing.shape == word)
            seen.until(lambda mask=mask: lies_on(mask) or None, f"the brightest cell of {word} on it", limit=10)


def test_regions_read_regions(visit: Any) -> None:
    seen = visit(f"refiner?scene={SCENE}&region=57&refiner_layer=2")
    seen.until(lambda: title(seen, "captions_reads") == "Read by region 57", "the map of region 57")
    before = seen.cells("captions_reads")
    _, box = seen.screen("captions_reads")
    # The middle of the cell in row 3, column 12: region 2 * 14 + 12.
    seen.page.mouse.click(box["x"] + 11.5 / 14 * box["width"], box["y"] + 2.5 / 14 * box["height"])
    seen.until(lambda: title(seen, "captions_reads") == "Read by region 40", "the map of the region clicked")
    after = seen.until_repainted("captions_reads", before)
    seen.until_address(region="40")
    number = seen.page.get_by_role("spinbutton", name="Query region")
    number.fill("1")
    number.press("Enter")
    seen.until(lambda: title(seen, "captions_reads") == "Read by region 1", "the map of region 1")
    seen.until_repainted("captions_reads", after)
    slide(seen, "head", "ArrowRight")
    seen.until_address(head="1", region="1")
