"""Clicks, taps and boxes on what is small: a map of the atlas, a patch of a map of 37 x 37, an outline on an own picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.browser.test_frame import patch_at
from tests.browser.test_playground import COLOURS, give, sideways

pytestmark = pytest.mark.browser

FINE = "playground?picture=coffee&grid=37"
SIDE = 37
# Middles of the labels over the atlas and at its left, [text, x, y], by the class that plotly.js gives them.
LABELS = """([key, kind]) => [...document.querySelectorAll(`.st-key-${key} .${kind} text`)].map(one => {
  const box = one.getBoundingClientRect();
  return [one.textContent.trim(), box.x + box.width / 2, box.y + box.height / 2]; })"""


def test_a_click_on_the_atlas_chooses_the_layer_and_head_that_its_labels_name(visit: Any) -> None:
    seen = visit("heads?step=4")
    across = {text: x for text, x, _ in seen.page.evaluate(LABELS, ["heads_atlas", "xtick"])}
    down = {text: y for text, _, y in seen.page.evaluate(LABELS, ["heads_atlas", "ytick"])}
    assert (len(across), len(down)) == (6, 12)
    for layer, head in (("3", "5"), ("12", "1")):
        seen.page.mouse.click(across[head], down[layer])
        seen.until_address(layer=layer, head=head)
        assert seen.page.get_by_role("slider", name="Layer").input_value() == layer
        assert seen.page.get_by_role("slider", name="Head").get_attribute("aria-valuetext") == head


@pytest.mark.parametrize("touch", [False, True])
def test_a_patch_of_a_fine_map_is_chosen_where_it_is_touched(visit: Any, phone: dict[str, Any], touch: bool) -> None:
    seen = visit(FINE, **(phone if touch else {}))
    at = seen.page.touchscreen.tap if touch else seen.page.mouse.click
    for row, column in ((1, 35), (20, 18), (36, 0)):
        at(*patch_at(seen, "playground_map", row, column, SIDE))
        seen.until_address(ask="patch", row=str(row + 1), column=str(column + 1))


def test_a_box_dragged_on_an_own_picture_is_its_outline_and_the_map_is_scored_on_it(visit: Any) -> None:
    """The red square fills the upper left third of the test picture; cells of the drawing are 1/32 of a side."""
    seen = visit("playground?opacity=0.0&panel=trust")
    give(seen, "playground_upload", "red square.jpg", sideways())
    seen.page.locator(".st-key-draw_outline label").click()
    _, box = seen.screen("outline_picture")
    side = box["width"]
    seen.page.mouse.move(box["x"] + 0.01 * side, box["y"] + 0.01 * side)
    seen.page.mouse.down()
    for part in (0.1, 0.2, 0.33):
        seen.page.mouse.move(box["x"] + part * side, box["y"] + part * side)
    seen.page.mouse.up()
    seen.until_address(outlined="true")
    (corners,) = (text for key, text in seen.address().items() if key.startswith("drawn-own-"))
    rim = np.array([corner.split(",") for corner in corners.split()], float) / 1000
    assert np.abs(rim - np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) / 3).max() < 1 / 32
    seen.page.locator(".st-key-draw_outline label").click()
    seen.page.get_by_role("cell", name="weight on: your outline").wait_for()
    red = COLOURS["red"]
    seen.until(
        lambda: np.abs(seen.cells("playground_map")[1, 1] - red).max() < 25, "the map in the place of the drawing"
    )
