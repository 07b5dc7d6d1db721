"""What belongs to a figure and is looked at one at a time: words, trust card, code, files. Only the chosen one is made."""

import streamlit as st

from ui.frame import texts
from ui.parts import widgets

NONE, WORDS, TRUST, CODE, FILES = "none", "words", "trust", "code", "files"
OPEN = "panel"
"""Key of the choice, and its name in the address."""


def choose(first: str = NONE) -> None:
    """Draw the choice, before anything that asks what is wanted; `first` is open until somebody chooses."""
    names, words = (NONE, WORDS, TRUST, CODE, FILES), lambda name: texts.say(f"panel_{name}")
    widgets.choice(texts.say("panel"), names, OPEN, first, label_visibility="collapsed", format_func=words)


def show(name: str) -> None:
    """Have the panel of that name open; for callbacks."""
    st.session_state[OPEN] = name


def wanted(name: str) -> bool:
    """Whether a panel is to be made at all; of `NONE`, whether none is."""
    return bool(st.session_state.get(OPEN, NONE) == name)
