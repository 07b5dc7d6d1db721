"""A row of small pictures to flip through: buttons with names, so that keys, touch and screen readers reach them."""

import base64
from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st

from tutorials.plain import plain
from ui.store import pictures

RULE = ".st-key-{key} button {{ background-image: url(data:image/jpeg;base64,{data}); }}\n"


def row(key: str, ids: Sequence[str], chosen: str, choose: Callable[[str], None], label: str = "") -> None:
    """Draw the row.

    Args:
        key: of the row; begins the keys of its buttons.
        ids: of the pictures.
        chosen: the one that is shown.
        choose: called with the id of the one that was clicked.
        label: before the row, where it is not plain what it is for.
    """
    rules = (RULE.format(key=f"{key}_{one}", data=_encoded(one)) for one in ids)
    st.html(f"<style>{''.join(rules)}</style>")
    with st.container(horizontal=True, wrap=False, gap="xsmall", key=f"thumbnails_{key}"):
        if label:
            st.caption(label, width="content")
        for one in ids:
            shown: Literal["primary", "secondary"] = "primary" if one == chosen else "secondary"
            st.button(
                plain(pictures.title(one)), key=f"{key}_{one}", on_click=choose, args=(one,), type=shown, width=72
            )


@st.cache_data(max_entries=200, show_spinner=False)
def _encoded(picture_id: str) -> str:
    return base64.b64encode(pictures.thumbnail(picture_id)).decode()
