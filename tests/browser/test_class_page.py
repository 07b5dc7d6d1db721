"""A teacher opens the tables of a class: thirty files and a damaged one, both figures, the table as a file, the reasons."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tutorials.study import simulated
from tutorials.study.changes import changes
from tutorials.study.collected import collected

pytestmark = pytest.mark.browser


def test_thirty_files_of_a_class(visit: Any, tmp_path: Path) -> None:
    made = simulated.files(30, 7)
    for name, data in {**made, "broken.csv": b"\xff\xd8\xff"}.items():
        (tmp_path / name).write_bytes(data)
    seen = visit("class_results")
    seen.page.locator("input[type=file]").set_input_files([*map(str, sorted(tmp_path.glob("*.csv")))])
    seen.page.get_by_text("30 students, from 30 files").wait_for()
    seen.settle()
    assert "broken.csv: want" in seen.page.get_by_test_id("stText").all_inner_texts()[0]
    known = {one.name: one for one in changes(collected(made.items()).students)}
    box = seen.figure("class_shares").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 768, "the figure stands on the first screen"
    drawn = seen.figure("class_shares").locator(".yaxislayer-above text").all_text_contents()
    wanted = ["one head, one concept", "the last layer is the explanation", "rollout knows the class"]
    assert [one.replace(" ", "") for one in drawn[:3]] == [one.replace(" ", "") for one in wanted], "as in the menu"
    seen.page.get_by_text("where answers went", exact=True).click()
    seen.until_address(figure="where answers went")
    assert seen.figure("class_flows").locator(".bars .point").count() > 0
    with seen.page.expect_download() as arriving:
        seen.page.get_by_role("button", name="Download the table (CSV)").click()
    rows = list(csv.DictReader(Path(arriving.value.path()).read_text("utf-8").splitlines()))
    assert {row["question"]: int(row["right_after"]) for row in rows} == {
        name: one.after for name, one in known.items()
    }
    assert "Simulated reason of seat 3." in seen.page.locator(".st-key-class_reasons").inner_text()


def test_simulated_answers_come_when_they_are_asked_for(visit: Any) -> None:
    """The switch draws the live part alone, into places that the whole page had left empty."""
    seen = visit("class_results")
    seen.page.get_by_test_id("stCheckbox").get_by_text("Show simulated answers").click()
    seen.until_address(simulated="true")
    seen.figure("class_shares").wait_for()
    assert seen.page.locator(".sightlines-cards td").count() > 30


def test_the_page_fits_a_phone(visit: Any, phone: dict[str, Any]) -> None:
    seen = visit("class_results?simulated=true", **phone)
    assert seen.figure("class_shares").count() == 1
    assert seen.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    inside = "all => all.every(one => one.getBoundingClientRect().right <= window.innerWidth)"
    assert seen.page.locator(".sightlines-cards td").count() > 30
    assert seen.page.locator(".sightlines-cards td").evaluate_all(inside), (
        "every number of the table, without pushing it"
    )
