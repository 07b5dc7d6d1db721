"""The page table, and the guard that lets every page be opened by its address on a cold server."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

ROOT = Path(__file__).resolve().parent.parent

# (section, file name, title, icon); the address equals the file name, or the first deep link of a cold server would show
# a "Page not found" dialog. Icons are plain emoji: a Material icon makes the browser fetch a favicon from outside.
TABLE = (
    ("", "start", "Start here", "👁️"),
    ("Learn", "patches", "Patches and tokens", "🧩"),
    ("Learn", "query", "One query", "🔎"),
    ("Learn", "heads", "Heads", "🧠"),
    ("Learn", "layers", "Layers", "🪜"),
    ("Learn", "rollout", "Rollout", "🌀"),
    ("Learn", "entropy", "Entropy", "📊"),
    ("Explore", "playground", "Playground", "🎛️"),
    ("Explore", "compare", "Compare", "⚖️"),
)

ROUTED = "_routed"


def pages() -> dict[str, list[StreamlitPage]]:
    """Sections with their pages, for `st.navigation`."""
    found: dict[str, list[StreamlitPage]] = {}
    for section, name, title, icon in TABLE:
        page = st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "start")
        found.setdefault(section, []).append(page)
    return found


def page(name: str) -> StreamlitPage:
    """The page of this file name, for links."""
    return next(p for section in pages().values() for p in section if p.url_path == name or (name == "start" and not p.url_path))


def ensure_router() -> None:
    """First line of every page: hand over to app.py if Streamlit ran the page without it.

    Until some session has run app.py, Streamlit takes the folder `pages` for its old multipage mode and runs a page
    script alone. Calling `st.navigation` leaves that mode; the rerun then goes through app.py.
    """
    if st.session_state.pop(ROUTED, False):
        return
    st.navigation(pages(), position="hidden")
    main = getattr(sys.modules["__main__"], "__file__", "") or ""
    if Path(main).name == "app.py":
        st.rerun()
