"""Page "The leaderboard" in the states a reader can bring it to."""

from __future__ import annotations

import csv
import io

import pytest

from tests.pages.reading import fine, opens_everywhere
from tutorials.findings import leaderboard as found
from tutorials.findings.standings import boards
from ui.judge import leaderboard


def test_every_step_opens_cold_and_so_does_the_whole_lesson(app) -> None:
    opens_everywhere(app, "leaderboard")


def test_a_step_written_for_one_board_says_so_beside_another(app) -> None:
    page = app("leaderboard", step="3", board="photo-dino")
    assert "Written for: scene-vit. Shown here: photo-dino." in [one.value.replace("\\", "") for one in page.caption]


@pytest.mark.parametrize("board", boards())
@pytest.mark.parametrize("step", ["1", "3", "4", "5", "6"])
def test_every_board_has_something_to_say_at_every_step(app, board: str, step: str) -> None:
    page = fine(app("leaderboard", board=board, step=step))
    assert page.selectbox(key=leaderboard.BOARD).value == board


def test_sorting_and_cost_choose_what_is_shown(app) -> None:
    page = fine(app("leaderboard", panel="words"))
    page.selectbox(key=leaderboard.MEASURE).set_value("weight inside").run()
    assert page.query_params["measure"] == "weight inside"
    names = [one.name for one in found.ranked(boards()["scene-vit"], "weight inside")]
    table = next(one.value for one in page.markdown if "points at it, %" in one.value)
    cells = [line.split("|")[1].strip().replace("\\", "") for line in table.splitlines()[2:]]
    assert [cell.split(" (")[0] for cell in cells] == names
    page.selectbox(key=leaderboard.MOST).set_value("one pass").run()
    table = next(one.value for one in page.markdown if "points at it, %" in one.value)
    assert len(table.splitlines()) < len(names) + 2 or all((one.passes or 1) <= 1 for one in boards()["scene-vit"].rows)


def test_a_board_that_is_not_there_is_a_sentence(app) -> None:
    page = app("leaderboard", board="nope", measure="beauty")
    assert not page.exception
    assert any("nope" in one.value for one in page.warning)


def test_the_file_holds_every_line(app) -> None:
    rows = list(csv.DictReader(io.StringIO(leaderboard.leaderboard_csv("scene-vit").decode())))
    assert [row["name"] for row in rows] == [one.name for one in boards()["scene-vit"].rows]
    assert float(rows[0]["hit"]) == boards()["scene-vit"].rows[0].hit.value
