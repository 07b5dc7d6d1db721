"""Only who has the key from the server's terminal may have it read its disk, or what an operator lists."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from ui.frame import visitors
from ui.store import resources

PROGRAM = """
import streamlit as st
from ui.frame import visitors
st.text(str(visitors.ask()))
"""


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_string(PROGRAM).run()


def answer(page: AppTest) -> str:
    assert not page.exception
    return page.text[0].value


def test_the_key_opens_and_nothing_else_does(page: AppTest, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(page) == "False"
    for wrong in ("", "x", visitors.key()[:-1], visitors.key().upper() + "0"):
        page.text_input(key=visitors.TYPED).set_value(wrong).run()
        assert answer(page) == "False"
    page.text_input(key=visitors.TYPED).set_value(f" {visitors.key()} ").run()
    assert answer(page) == "True"
    assert not page.text_input
    assert not page.query_params


def test_wrong_keys_come_to_an_end(page: AppTest) -> None:
    for _ in range(visitors.TRIES):
        page.text_input(key=visitors.TYPED).set_value("wrong").run()
    assert not page.text_input
    assert "Too many wrong keys" in page.caption[0].value


def test_the_key_is_new_for_every_process_and_long() -> None:
    first = visitors.key()
    visitors.key.cache_clear()
    assert first != visitors.key()
    assert len(first) == 12


def test_an_operator_lists_models(monkeypatch: pytest.MonkeyPatch) -> None:
    assert visitors.allowed() == ()
    monkeypatch.setenv(visitors.MODELS, " hf:/models/mine, timm:vit_tiny ,")
    assert visitors.allowed() == ("hf:/models/mine", "timm:vit_tiny")


@pytest.mark.parametrize(
    ("memory", "allow", "shown"), [("", "", True), ("100", "", False), ("100", "vit-b-16", True), ("lots", "", False)]
)
def test_a_server_refuses_what_is_too_large_for_it(
    monkeypatch: pytest.MonkeyPatch, memory: str, allow: str, shown: bool
) -> None:
    monkeypatch.setattr(visitors, "unlocked", lambda: False)
    monkeypatch.setattr(resources, "machine", lambda: 8000)
    for name, value in ((resources.MEMORY, memory), (resources.ALLOW, allow)):
        if value:
            monkeypatch.setenv(name, value)
    assert (resources.refusal("vit-b-16") == "") is shown
    assert resources.refusal("photo-dino") == ""


def test_a_quarter_of_the_machine_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitors, "unlocked", lambda: False)
    told: list[Callable[[], int]] = [lambda: 2700, lambda: 8000]
    said = []
    for machine in told:
        monkeypatch.setattr(resources, "machine", machine)
        said.append(resources.refusal("vit-b-16"))
    assert "more than the 675 MB" in said[0]
    assert said[1] == ""
