"""Claims to test: here, which is an anecdote, and on many pictures, beside controls that know nothing."""

from typing import Any

import streamlit as st

from tutorials.findings import finding
from tutorials.lessons import Claim
from ui.frame import texts

TESTED = "_tested"
"""Session key: (claim's finding, view) to what its test here said."""


def draw(lesson: str, claim: Claim, now: Any, number: int = 0) -> None:
    """A claim, what is done to test it, and its buttons; `number` tells those of several claims apart."""
    told = st.session_state.setdefault(TESTED, {})
    more = f" ({number})" if number else ""
    with st.container(border=True):
        st.markdown(texts.say("claim", text=claim.text))
        st.caption(claim.test)
        with st.container(horizontal=True):
            if st.button(texts.say("test_here") + more, key=f"here_{claim.finding}"):
                told[claim.finding, now.view] = finding(claim.finding)(now).text
        if (claim.finding, now.view) in told:
            st.info(texts.say("one_picture", text=told[claim.finding, now.view]))
