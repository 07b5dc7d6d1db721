"""The pages as Streamlit wants them, and the one line of every page script, also where it is opened on a cold server."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from ui.frame.table import PAGES, script

ROUTED = "_routed"


def pages(first: Callable[[], None] | None = None) -> dict[str, list[StreamlitPage]]:
    """Sections with their pages, for `st.navigation`.

    Args:
        first: draws the first page; None where nothing is drawn.
    """
    found: dict[str, list[StreamlitPage]] = {}
    for one in PAGES:
        visible: Literal["visible", "hidden"] = "visible" if one.section else "hidden"
        found.setdefault(one.section, []).append(
            st.Page(script(one.name), title=one.title, url_path=one.name, visibility=visible)
        )
    # The default page has no address of its own, so it stands beside the hidden script that answers to /start.
    found[""].insert(0, st.Page(first or (lambda: None), title=PAGES[0].title, default=True))
    return found


def show(wing: str) -> None:
    """Draw the page of a wing, named as a module such as ui.learn.heads: its lesson, or what its `draw` says."""
    ensure_router()
    module = importlib.import_module(wing)
    getattr(module, "PAGE", module).draw()


def ensure_router() -> None:
    """Hand over to app.py if Streamlit ran the page without it.

    Until some session has run app.py, Streamlit takes the folder `pages` for its old multipage mode and runs a page
    script alone. Calling `st.navigation` leaves that mode; the rerun then goes through app.py.
    """
    if st.session_state.pop(ROUTED, False):
        return
    st.navigation(pages(), position="hidden")
    if Path(getattr(sys.modules["__main__"], "__file__", "") or "").name == "app.py":
        st.rerun()
