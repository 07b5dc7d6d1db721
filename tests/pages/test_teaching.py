"""The teacher's part of a lesson: the plan and the links; and every number of the key and the pack is what the page shows."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tutorials.key import Key, Solved
from tutorials.lessons import lessons
from tutorials.pack.files import files, zipped
from tutorials.pack.page import html
from tutorials.pack.sheets import key as key_sheet
from ui.parts import class_address, teaching

App = Callable[..., AppTest]
QUICK = ("patches", "captions", "sentence", "model")
"""Lessons of every kind of what is looked at, none of which takes long."""


@lru_cache(maxsize=64)
def lines(name: str, seat: int) -> tuple[Solved, ...]:
    return tuple(Key(lessons()[name], teaching.run).of(seat))


def shown(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in page.markdown)


def _same(app: App, name: str, seat: int) -> None:
    """Every line of the key stands in the page's own key, at its step."""
    more = {"student": str(seat)} if seat else {}
    inner = [one for one in lines(name, seat) if one.kind in ("guess", "check")]
    for step in dict.fromkeys(one.step for one in inner):
        text = shown(app(name, step=str(step), teacher="1", **more))
        for one in inner:
            if one.step == step:
                assert f"**{one.question}** {one.text}" in text, (name, step)


@pytest.mark.parametrize("name", QUICK)
def test_the_key_of_a_seat_is_what_its_page_shows(app: App, name: str) -> None:
    _same(app, name, 17)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seat"), [(name, 5 * (n % 2)) for n, name in enumerate(sorted(lessons()))])
def test_every_key_is_what_the_page_shows(app: App, name: str, seat: int) -> None:
    _same(app, name, seat)


def test_students_see_nothing_of_it(app: App) -> None:
    labels = [one.label for one in app("patches", step="1").expander]
    assert not [one for one in labels if "every seat" in one or "Plan" in one]


def test_the_plan_links_to_every_step_and_to_the_projector(app: App) -> None:
    text = shown(app("patches", step="1", teacher="1"))
    for number in range(1, len(lessons()["patches"].steps) + 1):
        assert f"/patches?step={number})" in text
        assert f"/patches?step={number}&present=1)" in text


def test_a_page_opened_on_the_machine_itself_gives_its_address_in_the_network(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(class_address.network, "own_address", lambda: "10.1.2.3")
    page = app("patches", step="1", teacher="1")
    assert page.text_input(key="class_address").value == "http://10.1.2.3:8501"
    assert "http://10.1.2.3:8501/patches" in shown(page)
    assert any("only this machine can open" in one.value for one in page.info)
    monkeypatch.setattr(class_address.network, "own_address", lambda: "127.0.0.1")
    page = app("patches", step="1", teacher="1")
    assert page.text_input(key="class_address").value == "http://localhost:8501"
    assert any("Students cannot open this address" in one.value for one in page.info)


def test_the_address_of_the_class_can_be_typed_and_stays_in_the_pages(app: App) -> None:
    page = app("patches", step="1", teacher="1")
    page.text_input(key="class_address").set_value("http://room-12:8600/").run()
    assert not page.exception
    assert "http://room-12:8600/patches?step=2" in shown(page)
    assert page.query_params["class_address"] == "http://room-12:8600/"


@pytest.mark.parametrize(
    "typed", ["room-12", "ftp://x", "http://a)b", "http://u@h", "http://h/?q", "http://h/`x", "http://h:99999"]
)
def test_what_is_no_address_of_a_server_is_a_sentence(app: App, typed: str) -> None:
    page = app("patches", step="1", teacher="1", class_address=typed)
    assert any("want the address of the app" in one.value.replace("\\", "") for one in page.warning)
    assert f"{typed}/patches" not in shown(page)


@pytest.mark.parametrize("typed", ["0", "30-1", "1-1000", "a", "1-2-3", "=1+1", "²"])
def test_seats_that_do_not_exist_are_a_sentence(app: App, typed: str) -> None:
    page = app("model", step="1", teacher="1", seats=typed)
    page.button(key="seats_make").click().run()
    assert not page.exception
    assert any("seats: want" in one.value.replace("\\", "") for one in page.warning)


def test_the_key_is_made_when_it_is_asked_for(app: App) -> None:
    page = app("model", step="1", teacher="1", seats="1-2")
    assert not page.get("download_button")
    page.button(key="seats_make").click().run()
    assert not page.exception
    assert {one.proto.label for one in page.get("download_button")} >= {"Key (CSV)", "Pack (ZIP)"}


def test_the_archive_holds_the_page_s_own_lines() -> None:
    told = lines("model", 3)
    with zipfile.ZipFile(io.BytesIO(zipped(files(lessons()["model"], "http://10.0.0.5:8501", told)))) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("model/key.csv").decode("utf-8-sig"))))
        assert [(row["answer"], row["text"]) for row in rows] == [(one.answer, one.text) for one in told]
        for kind in ("plan", "worksheets", "key"):
            assert archive.read(f"model/{kind}.pdf").startswith(b"%PDF-")
            assert archive.read(f"model/{kind}.html").endswith(b"</html>")


def test_every_text_of_a_sheet_is_escaped() -> None:
    wild: Any = "<script>alert(1)</script>"
    found = html(wild, key_sheet(lessons()["model"], [Solved(1, 1, "check", wild, wild, wild, wild, wild)]))
    assert "<script" not in found
    assert "&lt;script&gt;" in found
