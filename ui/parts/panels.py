"""What belongs to a figure and is looked at one at a time: words, trust card, code, files. Only the chosen one is made.

Where no choice is drawn, as in the playground, each stands folded away on its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from ui.frame import texts
from ui.parts import widgets

WORDS, TRUST, CODE, FILES = "words", "trust", "code", "files"
OPEN = "panel"
"""Key of the choice, and its name in the address."""
CHOSEN = "_panel_chosen"
"""Session key: the panel that is open where one is chosen; absent where each stands alone."""


def choose() -> None:
    """Draw the choice; until the end of this run only the chosen panel is made."""
    names = {"": texts.say("panel_none"), **{name: texts.say(f"panel_{name}") for name in (WORDS, TRUST, CODE, FILES)}}
    picked = widgets.choice(texts.say("panel"), list(names.values()), OPEN, label_visibility="collapsed")
    st.session_state[CHOSEN] = next(name for name, said in names.items() if said == picked)


def show(name: str) -> None:
    """Have the panel of that name open; for callbacks."""
    st.session_state[OPEN] = texts.say(f"panel_{name}")


def alone() -> None:
    """For the start of a run: each panel stands alone until a choice is drawn."""
    st.session_state.pop(CHOSEN, None)


def stand_alone() -> bool:
    """Whether each panel stands on its own, so that a figure brings its words along."""
    return CHOSEN not in st.session_state


def wanted(name: str) -> bool:
    """Whether a panel is to be made at all."""
    return st.session_state.get(CHOSEN, name) == name


@contextmanager
def panel(name: str, title: str) -> Iterator[None]:
    """The place of a panel that is wanted: under the choice, or folded away under its title."""
    with st.expander(title) if stand_alone() else st.container(border=True):
        yield
