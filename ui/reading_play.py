"""Stepping through the tokens by itself: a button, and the step that is due."""

from __future__ import annotations

import time

import streamlit as st

from ui import controls

PAUSE = 1.0
"""Seconds that each token is shown."""
PLAYING, DUE = "reading_playing", "reading_due"
"""Session keys: the key of the number that is walked, if any; when the next step is due, in seconds of the monotonic clock."""


def playing(key: str) -> bool:
    """Whether the number in session key `key` is being walked; another page's may be, too."""
    return bool(st.session_state.get(PLAYING) == key)


def button(key: str, first: int, last: int, refresh: str, what: str = "token") -> None:
    """Play or stop: walks the number in session key `key` from `first` to `last`, beginning again when it is there.

    `refresh` names the session key that asks for a whole run, which starts or ends the ticking; `what` is walked, in words.
    """
    label, tip = ("■ Stop", f"Stay at this {what}") if playing(key) else ("▶ Play", f"A {what} every {PAUSE:g} s")
    st.button(label, key="reading_play", on_click=_toggle, args=(key, first, last, refresh), help=tip)


def _toggle(key: str, first: int, last: int, refresh: str) -> None:
    st.session_state[PLAYING], st.session_state[refresh] = None if playing(key) else key, True
    st.session_state[DUE] = time.monotonic() + PAUSE
    if playing(key) and _at(key, first, last) == last:
        st.session_state[key] = first


def _at(key: str, first: int, last: int) -> int:
    return int(controls.within(st.session_state.get(key, first), first, last))


def advance(key: str, first: int, last: int) -> None:
    """Go on by one token if a step is due; behind the last one, stop."""
    if not playing(key) or time.monotonic() < st.session_state.get(DUE, 0.0):
        return
    at = _at(key, first, last)
    if at == last:
        st.session_state[PLAYING] = None
        st.rerun()
    st.session_state[key] = at + 1
    st.session_state[DUE] = time.monotonic() + 0.8 * PAUSE  # a tick may come a little early
