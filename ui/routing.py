"""The pages as Streamlit wants them, and the guard that lets every page be opened by its address on a cold server."""

import sys
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from ui.start import TABLE, draw, script

ROUTED = "_routed"


def pages() -> dict[str, list[StreamlitPage]]:
    """Sections with their pages, for `st.navigation`."""
    found: dict[str, list[StreamlitPage]] = {}
    for section, name, title in TABLE:
        found.setdefault(section, []).append(
            st.Page(script(name), title=title, url_path=name, visibility="visible" if section else "hidden")
        )
    # The default page has no address of its own, so it stands beside the hidden script that answers to /start.
    found[""].insert(0, st.Page(draw, title=TABLE[0][2], default=True))
    return found


def ensure_router() -> None:
    """First line of every page: hand over to app.py if Streamlit ran the page without it.

    Until some session has run app.py, Streamlit takes the folder `pages` for its old multipage mode and runs a page
    script alone. Calling `st.navigation` leaves that mode; the rerun then goes through app.py.
    """
    if st.session_state.pop(ROUTED, False):
        return
    st.navigation(pages(), position="hidden")
    if Path(getattr(sys.modules["__main__"], "__file__", "") or "").name == "app.py":
        st.rerun()
