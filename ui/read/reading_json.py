"""The written JSON as something to walk through: click a token, or go with the arrow keys from anywhere on the page."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import streamlit as st

from ui.parts import script
from visualizer.words.reading import json_html

FOLDER = Path(__file__).parent / "js"


@lru_cache(maxsize=2)
def _file(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def draw(tokens: Sequence[str], current: int, first: int, key: str, pick: script.Pick) -> None:
    """The JSON of `tokens` with the current one marked.

    Args:
        tokens: every row's token, those of the prompt first.
        current: row of the token to mark.
        first: how many rows the prompt takes; they cannot be chosen.
        key: of the component.
        pick: what choosing a token does, given its row in a list.
    """
    # Registered anew each run: a component is known to the server that registered it, and a second one may follow.
    component = st.components.v2.component(
        "sightlines_reading_json",
        html='<div class="box" role="group" aria-label="What the model wrote. Arrow keys step through it."></div>',
        css=_file("json.css"),
        js=_file("json.js"),
    )
    html = json_html(tokens, current, first=first)
    data = {"html": html, "current": current, "first": first, "last": len(tokens) - 1}
    component(key=key, data=data, on_token_change=lambda: pick([(st.session_state.get(key) or {}).get("token")]))
