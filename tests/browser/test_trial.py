"""A head's slider is dragged in a real browser: the bars follow, and change places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vit_attention as va

pytestmark = pytest.mark.browser

BARS = """() => { const plot = document.querySelector('.st-key-trial_bars .js-plotly-plot');
  if (!plot) return {text: [''], bars: []};  // between two runs of the page, while it is drawn anew
  const text = [...plot.querySelectorAll('.ytick text')].map(one => one.textContent.trim());
  const bars = [...plot.querySelectorAll('.bars .point path')].map(one => one.getBoundingClientRect().width);
  return {text, bars}; }"""


def said(layer: int, gain: float) -> str:
    """The likeliest class with a whole layer turned."""
    scores = va.load("scene-vit").under(va.HeadGains({(layer, head): gain for head in range(12)})).classify("scene-7")
    return max(scores, key=scores.__getitem__)


def test_bars_follow_the_slider_and_the_answer_that_wins_is_on_top(visit: Any) -> None:
    gains = np.arange(-4, 13) / 4
    other = next(gain for gain in gains[::-1] if said(5, gain) != "ring")  # found with the library
    seen = visit("trial?step=1&layer=6&trial_what=whole%20layer&trial_gain=1")
    first = seen.page.evaluate(BARS)
    assert first["text"][0] == "* ring"
    thumb = seen.page.locator(".st-key-trial_gain input[type=range]").first
    thumb.focus()
    steps = round((other - 1) / 0.25)
    for _ in range(abs(steps)):
        seen.page.keyboard.press("ArrowRight" if steps > 0 else "ArrowLeft")
    seen.until(lambda: seen.page.evaluate(BARS)["text"][0] == said(5, other), "the winner on top")
    seen.until_address(trial_gain=f"{other:g}")
    settled = seen.page.evaluate(BARS)
    assert settled["text"][0] == said(5, other)
    assert settled["bars"] != first["bars"]
