"""Page "Glossary": every term of the lessons once, with the lessons that use it, to search."""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from tutorials.lessons import lessons
from ui.frame import table, texts
from ui.parts import live, widgets

MOST = 60
"""Letters of a search."""


class Term(NamedTuple):
    """A term, what it means, and the names of the lessons that use it, in the order of the course."""

    name: str
    meaning: str
    used: tuple[str, ...]


def terms() -> list[Term]:
    """Every term of all lessons once, by the alphabet; of meanings that differ, that of the first lesson."""
    found: dict[str, Term] = {}
    for page in table.lessons():
        lesson = lessons().get(page.name)
        for name, meaning in lesson.glossary.items() if lesson else ():
            before = found.get(name.lower(), Term(name, meaning, ()))
            found[name.lower()] = before._replace(used=(*before.used, page.name))
    return [found[key] for key in sorted(found)]


def matching(wanted: str) -> list[Term]:
    """The terms that hold all words of `wanted`, in name or meaning; those that have them in the name first."""
    words = wanted.lower().split()
    hits = [one for one in terms() if all(word in f"{one.name} {one.meaning}".lower() for word in words)]
    return sorted(hits, key=lambda one: not all(word in one.name.lower() for word in words))


def draw() -> None:
    """The whole page."""
    live.part(_body)


def _body() -> None:
    wanted = widgets.text(texts.say("search"), "search", "", MOST, width=420, placeholder=texts.say("search_tip"))
    found = matching(wanted)
    st.caption(texts.say("terms_found", number=len(found), many=len(terms())))
    _listed(found)


def _listed(found: Sequence[Term]) -> None:
    titles = {page.name: page.title for page in table.PAGES}
    for term in found:
        line = st.container(gap=None)
        line.markdown(f"**{term.name}**: {term.meaning}")
        with line.container(horizontal=True, gap="xsmall"):
            for name in term.used:
                st.page_link(table.script(name), label=titles[name], width="content")
