"""Who is looking."""

from __future__ import annotations

import streamlit as st


def on_this_machine() -> bool:
    """Whether the visitor sits at the server: only then may a name on its disk or the hub be loaded."""
    return st.context.ip_address is None and "X-Forwarded-For" not in st.context.headers
