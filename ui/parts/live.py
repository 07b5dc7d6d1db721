"""The part of a page that follows its controls: drawn again alone, and the address and the browser's program with it."""

from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.frame import address, heavy
from ui.frame.stop import Stopped
from ui.parts import script

AGAIN = "_whole_page_again"
"""Session key: a choice made in the live part must show outside it, in the sidebar."""

Buttons = tuple[str, str] | None


@st.fragment
def part(draw: Callable[..., Buttons], *given: Any) -> None:
    """Draw the live part of a page; one a page.

    Args:
        draw: draws it; returns the keys of the buttons that Page Up and Page Down press, or None.
        given: what it is given, containers, names and numbers alone: it is kept for as long as the session lasts.
    """
    if st.session_state.pop(AGAIN, False) and not address.whole():
        address.rerun()
    if address.whole():
        for one in given:
            if isinstance(one, DeltaGenerator):
                one.empty()  # keeps its place: what the whole page left empty, a part of it could not fill later
    script.begin()
    with address.part("live"):
        try:
            buttons = draw(*given)
        except Stopped:
            buttons = None
        script.run(buttons, whole_page)
    heavy.ran()


def whole_page() -> None:
    """Have the next run draw the whole page; for callbacks that change what the sidebar shows."""
    st.session_state[AGAIN] = True
