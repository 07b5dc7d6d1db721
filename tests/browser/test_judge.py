"""Pages that judge maps, in a real browser: how far methods agree, a board that is sorted, and whole lessons by keyboard on a phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from scipy.stats import spearmanr

import vit_attention as va
from tutorials.findings.leaderboard import ranked
from tutorials.findings.standings import boards
from tutorials.lessons import lessons
from visualizer.method import methods

pytestmark = pytest.mark.browser

JUDGE = ("relevance", "cut", "cover", "trial", "explanation", "sanity", "leaderboard")
NAMES = """() => [...document.querySelectorAll('.st-key-leaderboard_ranking .yaxislayer-above .ytick text')]
  .map(one => [one.getBoundingClientRect().top, one.textContent]).sort((a, b) => a[0] - b[0]).map(one => one[1])"""
CELLS = "() => document.querySelector('.st-key-sanity_agreement .js-plotly-plot').data[0].text.flat()"
FITS = """document.documentElement.scrollWidth <= window.innerWidth
  && document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"""


def test_a_board_is_sorted_by_the_measure_that_is_chosen(visit: Any) -> None:
    board = boards()["scene-vit"]
    seen = visit("leaderboard?step=1")
    assert seen.page.evaluate(NAMES) == [one.name for one in ranked(board, "points at it")]
    seen.page.locator(".st-key-measure input").first.click()
    seen.page.get_by_role("option", name="deletion AUC", exact=True).click()
    seen.until_address(measure="deletion AUC")
    want = [one.name for one in ranked(board, "deletion AUC")]
    seen.until(lambda: seen.page.evaluate(NAMES) == want, f"best first: {want}")


def test_the_agreement_of_two_methods_is_their_rank_correlation(visit: Any) -> None:
    pair = [methods()[name] for name in ("relevance", "gradient-rollout")]
    record = va.load("scene-vit").attend("scene-24", target="circle", keep={*pair[0].needs, *pair[1].needs})
    want = spearmanr(*(one(record).values.ravel() for one in pair)).statistic
    seen = visit("sanity?step=3")
    cells = seen.page.evaluate(CELLS)
    cell = next(one for one in cells if one.startswith(f"{pair[0].label}<br>{pair[1].label}<br>"))
    assert float(re.findall(r"-?\d\.\d+", cell)[-1]) == pytest.approx(want, abs=0.006)


@pytest.mark.parametrize("name", JUDGE)
def test_a_whole_lesson_by_keyboard_on_a_phone(visit: Any, phone: dict[str, Any], name: str) -> None:
    seen = visit(f"{name}?step=1", **phone)
    for number in range(1, len(lessons()[name].steps) + 1):
        assert seen.page.evaluate(FITS), f"step {number} is wider than the phone"
        seen.page.get_by_role("button", name="Next", exact=True).press("Enter")
        seen.until_address(step=str(number + 1))
    assert seen.page.get_by_role("button", name="Keep my answer").is_visible()


def test_a_wide_table_scrolls_in_its_own_box_which_the_keyboard_reaches(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit("leaderboard?all=true&panel=words", **phone)
    assert seen.page.evaluate(FITS)
    for box in seen.page.get_by_role("region", name=re.compile("^Table: ")).all():
        assert box.evaluate("one => one.scrollWidth > one.clientWidth"), "a table that fits shows nothing"
        box.focus()
        seen.page.keyboard.press("ArrowRight")
        seen.until(lambda box=box: box.evaluate("one => one.scrollLeft > 0"), "a table that the keyboard scrolls")


def test_names_over_small_maps_do_not_cover_each_other_on_a_phone(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit("sanity?step=1", **phone)
    over = """() => { const all = [...document.querySelectorAll('.st-key-sanity_maps .annotation')].map(one => one.getBoundingClientRect());
      return [all.length, all.flatMap((a, n) => all.slice(n + 1).filter(b =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3)).length]; }"""
    count, crossing = seen.page.evaluate(over)
    assert count > 10
    assert crossing == 0


def test_every_colour_bar_says_both_its_ends_in_two_narrow_columns(visit: Any) -> None:
    seen = visit("trial?step=4")
    ends = """() => [...document.querySelectorAll('.js-plotly-plot')].map(one => [
      [...one.querySelectorAll('.colorbar text')].filter(text => text.textContent && text.getBoundingClientRect().width
        && getComputedStyle(text).opacity !== '0').map(text => text.textContent),
      [...one.data.find(part => part.colorbar).colorbar.ticktext]])"""
    found = seen.page.evaluate(ends)
    assert len(found) == 2
    for seen_ticks, asked in found:
        assert [tick.replace("\u2212", "-") for tick in seen_ticks] == asked
