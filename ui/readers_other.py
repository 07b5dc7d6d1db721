"""Another reader by its folder or hub id, for the person at the server itself."""

from __future__ import annotations

import streamlit as st

from ui import readers
from ui.state import on_this_machine
from vit_attention.weights.download import DownloadError

FIELD = "reader_hf"
_LOADED = "reader_just_loaded"


def take() -> None:
    """Choose the reader that was just loaded; to be called before the menu is drawn."""
    wanted = st.session_state.pop(_LOADED, None)
    if wanted is not None:
        st.session_state[readers.READER] = wanted


def ask() -> None:
    """A field for its name and a button, folded away; what goes wrong is said, and the reader before stays."""
    if not on_this_machine():
        return
    with st.expander("Another reader"):
        name = str(st.text_input("Folder or hub id of a Donut", key=FIELD, placeholder="folder or owner/name")).strip()
        if st.button("Load it", key="reader_load", disabled=not name, width="stretch"):
            _load("hf:" + name.removeprefix("hf:"))
        st.caption(
            "Only offered to the person at the server itself. Only configuration and numbers are read, never code."
        )


def _load(wanted: str) -> None:
    try:
        with st.spinner("Loading ..."):
            readers.model(wanted)
    except (ValueError, DownloadError, OSError, RuntimeError) as error:
        st.error("This reader cannot be loaded.")
        st.text(str(error))
        return
    st.session_state[readers.OTHER] = st.session_state[_LOADED] = wanted
    st.rerun()
