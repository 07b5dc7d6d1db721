"""Page "Reading with cross-attention" as it follows the token: the steps, the JSON, the page under the heat, all heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from tutorials.findings.page import Reading
from tutorials.findings.reading import looks
from ui import components, controls, parts, reading_json, reading_proof, reading_window, stepping
from ui.reading import TOKEN, choose_clicked_head
from visualizer.figures.charts import strip
from visualizer.figures.reading import OPACITY, heads_of_token, page_with_heat
from visualizer.measures.pointing import Box
from visualizer.words.reading import called, describe_heads, describe_token, token_runs

BOXES = "true_box"
"""Key of a toggle and name in the address."""
STEPPED, BEGIN = "reading_stepped", "reading_begin"
"""Session keys: whose tokens the slider counts, as (reader, page); the token that the next run has to begin at."""
JSON, HEADS, STRIP = "reading_json", "reading_heads", "reading_strip"
KINDS = {
    "open": "opening tag",
    "close": "closing tag",
    "separator": "between two items",
    "control": "end of the text",
    "category": "a tag that is a value",
    "word": "starts a word",
    "part": "goes on with a word",
}


def live(now: Reading) -> None:
    """Everything that follows the token."""
    stepping.follow(TOKEN, _live, now)


def _live(given: Reading) -> None:
    parts.rerun_if_asked()
    # How many rows the prompt takes: the first row that was produced and not given.
    first, last = min(given.maps[0].query.prefix, len(given.tokens) - 1), len(given.tokens)
    stepping.advance(TOKEN, first + 1, last)
    # Above the slider, and told by it: the twin of the arrow keys and of clicking, for everybody.
    steps = st.container(horizontal=True)
    now = replace(given, token=_slider(given, first, last))
    with steps:
        stepping.buttons("reading", TOKEN, now.token + 1, first + 1, last, "token", ends=True)
    left, right = st.columns([3, 2])
    with right:
        st.markdown("**What the model wrote.** Click a piece, or use the arrow keys.")
        reading_json.draw(now.tokens, now.token, first, JSON, _pick_token)
        st.text(said_of(now))
        window = reading_window.choose(now)
    with left:
        scale, opacity = _page(now, window)
    reading_proof.card(now, now.heat(), f"token {now.token + 1}")
    _heads(now)
    reading_proof.code(now, scale, opacity)
    reading_proof.downloads(now)


def _slider(now: Reading, first: int, last: int) -> int:
    """The chosen token, 0 first; on the first run the slider alone knows what the address says."""
    # It begins at the first row that wrote print: where a tag is read from is a harder sight. A prompt may hold words, too.
    written = (n for n, run in enumerate(token_runs(now.tokens)) if run["kind"] == "word" and n >= first)
    whose, word = (now.model, now.document.key), next(written, first) + 1
    other = st.session_state.get(STEPPED, whose) != whose  # another page: the old number would name any of its tokens
    st.session_state[STEPPED] = whose
    begin = st.session_state.pop(BEGIN, word if other else None)
    if begin is not None:
        st.session_state[TOKEN] = begin
    tip = "Arrow keys left and right step too, from anywhere on the page but an input."
    at = parts.number("Token", TOKEN, first + 1, last, word, slide=True, help=tip)
    if other and at + 1 != word:  # a slider of another length is a new one, which takes what the address first said
        st.session_state[BEGIN] = word
        st.rerun()
    return at


def said_of(now: Reading) -> str:
    """The current token in words: number, text, kind, field and probability."""
    run, chance = token_runs(now.tokens, now.token)[now.token], now.chances[now.token]
    name, kind = called(now.tokens, now.token).replace("token", "Token", 1), str(run["kind"])
    field = f"; field {run['field']}" if run["field"] else ""
    return f"{name}; {KINDS.get(kind, kind)}{field}" + (f"; probability {chance:.1%}" if np.isfinite(chance) else "")


def _pick_token() -> None:
    number = reading_json.picked(JSON)
    if number is not None:
        st.session_state[TOKEN] = max(number + 1, 1)


def _page(now: Reading, window: Box) -> tuple[str, float]:
    """The page under the heat of the token; returns scale and opacity that it is drawn with."""
    place, heat = st.container(), now.heat()
    scale, opacity = parts.how_drawn("heat", OPACITY, "heat", "tokens of this reading")
    label, true = "Show where this token is printed", []
    if now.document.truth is not None and st.toggle(label, key=BOXES, **controls.KEEP):
        true = [box for token, box in true_boxes(now).items() if token == now.token]
        if not true:
            st.caption("This token stands nowhere on the page: it is a tag, or part of a value that was read wrong.")
    fig = page_with_heat(
        now.document.image,
        heat,
        now.record.geometry,
        window=window,
        true=true,
        scale=scale,
        opacity=opacity,
        together=now.heats() if scale == "shared" else None,
        title=f"Read for {called(now.tokens, now.token)}",
        height=reading_window.figure_height(now),
    )
    if controls.on_phone():  # a finger that drags means to scroll; zoom and pan have their sliders
        fig.layout.dragmode = False
        fig.layout.xaxis.fixedrange = fig.layout.yaxis.fixedrange = True
    said = describe_token(heat, now.tokens, now.token, now.record.geometry)
    caption = f"{now.map_name().capitalize()}. Drag a box on the page to zoom further; double-click to go back."
    with place:
        parts.figure(fig, "reading_page", said, caption=caption)
    components.in_words(said)
    return scale, opacity


def true_boxes(now: Reading) -> Mapping[int, Box]:
    """Token to the box of its characters in pixels of the original page, for values that were read right."""
    printed, geometry = now.printed, now.record.geometry
    if printed is None or geometry is None:
        return {}
    there = np.flatnonzero(np.isfinite(printed.boxes[:, 0]))
    boxes = geometry.boxes_to_original(printed.boxes[there]).tolist()
    return {int(token): (box[0], box[1], box[2], box[3]) for token, box in zip(there, boxes, strict=True)}


def _heads(now: Reading) -> None:
    """Every head of the current token, and the probability of every token; both are clicked to jump."""
    st.header("All heads of this token", anchor=False)
    chosen, height = None, None
    if now.layer is not None and now.head is not None:
        chosen = (now.maps[now.layer].layer, now.head)
    if controls.on_phone():  # just what the maps fill
        heads = max(len(one.weights) for one in now.maps)
        height = round(300 * len(now.maps) / heads * reading_window.page_shape(now)) + 160
    parts.figure(
        heads_of_token(
            now.record, now.token, chosen=chosen, title=f"Every head for {called(now.tokens, now.token)}", height=height
        ),
        HEADS,
        describe_heads(now.record, now.token),
        partial(choose_clicked_head, HEADS),
        caption="Each head on a scale of its own. Click one to choose its layer and head; the sidebar does the same.",
        words=True,
    )
    chances = now.chances
    if np.isfinite(chances).any():
        low = int(np.nanargmin(chances))
        parts.figure(
            strip(now.tokens, chances, now.token, title="How sure the model was of each token"),
            STRIP,
            f"Probability of each token. The lowest is {chances[low]:.1%}, of {called(now.tokens, low)}.",
            partial(parts.choose_clicked, STRIP, TOKEN),
            caption="Click a bar to jump to its token.",
        )


def tags(now: Reading) -> None:
    """The outcome of the prediction: where every opening tag looked."""
    found = looks(now)
    if found:
        parts.wide_table(
            {
                "token": [one.token + 1 for one in found],
                "tag": [one.tag for one in found],
                "strongest cell lies": [one.place[0].lower() + one.place[1:] for one in found],
                "share of attention in it": [f"{one.share:.1%}" for one in found],
                "entropy (bits)": [f"{one.bits:.2f}" for one in found],
            },
            420 if controls.on_phone() else "content",
        )
        st.caption(
            f"Opening tags before a value; {now.map_name()}. Entropy: at most {np.log2(now.heats()[0].size):.2f} bits."
        )
