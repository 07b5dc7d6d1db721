"""The head atlas in a real browser: sort, filter, compare, choose a head, and jump to *Heads* with its picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tutorials.findings.surveyed import MEDIAN, bundled

pytestmark = pytest.mark.browser

DOTS = """(key) => { const plot = document.querySelector('.st-key-' + key + ' .js-plotly-plot');
  if (!plot || !plot._fullData) return [];
  const dots = plot._fullData.find(one => one.name === 'median');
  return dots ? Array.from(dots.y) : []; }"""


def medians(seen: Any, key: str = "atlas_heads") -> list[float]:
    return list(seen.page.evaluate(DOTS, key))


def test_sort_filter_compare_choose_and_jump(visit: Any) -> None:
    survey = bundled()["scene-vit"]
    want = survey.measures["entropy"].quantiles[:, MEDIAN]
    seen = visit("atlas?survey=scene-vit&measure=entropy")
    np.testing.assert_allclose(medians(seen), want, rtol=1e-4)
    box = seen.figure("atlas_heads").bounding_box()
    assert box["y"] < 220
    assert box["height"] <= 440

    seen.page.locator(".st-key-sort").get_by_text("median", exact=True).click()
    seen.until_address(sort="median")
    np.testing.assert_allclose(medians(seen), np.sort(want), rtol=1e-4)

    seen.open("atlas?survey=scene-vit&measure=entropy&sort=median&layers=4-12")
    late = [at for at, head in enumerate(survey.heads) if head.layer >= 3]
    seen.until(lambda: len(medians(seen)) == len(late), "the heads of the last nine layers alone")
    np.testing.assert_allclose(medians(seen), np.sort(want[late]), rtol=1e-4)

    seen.open("atlas?survey=scene-vit&beside=photo-dino&sort=median")
    assert len(medians(seen, "atlas_beside")) == len(bundled()["photo-dino"].heads)

    seen.open("atlas?survey=scene-vit&measure=entropy&layer=6&head=2&atlas_picture=least%205")
    name = survey.measures["entropy"].least[survey.place(5, 1)][0].name
    seen.page.get_by_role("link", name="Open").click()
    seen.until(lambda: "/heads" in seen.page.url, "the page Heads")
    seen.until_address(picture=name, layer="6", head="2")


def test_a_click_on_a_column_chooses_the_head(visit: Any) -> None:
    seen = visit("atlas?survey=scene-vit&layers=3-4")
    box = seen.figure("atlas_heads").locator(".bglayer, .cartesianlayer").first.bounding_box()
    plot = seen.page.evaluate(
        """() => { const l = document.querySelector('.st-key-atlas_heads .js-plotly-plot')._fullLayout;
        return [l.xaxis._offset + l.xaxis.d2p(20), l.yaxis._offset + l.yaxis._length / 2]; }"""
    )
    whole = seen.figure("atlas_heads").bounding_box()
    assert box is not None
    seen.page.mouse.click(whole["x"] + plot[0], whole["y"] + plot[1])
    seen.until_address(layer="4", head="9")


def test_a_thumb_of_the_filter_leaves_out_early_layers(visit: Any) -> None:
    seen = visit("atlas?survey=scene-vit&measure=entropy")
    thumb = seen.page.locator(".st-key-layers input[type=range]").first
    thumb.focus()
    for _ in range(3):
        seen.page.keyboard.press("ArrowRight")
    seen.until_address(layers="4-12")
    heads = bundled()["scene-vit"].heads
    assert len(medians(seen)) == sum(head.layer >= 3 for head in heads)
