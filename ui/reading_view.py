"""Page "Reading with cross-attention" as it follows the token: the steps, the JSON, the page under the heat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import streamlit as st

from tutorials.findings.page import Reading
from ui import (
    components,
    controls,
    read_commands,
    reading_heads,
    reading_json,
    reading_play,
    reading_snippets,
    reading_trust,
    reading_window,
)  # fmt: skip
from ui.reading import TOKEN
from ui.reading_heads import WHOLE_PAGE, chances
from visualizer.export import files as export
from visualizer.figures import reading as reading_figures
from visualizer.figures.reading import page_with_heat
from visualizer.measures.pointing import Box
from visualizer.measures.reading_score import token_truth
from visualizer.style.scale import MODES
from visualizer.words.reading import called, describe_token, token_runs

SCALE, OPACITY, BOXES = "heat_scale", "heat_opacity", "true_box"
"""Keys of the page's widgets and names in the address."""
STEPPED, BEGIN = "reading_stepped", "reading_begin"
"""Session keys: whose tokens the slider counts, as (reader, page); the token that the next run has to begin at."""
SCALES = ("shared", "per map", "log")
JSON = "reading_json"
KINDS = {
    "open": "opening tag", "close": "closing tag", "separator": "between two items", "control": "end of the text",
    "category": "a tag that is a value", "word": "starts a word", "part": "goes on with a word",
}  # fmt: skip


def live(now: Reading) -> None:
    """Everything that follows the token. A fragment: a step draws this part alone; it runs by itself while it plays."""
    every = reading_play.PAUSE if reading_play.playing(TOKEN) else None
    st.fragment(run_every=every)(_live)(now)


def _live(given: Reading) -> None:
    if st.session_state.pop(WHOLE_PAGE, False):
        st.rerun()
    first, last = first_token(given), len(given.tokens)
    reading_play.advance(TOKEN, first + 1, last)
    now = replace(given, token=_steps(given, first, last))
    left, right = st.columns([3, 2])
    with right:
        _written(now, first)
        window = reading_window.choose(now)
    with left:
        _page(now, window)
    reading_trust.card(now, now.heat(), f"token {now.token + 1}")
    reading_heads.draw(now)
    _code(now)
    _downloads(now)


def first_token(now: Reading) -> int:
    """The first row that was produced and not given: how many rows the prompt takes."""
    return min(now.maps[0].query.prefix, len(now.tokens) - 1)


def first_word(now: Reading) -> int:
    """The first row that wrote print: where a tag is read from is a harder sight to begin with."""
    first = first_token(now)  # the prompt before it may hold words, too: those of a question
    written = [n for n, run in enumerate(token_runs(now.tokens)) if run["kind"] == "word" and n >= first]
    return written[0] if written else first


def _slider(now: Reading, first: int, last: int) -> int:
    """The chosen token, 0 first; on the first run the slider alone knows what the address says."""
    whose, word = (now.model, now.document.key), first_word(now) + 1
    other = st.session_state.get(STEPPED, whose) != whose  # another page: the old number would name any of its tokens
    st.session_state[STEPPED] = whose
    begin = st.session_state.pop(BEGIN, word if other else None)
    if begin is not None:
        st.session_state[TOKEN] = begin
    if TOKEN in st.session_state:
        at = int(controls.within(st.session_state[TOKEN], first + 1, last))
        if st.session_state[TOKEN] != at:  # left over from a longer reading
            st.session_state[TOKEN] = at
    if last == first + 1:
        return first
    chosen = st.slider(
        "Token", first + 1, last, word, key=TOKEN, bind="query-params", persist_state="session",
        help="Arrow keys left and right step too, from anywhere on the page but an input.",
    )  # fmt: skip
    if other and chosen != word:  # a slider of another length is a new one, which takes what the address first said
        st.session_state[BEGIN] = word
        st.rerun()
    return int(controls.within(chosen, first + 1, last)) - 1


def _go(to: int, first: int, last: int) -> None:
    st.session_state[TOKEN] = min(max(to + 1, first + 1), last)


def _steps(now: Reading, first: int, last: int) -> int:
    """Buttons and the slider: the twin of the arrow keys and of clicking, for everybody; returns the token, 0 first."""
    buttons = st.container(horizontal=True)
    at = _slider(now, first, last)
    with buttons:
        for name, key, to, off in (
            ("First", "first", first, at == first),
            ("← Previous", "previous", at - 1, at == first),
            ("Next →", "next", at + 1, at == last - 1),
            ("Last", "last", last - 1, at == last - 1),
        ):
            st.button(name, key=f"reading_{key}", on_click=_go, args=(to, first, last), disabled=off)
        reading_play.button(TOKEN, first + 1, last, WHOLE_PAGE)
    return at


