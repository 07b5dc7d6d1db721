"""Who may have the server read its disk or ask a hub for any name: whoever has the key from the server's terminal.

A missing header or address proves nothing: a proxy on the same machine makes every stranger look like the person at the server.
The key is printed where the app was started, typed into a page, and never stands in an address.
"""

import hmac
import os
import secrets
import sys
from functools import cache

import streamlit as st

UNLOCKED, TYPED = "_unlocked", "server_key"
"""Session keys: whether the key was given; the field that it is typed into."""
MODELS = "SIGHTLINES_MODELS"
"""Environment variable of a server: names of models (``hf:FOLDER``, ``timm:NAME``) that everybody may load, with commas between."""
TRIES = 20
"""Wrong keys of a session before it may try no more."""


@cache
def key() -> str:
    """The key of this process: twelve letters, printed in the terminal once."""
    made = secrets.token_hex(6)
    sys.stderr.write(f"\n  Sightlines: to load models of your own, type this key into the page: {made}\n\n")
    sys.stderr.flush()
    return made


def unlocked() -> bool:
    """Whether this session has given the key."""
    return st.session_state.get(UNLOCKED) is True


def allowed() -> tuple[str, ...]:
    """Models that whoever runs the server lets everybody load."""
    return tuple(one.strip() for one in os.environ.get(MODELS, "").split(",") if one.strip())


def ask() -> bool:
    """Draw the field for the key until it was given; whether it was."""
    if unlocked():
        return True
    if st.session_state.get("_wrong_keys", 0) >= TRIES:
        st.caption("Too many wrong keys: reload the page.")
        return False
    key()
    st.text_input("Key of this server", key=TYPED, type="password", max_chars=40, on_change=_try)
    st.caption(
        "Models of your own are loaded for the person who started this app: the key stands in the terminal where it was started."
    )
    if st.session_state.pop("_wrong_key", False):
        st.error("This is not the key of this server.")
    return False


def _try() -> None:
    state = st.session_state
    state[UNLOCKED] = hmac.compare_digest(str(state.get(TYPED, "")).strip().encode(), key().encode())
    if not state[UNLOCKED]:
        state["_wrong_key"], state["_wrong_keys"] = True, state.get("_wrong_keys", 0) + 1
    state[TYPED] = ""
