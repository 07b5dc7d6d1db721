"""Page "The leaderboard" in the states a reader can bring it to."""

from __future__ import annotations

import csv
import io

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.reading import fine, opens_everywhere, table
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
    cells = table(page, "points at it, %")[""]
    assert [cell.split(" (")[0] for cell in cells] == names
    page.selectbox(key=leaderboard.MOST).set_value("one pass").run()
    assert len(table(page, "points at it, %")[""]) < len(names) or all(
        (one.passes or 1) <= 1 for one in boards()["scene-vit"].rows
    )


def test_a_board_that_is_not_there_is_a_sentence(app) -> None:
    page = app("leaderboard", board="nope", measure="beauty")
    assert not page.exception
    assert any("nope" in one.value for one in page.warning)


def test_the_file_holds_every_line(app) -> None:
    rows = list(csv.DictReader(io.StringIO(leaderboard.leaderboard_csv("scene-vit").decode())))
    assert [row["name"] for row in rows] == [one.name for one in boards()["scene-vit"].rows]
    assert float(rows[0]["hit"]) == boards()["scene-vit"].rows[0].hit.value


def test_a_cell_or_a_heading_of_a_table_is_no_markup() -> None:
    def page() -> None:
        from ui.parts import components

        components.table({'<b title="x">': ["<img src=x>"]})

    shown = AppTest.from_function(page).run()
    lines = fine(shown).markdown[0].value.splitlines()
    assert "&lt;b title=&quot;x&quot;&gt;" in lines[0]
    assert lines[2] == r'| \<b title="x"> |'
    assert lines[4] == r"| \<img src=x\> |"
