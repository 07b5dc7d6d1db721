"""A visit: the question before and after, rows of answers, seats, and what comes back after a reload."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vit_attention as va
from tests.pages.reading import fine, said, titles
from tutorials.lessons import Misconception, Twin, lessons
from tutorials.study.answers import read
from ui.frame import state
from ui.parts import answers, around, visit
from worlds.seats import seated

BELIEVED = Misconception("near is all", "Heads read only what is near.", "Some read far.")
TWIN = Twin(
    BELIEVED,
    "Are the heads of layer 1 nearer than evenly spread?",
    ("Smaller", "About the same (within 10 %)", "Larger"),
    "heads.near_or_far",
    "chosen",
    "scene-24",
    "scene-31",
    {},
)


@pytest.fixture(autouse=True)
def twin(monkeypatch: pytest.MonkeyPatch) -> Twin:
    """A question before and after the lesson on heads, whatever the lesson says."""
    monkeypatch.setitem(lessons(), "heads", replace(lessons()["heads"], twin=TWIN))
    return TWIN


@cache
def measured(picture: str) -> str:
    """Whether most heads of layer 1 of scene-vit are nearer or farther than evenly spread ones by a tenth, by definition."""
    weights = va.load("scene-vit").attend(picture).maps[0].weights[:, 1:, 1:].astype(np.float64)
    at = 16 * np.stack(np.meshgrid(np.arange(14), np.arange(14), indexing="ij"), axis=-1).reshape(-1, 2)
    far = np.linalg.norm(at[:, None] - at[None], axis=-1)
    mean = (weights / weights.sum(axis=-1, keepdims=True) * far).sum(axis=-1).mean(axis=-1)
    many = [
        (mean < 0.9 * far.mean()).sum(),
        (np.abs(mean / far.mean() - 1) <= 0.1).sum(),
        (mean > 1.1 * far.mean()).sum(),
    ]
    return TWIN.options[int(np.argmax(many))]


LAST = len(lessons()["heads"].steps) + 1


def rows(page: Any) -> list[Any]:
    kept = page.session_state[visit.KEY].kept.values()
    return [one.row for one in kept]


def answer(page: Any, which: str, choice: str, why: str = "") -> Any:
    page.radio(key=f"heads_{which}_choice").set_value(choice)
    page.text_area(key=f"heads_{which}_why").set_value(why)
    (button,) = [one for one in page.button if one.label == "Keep my answer"]
    return fine(button.click().run())


def test_a_bare_address_asks_first_and_grades_nothing_until_the_end(app: Any) -> None:
    page = app("heads", bare="1")
    assert page.session_state[state.STEP] == 0
    assert page.session_state[state.PICTURE] == "scene-24"
    assert page.session_state[state.MODEL] == "scene-vit"
    assert len(titles(page)) == 1
    answer(page, "before", "Larger", "=1+1")
    assert "Your answer is kept: Larger" in said(page)
    assert "right" not in said(page).lower()
    (row,) = rows(page)
    assert measured("scene-24") != "Larger"
    assert (row.kind, row.step, row.answer, row.right, row.why) == ("before", "0", "Larger", "0", "=1+1")
    page = fine(page.button(key="next").click().run())
    assert page.session_state[state.STEP] == 1
    assert page.session_state[state.PICTURE] == "coffee"
    assert page.session_state[state.MODEL] == "photo-dino"


def test_after_the_lesson_both_answers_are_graded_and_explained(app: Any) -> None:
    page = app("heads", step="0")
    answer(page, "before", "Larger")
    page.session_state[state.STEP] = LAST - 1
    page = fine(page.run())
    page = fine(page.button(key="next").click().run())
    assert page.session_state[state.PICTURE] == "scene-31"
    answer(page, "after", measured("scene-31"))
    (wrong,), (right,) = [one.value for one in page.warning], [one.value for one in page.success]
    assert wrong.startswith("**Before the lesson** (Scene 24) you answered: Larger. That is not right.")
    assert right.startswith(f"**After the lesson** (Scene 31) you answered: {measured('scene-31')}. That is right.")
    assert any(BELIEVED.right in one.value for one in page.markdown)
    assert [(row.kind, row.right) for row in rows(page)] == [("before", "0"), ("after", "1")]
    assert page.button(key="next").disabled


def test_a_skipped_question_is_not_asked_again_by_a_bare_address(app: Any) -> None:
    page = app("heads", bare="1")
    page = fine(page.button(key="heads_before_skip").click().run())
    assert "You skipped this question" in said(page)
    assert visit_of(page).skipped == ["heads before"]


def visit_of(page: Any) -> visit.Visit:
    found: visit.Visit = page.session_state[visit.KEY]
    return found


def test_an_answer_without_a_choice_is_asked_for(app: Any) -> None:
    page = app("heads", step="0")
    (button,) = [one for one in page.button if one.label == "Keep my answer"]
    page = fine(button.click().run())
    assert "Choose one of the answers first" in said(page)
    assert not rows(page)


def test_guesses_checks_and_claims_are_rows(app: Any) -> None:
    page = app("heads", step="3", picture="scene-7")
    fine(page.radio[0].set_value("Larger").run())
    (row,) = rows(page)
    assert (row.kind, row.step, row.right, row.solution, row.tries) == ("guess", "3", "0", "", "1")
    fine(page.radio[0].set_value(measured("scene-7")).run())
    (row,) = rows(page)
    assert (row.answer, row.right, row.tries) == (measured("scene-7"), "1", "2")
    assert (row.model, row.picture) == ("scene-vit", "scene-7")
    assert "58 pixels" in row.solution
    page = app("heads", step="6")
    fine(next(one for one in page.button if one.label == "Test it here").click().run())
    (row,) = rows(page)
    assert (row.kind, row.answer, row.right) == ("claim", "here", "")
    assert row.solution


def test_the_table_reads_back_as_it_was_and_no_spreadsheet_runs_it(app: Any) -> None:
    page = app("heads", step="0")
    answer(page, "before", "Larger", '=HYPERLINK("http://x")')
    data = answers._csv([one.row for one in visit_of(page).kept.values()])
    assert b",\"'=HYPERLINK" in data
    (row,) = read(data, "answers.csv")
    assert (row.why, row.answer, row.lesson) == ('=HYPERLINK("http://x")', "Larger", "heads")


def test_the_page_to_print_escapes_what_was_typed(app: Any) -> None:
    page = app("heads", step="0")
    answer(page, "before", "Larger", "<script>alert(1)</script>")
    html = answers._page([one.row for one in visit_of(page).kept.values()]).decode()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_what_was_locked_is_locked_after_a_reload(app: Any) -> None:
    first = app("heads", step="3", picture="scene-7")
    fine(first.radio[0].set_value("Larger").run())
    fine(first.radio[0].set_value("Smaller").run())
    again = app("heads", step="3", picture="scene-7")
    assert again.radio
    restored(again, stored(first))
    assert not again.radio, "locked"
    assert "58 pixels" in said(again)


def test_a_reload_of_an_answered_lessons_bare_address_goes_on_at_step_1(app: Any) -> None:
    first = app("heads", bare="1")
    answer(first, "before", "Larger")
    again = app("heads", bare="1")
    assert again.session_state[state.STEP] == 0
    restored(again, stored(first))
    assert again.session_state[state.STEP] == 1
    assert again.session_state[state.PICTURE] == "coffee"


def test_a_reload_at_the_question_itself_stays_there(app: Any) -> None:
    first = app("heads", step="0")
    answer(first, "before", "Larger")
    again = app("heads", step="0")
    restored(again, stored(first))
    assert again.session_state[state.STEP] == 0
    assert "Your answer is kept" in said(again)


def stored(page: Any) -> str:
    """What the tab of that page keeps."""
    mine = visit_of(page)
    return json.dumps({"version": 1, "skipped": mine.skipped, "kept": [one.model_dump() for one in mine.kept.values()]})


def restored(page: Any, text: Any) -> Any:
    """The page after its tab has handed over what it had kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit.st, "session_state", {visit.KEY: visit_of(page)})
        visit.restore(text)
    return fine(page.run())