def _written(now: Reading, first: int) -> None:
    """What the model wrote, with the token marked in it, and what can be said about this token."""
    st.markdown("**What the model wrote.** Click a piece, or use the arrow keys.")
    reading_json.draw(now.tokens, now.token, first, JSON, _pick_token)
    st.text(said_of(now))


def said_of(now: Reading) -> str:
    """The current token in words: number, text, kind, field and probability."""
    run = token_runs(now.tokens, now.token)[now.token]
    parts = [called(now.tokens, now.token).replace("token", "Token", 1), KINDS.get(str(run["kind"]), str(run["kind"]))]
    if run["field"]:
        parts.append(f"field {run['field']}")
    chance = chances(now)[now.token]
    if np.isfinite(chance):
        parts.append(f"probability {chance:.1%}")
    return "; ".join(parts)


def _pick_token() -> None:
    number = reading_json.picked(JSON)
    if number is not None:
        st.session_state[TOKEN] = max(number + 1, 1)


def _page(now: Reading, window: Box) -> None:
    place, heat = st.container(), now.heat()
    scale, opacity, true = _display(now)
    fig = page_with_heat(
        now.document.image, heat, now.record.geometry, window=window, true=true, scale=scale, opacity=opacity,
        together=now.heats() if scale == "shared" else None, title=f"Read for {called(now.tokens, now.token)}",
        height=reading_window.figure_height(now),
    )  # fmt: skip
    if controls.on_phone():  # a finger that drags means to scroll; zoom and pan have their sliders
        fig.layout.dragmode = False
        fig.layout.xaxis.fixedrange = fig.layout.yaxis.fixedrange = True
    said = describe_token(heat, now.tokens, now.token, now.record.geometry)
    with place:
        components.chart(fig, "reading_page", said)
        st.caption(f"{now.map_name().capitalize()}. Drag a box on the page to zoom further; double-click to go back.")
    components.in_words(said)


def _display(now: Reading) -> tuple[str, float, list[Box]]:
    with st.expander("How it is drawn"):
        scale = controls.one_of(st.selectbox("Scale of the colours", SCALES, key=SCALE, **controls.KEEP), SCALES)
        st.caption(f"{scale}: {MODES[scale]}." + " Here: all tokens of this reading." * (scale == "shared"))
        opacity = st.slider(
            "Opacity of the heat", 0.0, 1.0, reading_figures.OPACITY, 0.05, key=OPACITY, **controls.KEEP
        )
    wanted = now.document.truth is not None and st.toggle(
        "Show where this token is printed", key=BOXES, **controls.KEEP
    )
    true = true_boxes(now) if wanted else {}
    if wanted and now.token not in true:
        st.caption("This token stands nowhere on the page: it is a tag, or part of a value that was read wrong.")
    return scale, controls.within(opacity, 0, 1), [true[now.token]] if now.token in true else []


def true_boxes(now: Reading) -> Mapping[int, Box]:
    """Token to the box of its characters in pixels of the original page, for values that were read right."""
    if now.record.geometry is None:
        return {}
    truth = token_truth(now.tokens, now.document.values, now.record.geometry)
    there = np.flatnonzero(np.isfinite(truth.boxes[:, 0]))
    on_page = now.record.geometry.boxes_to_original(truth.boxes[there])
    return {int(t): (float(b[0]), float(b[1]), float(b[2]), float(b[3])) for t, b in zip(there, on_page, strict=True)}


DRAW = """from visualizer.measures.reading import token_heat, token_names
from visualizer.figures.reading import page_with_heat

print(token_names(record)[token])
heat = token_heat(record, layers, heads, tokens=[token])[0]  # (rows, columns); sums to 1
page_with_heat(record.image, heat, record.geometry).show()
"""


def _code(now: Reading) -> None:
    with st.expander("Show me the code"):
        st.code(reading_snippets.record_code(now) + DRAW, language="python")
        components.copy_commands([read_commands.token(now)])


def _downloads(now: Reading) -> None:
    def picture() -> bytes:
        what = f"{called(now.tokens, now.token)}, {now.map_name()}"
        return export.overlay_png(
            now.document.image,
            now.heat(),
            now.record.geometry,
            what,
            settings=now.model,
            opacity=reading_figures.OPACITY,
        )

    files: dict[str, tuple[str, Callable[[], bytes]]] = {
        "This page (PNG)": (f"reading-{now.token + 1}.png", picture),
        "This heat (CSV)": (f"reading-{now.token + 1}.csv", lambda: export.to_csv(now.heat()).encode()),
    }
    components.downloads("reading", files)
