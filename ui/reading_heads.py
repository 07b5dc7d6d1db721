"""All heads of a token at a glance, and how sure the model was of each token; both are clicked to jump."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.page import Reading
from tutorials.findings.reading import looks
from ui import components, controls
from ui.reading import HEAD, LAYER, TOKEN
from ui.reading_window import page_shape
from visualizer.figures.charts import strip
from visualizer.figures.reading import heads_of_token
from visualizer.words.reading import called, describe_heads

HEADS, STRIP = "reading_heads", "reading_strip"
WHOLE_PAGE = "reading_all_again"
"""Session key: a choice was made that the sidebar must show too."""


def draw(now: Reading) -> None:
    """Every head of the current token, and the probability of every token."""
    st.header("All heads of this token", anchor=False)
    depth = [one.layer for one in now.maps]
    chosen = (depth[now.layer], now.head) if now.layer is not None and now.head is not None else None
    said = describe_heads(now.record, now.token)
    title = f"Every head for {called(now.tokens, now.token)}"
    fig = heads_of_token(now.record, now.token, chosen=chosen, title=title, height=_height(now))
    components.chart(fig, HEADS, said, _pick_head)
    st.caption("Each head on a scale of its own. Click one to choose its layer and head; the sidebar does the same.")
    components.in_words(said)
    known = chances(now)
    if np.isfinite(known).any():
        fig = strip(now.tokens, known, now.token, title="How sure the model was of each token")
        low = int(np.nanargmin(known))
        said = f"Probability of each token. The lowest is {known[low]:.1%}, of {called(now.tokens, low)}."
        components.chart(fig, STRIP, said, _pick_bar)
        st.caption("Click a bar to jump to its token.")


def _height(now: Reading) -> int | None:
    """On a phone just what the maps fill; elsewhere the figure knows."""
    if not controls.on_phone():
        return None
    heads = max(len(one.weights) for one in now.maps)
    return round(300 * len(now.maps) / heads * page_shape(now)) + 160


def _pick_head() -> None:
    points = components.chosen_points(HEADS)
    if points and isinstance(points[0], (list, tuple)) and len(points[0]) >= 2:
        st.session_state[LAYER], st.session_state[HEAD] = str(int(points[0][0]) + 1), str(int(points[0][1]) + 1)
        st.session_state[WHOLE_PAGE] = True


def _pick_bar() -> None:
    points = components.chosen_points(STRIP)
    if points and isinstance(points[0], int):
        st.session_state[TOKEN] = max(points[0] + 1, 1)


def chances(now: Reading) -> NDArray[np.float64]:
    """(tokens,) probability the model gave each token; NaN for the prompt's."""
    known, out = now.record.prediction.chances, np.full(len(now.tokens), np.nan)
    if 0 < len(known) <= len(out):
        out[len(out) - len(known) :] = known
    return out


def tags(now: Reading) -> None:
    """The outcome of the prediction: where every opening tag looked."""
    found = looks(now)
    if found:
        # A scroll box of its own, since the table is wider than a phone.
        with st.container(height=420 if controls.on_phone() else "content"):
            components.table({
                "token": [one.token + 1 for one in found],
                "tag": [one.tag for one in found],
                "strongest cell lies": [one.place[0].lower() + one.place[1:] for one in found],
                "share of attention in it": [f"{one.share:.1%}" for one in found],
                "entropy (bits)": [f"{one.bits:.2f}" for one in found],
            })  # fmt: skip
        components.say_wide()
        st.caption(
            f"Opening tags before a value; {now.map_name()}. Entropy: at most {np.log2(now.heats()[0].size):.2f} bits."
        )
