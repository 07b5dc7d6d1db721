"""What belongs to a figure and is looked at one at a time: words, trust card, code, files. Only the chosen one is made.

Where no choice is drawn, as in the playground, each stands folded away on its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from ui.frame import texts
from ui.parts import widgets

NONE, WORDS, TRUST, CODE, FILES = "none", "words", "trust", "code", "files"
OPEN = "panel"
"""Key of the choice, and its name in the address."""
CHOSEN = "_panel_chosen"
"""Session key: the panel that is open where one is chosen; absent where each stands alone."""


def choose() -> None:
    """Draw the choice; until the end of this run only the chosen panel is made."""
    names = (NONE, WORDS, TRUST, CODE, FILES)
    st.session_state[CHOSEN] = widgets.choice(
        texts.say("panel"),
        names,
        OPEN,
        label_visibility="collapsed",
        format_func=lambda name: texts.say(f"panel_{name}"),
    )


def show(name: str) -> None:
    """Have the panel of that name open; for callbacks."""
    st.session_state[OPEN] = name


def alone() -> None:
    """For the start of a run: each panel stands alone until a choice is drawn."""
    st.session_state.pop(CHOSEN, None)


def stand_alone() -> bool:
    """Whether each panel stands on its own, so that a figure brings its words along."""
    return CHOSEN not in st.session_state


def closed() -> bool:
    """Whether a choice is drawn and says none, so that no panel has to be prepared."""
    return st.session_state.get(CHOSEN) == NONE


def wanted(name: str) -> bool:
    """Whether a panel is to be made at all."""
    return st.session_state.get(CHOSEN, name) == name


@contextmanager
def panel(name: str, title: str) -> Iterator[None]:
    """The place of a panel that is wanted: under the choice, or folded away under its title."""
    with st.expander(title) if stand_alone() else st.container(border=True):
        yield
