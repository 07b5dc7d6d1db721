"""Lessons as they are lived: a guess missed twice, claims, two tabs, a link to a friend, a whole lesson on a phone."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest

import vit_attention as va
from tutorials.lessons import lessons

pytestmark = pytest.mark.browser


def wrong_guess() -> str:
    """An answer to "nearer or farther than evenly spread?" that layer 1 of photo-dino on the coffee does not give, by definition."""
    weights = va.load("photo-dino").attend("coffee").maps[0].weights[:, 1:, 1:].astype(np.float64)
    at = 14 * np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"), axis=-1).reshape(-1, 2)
    far = np.linalg.norm(at[:, None] - at[None], axis=-1)
    mean = (weights / weights.sum(axis=-1, keepdims=True) * far).sum(axis=-1).mean(axis=-1)
    nearer, farther = (mean < 0.9 * far.mean()).sum(), (mean > 1.1 * far.mean()).sum()
    return "Larger" if nearer > farther else "Smaller"


def test_a_guess_missed_twice_brings_a_hint_then_the_solution_and_is_locked(visit: Any) -> None:
    seen, step = visit("heads?step=3"), lessons()["heads"].steps[2]
    assert seen.figure("heads_chosen").count() == 1, "the figure would give the answer away"
    assert seen.figure("heads_first").count() == 0
    wrong = seen.page.get_by_test_id("stRadioGroup").get_by_text(wrong_guess(), exact=True)
    wrong.click()
    seen.until(lambda: any(step.predict.hint[:40] in one for one in seen.alerts()) or None, "the hint")
    seen.settle()
    wrong.click()
    seen.figure("heads_first").locator(".main-svg").first.wait_for()
    seen.settle()
    (said,) = seen.alerts()
    assert said.startswith("Not quite.")
    assert step.predict.hint[:40] not in said
    assert re.search(r"\d", said)
    assert wrong.count() == 0, "it can be answered again"
    seen.page.get_by_role("button", name="The same on a scene").click()
    seen.until_address(picture="scene-7")
    assert seen.figure("heads_chosen").count() == 1, "another picture asks anew"


def test_claims_are_tested_here_and_on_many_at_once(visit: Any) -> None:
    seen = visit("heads?step=6")
    seen.page.get_by_role("button", name="Test it here").click()
    seen.until(lambda: any(re.search(r"On this picture: .*\d", one) for one in seen.alerts()) or None, "a number")
    seen.settle()
    began = time.monotonic()
    seen.page.get_by_role("button", name=re.compile(r"^Test on \d+$")).click()
    many = seen.until(lambda: next((one for one in seen.alerts() if "On many pictures" in one), None), "a verdict")
    assert time.monotonic() - began < 10, "the default view is precomputed"
    assert re.search(r"\d+ of \d+", many), many


def test_two_tabs_do_not_mix_and_a_link_shows_a_friend_the_same(visit: Any, newcomer: Any, server: Any) -> None:
    one, two = visit("heads?step=2&picture=scene-7&layer=2"), visit("heads?step=2&picture=scene-24&layer=5")
    first = one.cells("heads_chosen")
    second = two.cells("heads_chosen")
    assert np.abs(first - second).max() > 12
    two.page.locator(".st-key-layer input").press("ArrowLeft")
    two.until_address(layer="4", picture="scene-24")
    second = two.until_repainted("heads_chosen", second)
    assert one.address()["layer"] == "2"
    assert np.abs(one.cells("heads_chosen") - first).max() < 3
    two.page.locator("[data-testid=stSidebar] .st-key-picture input").click()
    two.page.get_by_role("option", name="Scene 11", exact=True).click()
    two.until_address(layer="4", picture="scene-11")
    second = two.until_repainted("heads_chosen", second)
    friend = newcomer(server, two.page.url.removeprefix(f"{server.url}/"), viewport={"width": 1366, "height": 768})
    friend.until(lambda: np.abs(friend.cells("heads_chosen") - second).max() < 6 or None, "the same map")


def test_a_whole_lesson_by_touch(visit: Any, phone: dict[str, Any]) -> None:
    """At every step the figure stands before the text, and Next under the thumb."""
    many = len(lessons()["heads"].steps)
    seen = visit("heads", **phone)
    where = """() => ['.st-key-lesson_figure .js-plotly-plot', '.st-key-step_text', '.st-key-next button']
      .map(one => document.querySelector(one)?.getBoundingClientRect()).map(b => b && [b.left, b.top, b.right, b.bottom])"""
    for number in range(1, many + 1):
        figure, text, button = seen.until(
            lambda: (all(found := seen.page.evaluate(where)) and found) or None,
            f"figure, text and Next in step {number}",
        )
        assert figure[1] < text[1], number
        assert figure[2] <= 390, number
        assert 844 - 200 < button[3] <= 844, (number, button)
        assert button[3] - button[1] >= 24
        if number < many:
            seen.page.get_by_role("button", name="Next", exact=True).tap()
            seen.until_address(step=str(number + 1))
    seen.page.get_by_role("button", name="Next", exact=True).tap()
    seen.until_address(step=str(many + 1))  # the question after the lesson
    seen.page.get_by_role("link", name=re.compile("^Next lesson: ")).tap()
    seen.page.get_by_role("heading", level=1, name="Layers").wait_for()
