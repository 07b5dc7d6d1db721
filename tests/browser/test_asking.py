"""Ask the picture with words as it is painted: chips, a further label, a layer, the winner, the film; by keys and by touch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tutorials.lessons import lessons
from visualizer.method.labels import COLOURS

pytestmark = pytest.mark.browser


def test_a_label_is_added_and_competes_with_the_others(visit: Any) -> None:
    """A chip changes the map; a typed label gets a chip of its colour; the winner's figure has the colours of the chips."""
    seen = visit("asking?opacity=1.0")
    first = seen.cells("asking_map")
    seen.page.get_by_role("radio", name="red triangle").click()
    second = seen.until_repainted("asking_map", first)
    seen.until_address(label="red triangle")
    seen.page.get_by_role("button", name="Change labels").click()
    field = seen.page.get_by_label("Add a label")
    field.fill("pink zebra")
    field.press("Enter")
    seen.until_address(label="pink zebra")
    assert seen.page.get_by_text("Not in the vocabulary").count()
    seen.page.keyboard.press("Escape")
    seen.until_repainted("asking_map", second)
    seen.page.get_by_role("button", name="3", exact=True).or_(
        seen.page.get_by_role("radio", name="3", exact=True)
    ).click()
    seen.until_address(step="3")
    won = seen.cells("asking_winner").reshape(-1, 3)
    palette = 255 * np.array(list(COLOURS.values()))[:4]
    # Darker where the margin is small; the hue stays.
    hues = won / np.linalg.norm(won, axis=1, keepdims=True)
    wanted = palette / np.linalg.norm(palette, axis=1, keepdims=True)
    assert (hues @ wanted.T).max(axis=1).min() > 0.98


def test_the_film_plays_without_the_server(visit: Any) -> None:
    seen = visit("asking?step=6&film_time=200&opacity=1.0&layer=1")
    sent, before = seen.quiet(), seen.cells("asking_film")
    seen.figure("asking_film").locator(".updatemenu-button", has_text="Play").click()
    seen.until_repainted("asking_film", before)
    assert seen.sent == sent


def test_from_the_first_step_to_the_last_guess_by_keys_on_a_phone(visit: Any, phone: dict[str, Any]) -> None:
    many = len(lessons()["asking"].steps)
    seen = visit("asking", **phone)
    for number in range(2, many + 1):
        seen.page.keyboard.press("PageDown")
        seen.until_address(step=str(number))
    assert seen.figure("asking_map").bounding_box()["width"] <= 390
    guess = seen.page.get_by_role("radio", name="The colour word")
    guess.focus()
    guess.press("Space")
    seen.until(lambda: any("Right" in one for one in seen.alerts()) or None, "the guess to be graded")
    assert seen.figure("asking_words").count() == 1
