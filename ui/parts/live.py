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
    script.begin()
    with address.part("live"):
        try:
            buttons = draw(*given)
        except Stopped:
            buttons = None
        if address.whole():
            _keep_places(given)
        script.run(buttons, whole_page)
    heavy.ran()


def _keep_places(given: tuple[Any, ...]) -> None:
    """What the whole page left empty, a part of it could not fill later.

    Behind what is there: in front of it, everything would move up by a place in the next run of this part, and stand twice until it ended.
    """
    for one in given:
        if isinstance(one, DeltaGenerator):
            one.empty()


def whole_page() -> None:
    """Have the next run draw the whole page; for callbacks that change what the sidebar shows."""
    st.session_state[AGAIN] = True
