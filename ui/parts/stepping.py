"""Stepping through words or tokens: buttons that move a number in the session, and a walk that goes on by itself."""

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from ui.parts import parts

PAUSE = 1.0
"""Seconds that each step is shown."""
PLAYING, DUE = "stepping_playing", "stepping_due"
"""Session keys: the key of the number that is walked, if any; when the next step is due, in seconds of the monotonic clock."""


def playing(key: str) -> bool:
    """Whether the number in session key `key` is being walked; another page's may be, too."""
    return bool(st.session_state.get(PLAYING) == key)


def follow(key: str, draw: Callable[[Any], None], now: Any) -> None:
    """`draw(now)` as a fragment: a step draws this part alone, and it runs by itself while the number is walked."""
    st.fragment(run_every=PAUSE if playing(key) else None)(draw)(now)


def buttons(prefix: str, key: str, at: int, first: int, last: int, what: str, ends: bool = False) -> None:
    """Buttons that step, from `first` to `last`, and one that plays: begins again at the end.

    Args:
        prefix: of the buttons' keys.
        key: session key of the number.
        at: where it is now.
        first, last: where it may be.
        what: is stepped through.
        ends: whether to offer both ends, too.
    """
    steps = [("← Previous", "previous", at - 1), ("Next →", "next", at + 1)]
    if ends:
        steps = [("First", "first", first), *steps, ("Last", "last", last)]
    for name, word, to in steps:
        st.button(
            name,
            key=f"{prefix}_{word}",
            on_click=st.session_state.update,
            args=({key: to},),
            disabled=to == at or not first <= to <= last,
        )
    label, tip = ("■ Stop", f"Stay at this {what}") if playing(key) else ("▶ Play", f"A {what} every {PAUSE:g} s")
    st.button(label, key="reading_play", on_click=_toggle, args=(key, first, last), help=tip)


def _toggle(key: str, first: int, last: int) -> None:
    # A whole run starts or ends the ticking.
    st.session_state[PLAYING], st.session_state[parts.AGAIN] = None if playing(key) else key, True
    st.session_state[DUE] = time.monotonic() + PAUSE
    if playing(key) and parts.whole(st.session_state.get(key, first), first, last) == last:
        st.session_state[key] = first


def advance(key: str, first: int, last: int) -> None:
    """For the start of the fragment: go on by one if a step is due; behind the last one, stop."""
    parts.rerun_if_asked()
    if not playing(key) or time.monotonic() < st.session_state.get(DUE, 0.0):
        return
    at = parts.whole(st.session_state.get(key, first), first, last)
    if at == last:
        st.session_state[PLAYING] = None
        st.rerun()
    st.session_state[key] = at + 1
    st.session_state[DUE] = time.monotonic() + 0.8 * PAUSE  # a tick may come a little early
