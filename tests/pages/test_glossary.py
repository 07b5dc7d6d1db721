"""The glossary: every term of the lessons once, with its lessons, found by its words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.reading import fine
from tutorials.lessons import lessons
from ui.explore import glossary

App = Callable[..., AppTest]


def listed(page: AppTest) -> list[str]:
    return [one.value.split("**")[1] for one in page.markdown if one.value.startswith("**")]


def test_every_term_stands_there_once_with_all_its_lessons(app: App) -> None:
    wanted = {term.lower() for lesson in lessons().values() for term in lesson.glossary}
    page = app("glossary")
    names = listed(page)
    assert sorted(name.lower() for name in names) == sorted(wanted)
    links = [one.proto.label for one in page.get("page_link")]
    assert len(links) == sum(len(lesson.glossary) for lesson in lessons().values())


@pytest.mark.parametrize(("words", "first"), [("attention distance", "attention distance"), ("HEAD", "head")])
def test_a_search_finds_names_first(app: App, words: str, first: str) -> None:
    page = app("glossary", search=words)
    assert first in listed(page)[: len([one for one in glossary.terms() if words.lower() in one.name.lower()])]
    assert len(listed(page)) < len(glossary.terms())
    fine(page.text_input(key="search").set_value("").run())
    assert len(listed(page)) == len(glossary.terms())
    assert "search" not in page.query_params


@pytest.mark.parametrize("words", ["zzz", "<script>", "![x](y)", "9" * 400])
def test_what_is_not_there_is_not_found(app: App, words: str) -> None:
    page = app("glossary", search=words)
    assert not listed(page)
    assert any(one.value.startswith("0 of ") for one in page.caption)
