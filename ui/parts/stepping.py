"""Stepping through words or tokens: buttons that move a number, and a walk on which the browser presses the one that goes on."""

import streamlit as st

from ui.frame.state import WALK
from ui.parts import script

PAUSE = 1.0
"""Seconds that each step of a walk is shown."""


def buttons(key: str, at: int, first: int, last: int, what: str) -> None:
    """Buttons that step through numbers, and one that walks on by itself and stops at the end.

    Args:
        key: of the slider of the number; begins the buttons' keys.
        at: where it is now.
        first, last: where it may be.
        what: is stepped through.
    """
    walking = st.session_state.get(WALK) == key and at < last
    with st.container(key="stepper", horizontal=True):
        for way, to in (("Previous", at - 1), ("Next", at + 1)):
            st.button(
                f"{way} {what}",
                key=f"{key}_{way.lower()}",
                on_click=st.session_state.update,
                args=({key: to},),
                disabled=not first <= to <= last,
            )
        label, tip = ("■ Stop", f"Stay at this {what}") if walking else ("▶ Play", f"A {what} every {PAUSE:g} s")
        begin = {key: first} if at == last else {}  # at the end it begins again
        wanted = {WALK: None} if walking else {WALK: key, **begin}
        st.button(label, key=f"{key}_play", on_click=st.session_state.update, args=(wanted,), help=tip)
    if walking:
        script.press(f"{key}_next", PAUSE, at)
