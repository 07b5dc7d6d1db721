"""A class: neighbours with pictures of their own, a lesson by keyboard from the first question to the table, a reload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tutorials.lessons import lessons
from tutorials.seating import seating
from tutorials.study.answers import read

pytestmark = pytest.mark.browser
TWIN = lessons()["heads"].twin
LAST = len(lessons()["heads"].steps) + 1


def keep(seen: Any, choice: str) -> None:
    """Answer the question before or after by pointer."""
    seen.page.get_by_role("radio", name=choice, exact=True).locator("xpath=ancestor::label").click()
    seen.page.get_by_role("button", name="Keep my answer").click()
    seen.page.get_by_role("button", name="Keep my answer").wait_for(state="detached")
    seen.settle()


def test_two_seats_see_different_pictures_and_both_are_graded(visit: Any) -> None:
    assert TWIN is not None
    for number in (17, 18):
        seen = visit(f"heads?step=0&student={number}")
        assert f"seat {number}" in seen.page.inner_text("body")
        keep(seen, TWIN.options[0])
        seen.page.get_by_role("radio", name="After", exact=True).click()
        seen.until_address(step=str(LAST), student=str(number))
        keep(seen, TWIN.options[0])
        told = seen.alerts()
        assert any(one.startswith("Before the lesson") for one in told)
        assert any(one.startswith("After the lesson") for one in told)
    ours, theirs = (seating(lessons()["heads"], number) for number in (17, 18))
    assert ours.before != theirs.before
    assert ours.after != theirs.after


def test_from_the_first_question_to_the_table_by_keyboard(visit: Any, tmp_path: Path) -> None:
    assert TWIN is not None
    seen = visit("heads?step=0")
    keyboard = seen.page.keyboard

    def reach(found: str) -> None:
        """Tab to what carries the focus when `found` is true of it."""
        for _ in range(80):
            if seen.page.evaluate(f"(one => one && ({found}))(document.activeElement)"):
                return
            keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {found}")

    def answer() -> None:
        reach("one.type === 'radio' && one.closest('[class*=st-key-around]')")
        keyboard.press("Space")
        reach("one.tagName === 'TEXTAREA'")
        keyboard.type("because it is bright")
        reach("one.innerText === 'Keep my answer'")
        keyboard.press("Enter")
        seen.page.get_by_role("button", name="Keep my answer").wait_for(state="detached")
        seen.settle()

    answer()
    for number in range(1, LAST + 1):
        keyboard.press("PageDown")
        seen.until_address(step=str(number)) if number > 1 else seen.page.get_by_text("Step 1 of").wait_for()
        seen.settle()
    answer()
    reach("one.tagName === 'SUMMARY' && one.innerText.includes('My answers')")
    keyboard.press("Enter")
    reach("one.innerText.includes('(CSV)')")
    with seen.page.expect_download() as arriving:
        keyboard.press("Enter")
    arriving.value.save_as(tmp_path / "answers.csv")
    rows = read((tmp_path / "answers.csv").read_bytes(), "answers.csv")
    assert [(row.kind, row.step, row.why) for row in rows] == [
        ("before", "0", "because it is bright"),
        ("after", str(LAST), "because it is bright"),
    ]
    assert all(row.right in ("0", "1") for row in rows)


def test_a_reload_in_the_middle_brings_everything_back(visit: Any) -> None:
    assert TWIN is not None
    seen = visit("heads?step=0&student=17")
    keep(seen, TWIN.options[0])
    seen.page.get_by_role("button", name="Next").click()
    seen.page.get_by_text("Step 1 of").wait_for()
    seen.settle()
    seen.page.reload()
    seen.page.get_by_text("Step 1 of").wait_for()
    seen.settle()
    seen.page.get_by_role("radio", name="Before", exact=True).click()
    seen.page.get_by_text("Your answer is kept").wait_for()
    assert seen.address()["student"] == "17"
