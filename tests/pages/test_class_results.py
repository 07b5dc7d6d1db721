"""The page of a class: files of thirty students, damaged ones, markup in what students wrote, simulated answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.reading import array, cards, figures, fine, said
from tutorials.lessons import lessons
from tutorials.study import simulated
from tutorials.study.answers import Answer, read, written

App = Callable[..., AppTest]


def with_files(page: AppTest, files: dict[str, bytes]) -> AppTest:
    field = page.file_uploader(key="class_files")
    for name, data in files.items():
        field.upload(name, data, "text/csv")
    return fine(page.run())


def test_an_empty_page_says_what_to_do(app: App) -> None:
    page = app("class_results")
    assert "No files yet" in said(page)
    assert not page.get("plotly_chart")


def test_thirty_files_give_the_counts_of_their_answers(app: App) -> None:
    made = simulated.files(30, 5)
    page = with_files(app("class_results"), made)
    assert "30 students, from 30 files" in said(page)
    shown = cards(page, "Question by question")
    assert shown["lesson"] == ["Heads", "Layers", "Rollout", "Sanity and agreement"], "as in the menu of lessons"
    # Counted here once more, from the files themselves.
    rows = [one for data in made.values() for one in read(data, "a.csv") if one.question == "rollout.simulated"]
    after = {one.student: one.right for one in rows if one.kind == "after"}
    before = {one.student: one.right for one in rows if one.kind == "before" and one.student in after}
    at = shown["lesson"].index("Rollout")
    assert shown["right before"][at].startswith(f"{list(before.values()).count('1')} (")
    assert shown["right after"][at].startswith(f"{list(after.values()).count('1')} (")
    first, second = figures(page)["class_shares"]["data"]
    assert array(second["x"])[at] == pytest.approx(100 * list(after.values()).count("1") / len(after))
    assert first["name"] == "before"


def test_a_lessons_own_question_is_shown_in_its_words_and_about_its_misconception(app: App) -> None:
    twin = lessons()["cut"].twin
    assert twin is not None
    made = []
    for name, lesson, question in (
        ("a.csv", "cut", "twins_judge.narrow_layer"),
        ("b.csv", "patches", "twins_learn.painted_at_ten"),
    ):
        rows = [one for one in read(simulated.files(1, 1, missing=0)["seat-1.csv"], name) if one.lesson == "heads"]
        about = {"lesson": lesson, "question": question, "misconception": f"about {lesson}", "student": ""}
        made.append(
            (name, written([one.model_copy(update={**about, "why": f"since {lesson}"}) for one in rows]).encode())
        )
    page = with_files(app("class_results"), dict(made))
    shown = cards(page, "Question by question")
    assert shown["lesson"] == ["Patches and tokens", "Flow and the cut"]
    assert shown["question"][1] == twin.question
    figure = figures(page)["class_shares"]
    assert figure["layout"]["yaxis"]["ticktext"] == ["about patches", "about cut"]
    menu = page.selectbox(key="question")
    assert menu.options == ["about patches", "about cut"]
    assert not any("twins_" in one.value for one in (*page.markdown, *page.caption, *page.text))
    fine(menu.set_value("twins_judge.narrow_layer").run())
    assert page.query_params["question"] == "twins_judge.narrow_layer"
    assert any("since cut" in one.value for one in page.text)


def test_simulated_answers_are_called_so_and_have_an_address(app: App) -> None:
    page = app("class_results", simulated="true")
    assert any("Simulated answers" in box.value for box in page.warning)
    assert "simulated" in figures(page)["class_shares"]["layout"]["title"]["text"]
    fine(page.segmented_control(key="figure").set_value("where answers went").run())
    assert page.query_params["figure"] == "where answers went"
    bars = figures(page)["class_flows"]["data"]
    assert [bar["name"] for bar in bars] == [
        "wrong, then right",
        "wrong both times",
        "right, then wrong",
        "right both times",
    ]


def test_damaged_and_repeated_files_are_listed(app: App) -> None:
    made = simulated.files(3, 1)
    given = {**made, "again.csv": made["seat-1.csv"], "photo.csv": b"\xff\xd8\0", "<b>x</b>.csv": b"a,b"}
    page = with_files(app("class_results"), given)
    assert "3 students, from 3 files" in said(page)
    listed = "\n".join(one.value for one in page.text)
    assert "photo.csv: want text in UTF-8" in listed
    assert "<b>x</b>.csv: want the columns" in listed
    assert "seat-1.csv: in again.csv" in listed


def test_a_class_of_damaged_files_is_no_traceback(app: App) -> None:
    page = with_files(app("class_results"), {"a.csv": b"", "b.csv": b"\0"})
    assert any("0 students" in box.value for box in page.error)
    assert not page.get("plotly_chart")


def test_what_students_wrote_is_text_and_never_markup(app: App) -> None:
    (one, *_) = read(simulated.files(1, 1)["seat-1.csv"], "a.csv")
    evil = "<script>alert(1)</script> ![x](http://example.com/x.png) **bold** $x$"
    made = written([Answer(**{**one.model_dump(), "why": evil, "misconception": "![x](http://example.com/y.png)"})])
    page = with_files(app("class_results"), {"a.csv": made.encode()})
    assert any(evil in one.value for one in page.text)
    assert not any("alert(1)" in one.value or "![x](" in one.value for one in page.markdown)
    assert not any("<script" in one.proto.body for one in page.get("html"))


def test_a_question_that_is_not_there_is_a_sentence(app: App) -> None:
    page = app("class_results", simulated="true", question="<b>x", figure="99")
    assert len(page.warning) == 3  # the simulated answers are one of them
