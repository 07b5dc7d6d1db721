"""Lessons in the browser: guess and outcome, claims with their verdict, the film of layers, a phone in the hand."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

import vit_attention as va
from tutorials.lessons import lessons
from worlds.scenes import scene

pytestmark = pytest.mark.browser

VERDICTS = ("Holds here.", "Fails here.", "Cannot be told here.")


def test_guess_brings_the_outcome_and_claims_their_verdict(visit: Any) -> None:
    seen, lesson = visit("heads"), lessons()["heads"]
    assert seen.page.locator(".st-key-heads_first").count() == 0
    seen.page.get_by_text("The outcome appears when you have chosen.").wait_for()
    seen.page.locator(".st-key-heads_guess").get_by_text(lesson.prediction.options[0], exact=True).click()
    seen.figure("heads_first").locator(".main-svg").first.wait_for()
    seen.settle()
    told = [said for said in seen.alerts() if said.startswith(("Right.", "Not here."))]
    assert len(told) == 1
    assert re.search(r"\d", told[0]), told
    for number in range(1, len(lesson.claims) + 1):
        seen.page.locator(f".st-key-heads_claim_{number}").get_by_role("button").click()
        verdict = seen.until(
            lambda: next((said for said in seen.alerts() if said.startswith(VERDICTS)), None),
            f"a verdict on claim {number}",
        )
        assert re.search(r"\d", verdict), verdict
        seen.settle()


def test_check_question_is_graded_from_the_live_numbers(visit: Any) -> None:
    """The question asks for the second largest weight of the row divided by the largest."""
    row = np.sort(va.load("scene-vit").attend(scene(7).picture).maps[1].weights[9, 0].astype(np.float64))
    seen = visit("query?layer=2&head=10")
    seen.page.locator(".st-key-query_guess").get_by_text("Just show me", exact=True).click()
    box = seen.page.locator(".st-key-query_check input")
    for answer, want in (("-5", "Not here."), (f"{row[-2] / row[-1]:.3f}", "Right.")):
        box.fill(answer)
        box.press("Enter")
        seen.until(lambda want=want: any(said.startswith(want) for said in seen.alerts()), f"{answer}: {want}")


def test_film_as_a_gif(visit: Any, tmp_path: Path) -> None:
    seen = visit("layers?panel=Export")
    with Image.open(seen.save("Animation (GIF)", tmp_path)) as film:
        assert film.format == "GIF"
        frames = [np.asarray(frame.convert("RGB"), int) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == 12
    assert all(np.abs(one - two).max() > 20 for one, two in pairwise(frames))


def test_lesson_on_a_phone(visit: Any, phone: dict[str, Any]) -> None:
    """Readable text, the sidebar out of the way, and the one essential choice, the asking patch, made by tapping."""
    seen = visit("query", **phone)
    assert not seen.page.get_by_test_id("stSidebar").is_visible() or _off_screen(seen)
    idea = seen.page.locator("[data-testid=stMain] p", has_text=lessons()["query"].sections["The idea"][:20]).first
    box = idea.bounding_box()
    assert box["x"] >= 0
    assert box["width"] >= 300
    assert box["x"] + box["width"] <= 390
    assert float(idea.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= 14
    arrow = seen.page.get_by_role("button", name="→", exact=True)
    arrow.scroll_into_view_if_needed()
    size = arrow.bounding_box()
    assert min(size["width"], size["height"]) >= 24
    arrow.tap()
    seen.until_address(column="8", ask="patch")
    seen.page.get_by_role("radio", name="Toy").tap()
    seen.figure("query_toy_row").locator(".main-svg").first.wait_for()


def _off_screen(seen: Any) -> bool:
    box = seen.page.get_by_test_id("stSidebar").bounding_box()
    return box is None or box["x"] + box["width"] <= 0