HOSTILE = [
    "{",
    "null",
    "[" * 100_000,
    '{"version": 2, "skipped": [], "kept": []}',
    '{"version": 1, "skipped": [1], "kept": []}',
    '{"version": 1, "skipped": [], "kept": [{"view": "x", "given": [], "row": {}}]}',
    "x" * 1_100_000,
    7,
    {"version": 1},
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_visit_is_dropped_with_a_sentence(app: Any, text: Any) -> None:
    page = restored(app("heads", step="1"), text)
    assert "could not be read, so it was dropped" in said(page)
    assert not rows(page)


@pytest.mark.parametrize("number", ["1", "17", "999"])
def test_a_seat_has_its_own_pictures_and_says_so(app: Any, number: str) -> None:
    page = app("heads", step="1", student=number)
    assert page.session_state[state.PICTURE] == seated("coffee", int(number))
    assert any(f"seat {number}" in one.value for one in page.caption)
    assert page.query_params["student"] in (number, [number])
    page = app("heads", step="0", student=number)
    assert page.session_state[state.PICTURE] == seated("scene-24", int(number))


@pytest.mark.parametrize("number", ["abc", "0", "1000", "-1", "9" * 400, "1.5", "٣"])
def test_a_seat_that_cannot_be_is_answered_by_a_sentence(app: Any, number: str) -> None:
    page = app("heads", step="1", student=number)
    assert "There is no such seat: want a number from 1 to 999" in said(page)
    assert page.session_state[state.PICTURE] == "coffee"


def test_a_seat_has_its_own_review(app: Any) -> None:
    page = app("sentence", step="1", student="17")
    (field,) = [one for one in page.text_area if one.label == "Text"]
    other = app("sentence", step="1", student="18")
    assert field.value != next(one for one in other.text_area if one.label == "Text").value


def test_answers_can_be_forgotten(app: Any) -> None:
    page = app("heads", step="0")
    answer(page, "before", "Larger")
    page = fine(page.button(key="answers_clear").click().run())
    assert not rows(page)
    assert page.radio, "asked anew"


@pytest.mark.parametrize("name", lessons())
def test_the_question_of_every_lesson_opens_cold_before_and_after(app: Any, name: str) -> None:
    lesson = lessons()[name]
    for number in (0, len(lesson.steps) + 1):
        page = fine(app(name, step=str(number), student="3"))
        assert f"**{lesson.twin.question}**" in [one.value for one in page.markdown], number
        assert page.get("plotly_chart") or page.get("imgs") or page.get("html"), number
        assert not page.warning, [one.value for one in page.warning]


def test_until_the_tab_has_answered_nothing_is_asked(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the question before a lesson, which may have been answered, nor an empty form of a guess; but the figure is there."""
    monkeypatch.setattr(visit, "waiting", lambda: True)
    page = app("heads", bare="1")
    assert any("One moment" in one.proto.body for one in page.get("html"))
    assert not page.radio
    assert not titles(page)
    page = app("heads", step="3", picture="scene-7")
    assert any("One moment" in one.proto.body for one in page.get("html"))
    assert not page.radio
    assert titles(page)
    assert "step" not in app("heads", bare="1").query_params
    monkeypatch.setattr(visit, "waiting", lambda: False)
    assert fine(page.run()).radio


def test_only_a_page_that_waits_asks_again_by_the_clock(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request by the clock carries the controls of when it was sent, and would take back a click that was not answered yet."""
    asked: list[str] = []
    monkeypatch.setattr(visit, "waiting", lambda: True)
    monkeypatch.setattr(around, "patience", lambda: asked.append("again"))
    fine(app("heads", step="2"))
    assert not asked
    fine(app("heads", step="3"))
    assert asked == ["again"]


def test_a_page_waits_for_a_browser_alone_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    held = SimpleNamespace(session_state={}, context=SimpleNamespace(headers={}))
    monkeypatch.setattr(visit, "st", held)
    assert not visit.waiting()
    held.context.headers = {"User-Agent": "a browser"}
    assert visit.waiting()
    visit.of_session().began -= visit.PATIENCE
    assert not visit.waiting()
    visit.of_session().began += visit.PATIENCE
    visit.restore("")
    assert not visit.waiting()
    assert not visit.of_session().dropped
    assert not visit.of_session().back
