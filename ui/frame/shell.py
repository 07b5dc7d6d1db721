"""What stands around every page: the bar of pages, the title line, what could not be honoured, the style sheet."""

from pathlib import Path
from typing import Any

import streamlit as st

from ui.frame import address, heavy, routing, seat, state, texts
from ui.frame.stop import Stopped
from ui.frame.table import FIRST, PAGES, Page, lessons, page

STYLE = Path(__file__).parent / "style"
PRESENT, TEACHER = "present", "teacher"
"""Switches in the address: large and without the sidebar; with the answer key and the plan."""


def run() -> None:
    """Draw the page that the address names; the whole of app.py."""
    st.set_page_config(page_title="Sightlines", page_icon="👁️", layout="wide")
    chosen = st.navigation(routing.pages(lambda: routing.show(FIRST)), position="top", expanded=True)
    here = page(chosen.url_path)
    st.set_page_config(page_title=texts.say("title", title=here.title) if here is not PAGES[0] else "Sightlines")
    address.start(here.name, state.OF_A_LESSON if here in lessons() else ())
    present = switched(PRESENT)
    switched(TEACHER)
    seat.take()
    _style(present)
    _title(here)
    said = st.container()
    state.set_defaults()
    st.session_state[routing.ROUTED] = True
    if (
        here is not PAGES[0]
    ):  # the first page's imports must not meet those of the warm-up, half done, in another thread
        heavy.load_all()
    try:
        chosen.run()
    except Stopped:
        pass
    except BaseException as ended:
        # The run that follows a rerun is given the address of before: written now, it would be taken for one that was typed.
        if type(ended).__name__ != "RerunException":
            _finish(said)
        raise
    _finish(said)
    heavy.warm_up()


def _finish(said: Any) -> None:
    address.finish()
    for sentence in address.of_session().complaints:
        said.warning(sentence)


def switched(name: str) -> bool:
    """Whether the address carries ``name=1``; noted, so that it stays while the page is used."""
    address.take(f"{name}", False, lambda text: text == "1")
    on = bool(st.session_state[name])
    address.note(name, on, False, "1")
    return on


def _style(present: bool) -> None:
    st.html(STYLE / "page.css")
    if present:
        st.html(STYLE / "present.css")


def _title(here: Page) -> None:
    """One line: the product, the section, the place in the course, and the page's name."""
    course = [one.name for one in lessons()]
    with st.container(key="title_line", horizontal=True, vertical_alignment="center"):
        st.title(here.title, anchor=False, width="content")
        parts = ["Sightlines"] * (here is not PAGES[0]) + [here.section] * bool(here.section)
        if here.name in course:
            parts.append(texts.say("lesson_of", number=course.index(here.name) + 1, many=len(course)))
        parts += [texts.say("seat", number=seat.number())] * bool(seat.number())
        st.caption(" · ".join(parts), width="content")
