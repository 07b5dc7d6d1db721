"""Page "Reading with cross-attention" as it follows the token: the steps, the JSON, the page under the heat, all heads."""

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from tutorials.findings.page import Reading
from tutorials.findings.reading import tag_places
from ui.parts import components, controls, parts, stepping
from ui.parts.controls import KEEP
from ui.read import reading_json, reading_proof
from ui.read.reading import TOKEN, choose_clicked_head
from visualizer.figures.charts import strip
from visualizer.figures.reading import OPACITY, heads_of_token, minimap, page_with_heat
from visualizer.measures.pointing import Box, centred, say_window, viewport
from visualizer.words.reading import called, describe_heads, describe_token, token_runs

BOXES, ZOOM, ACROSS, DOWN = "true_box", "zoom", "across", "down"
"""Keys of the widgets and names in the address; zoom is a factor, across and down are percent."""
MOST_ZOOM = 8.0
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
    # How many rows the prompt takes: the first row that was produced and not given.
    first, last = min(given.maps[0].query.prefix, len(given.tokens) - 1), len(given.tokens)
    stepping.advance(TOKEN, first + 1, last)
    # Above the slider, whose number they need: the twin of the arrow keys and of clicking, for everybody.
    steps = st.container(horizontal=True)
    now = replace(given, token=_slider(given, first, last))
    with steps:
        stepping.buttons("reading", TOKEN, now.token + 1, first + 1, last, "token", ends=True)
    left, right = st.columns([3, 2])
    with right:
        st.markdown("**What the model wrote.** Click a piece, or use the arrow keys.")
        reading_json.draw(now.tokens, now.token, first, JSON, _pick_token)
        st.text(said_of(now))
        window = _window(now)
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
    if (begin := st.session_state.pop(BEGIN, word if other else None)) is not None:
        st.session_state[TOKEN] = begin
    at = parts.number(
        "Token",
        TOKEN,
        first + 1,
        last,
        word,
        slide=True,
        help="Arrow keys left and right step too, from anywhere on the page but an input.",
    )
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
    if (number := reading_json.picked(JSON)) is not None:
        st.session_state[TOKEN] = max(number + 1, 1)


def _page(now: Reading, window: Box) -> tuple[str, float]:
    """The page under the heat of the token; returns scale and opacity that it is drawn with."""
    place, heat = st.container(), now.heat()
    scale, opacity = parts.how_drawn("heat", OPACITY, "heat", "tokens of this reading")
    true, printed, geometry = np.empty((0, 4)), now.printed, now.record.geometry
    if (
        printed is not None
        and geometry is not None
        and st.toggle("Show where this token is printed", key=BOXES, **KEEP)
    ):
        boxes = printed.boxes[[now.token]]
        true = geometry.boxes_to_original(boxes[np.isfinite(boxes[:, 0])])
        if not len(true):
            st.caption("This token stands nowhere on the page: it is a tag, or part of a value that was read wrong.")
    fig = page_with_heat(
        now.document.image,
        heat,
        now.record.geometry,
        window=window,
        true=true.tolist(),
        scale=scale,
        opacity=opacity,
        together=now.heats() if scale == "shared" else None,
        title=f"Read for {called(now.tokens, now.token)}",
        height=figure_height(now),
        zoom=not controls.on_phone(),  # a finger that drags means to scroll; zoom and pan have their sliders
    )
    said = describe_token(heat, now.tokens, now.token, now.record.geometry)
    with place:
        components.panel(
            fig,
            "reading_page",
            said,
            caption=f"{now.map_name().capitalize()}. Drag a box on the page to zoom further; double-click to go back.",
            below=False,
        )
    components.in_words(said)
    return scale, opacity


def _window(now: Reading) -> Box:
    """The controls and the minimap; returns what part of the page to draw, in its own pixels."""
    size = now.document.image.size
    wanted = st.slider("Zoom", 1.0, MOST_ZOOM, 1.0, 0.5, key=ZOOM, format="%.1f ×", **KEEP)
    zoom = controls.within(wanted, 1, MOST_ZOOM)
    left, right = st.columns(2)
    off = zoom == 1
    across = left.slider("Pan left to right (%)", 0, 100, 50, 1, key=ACROSS, disabled=off, **KEEP)
    down = right.slider("Pan top to bottom (%)", 0, 100, 50, 1, key=DOWN, disabled=off, **KEEP)
    window = viewport(size, zoom, controls.within(across, 0, 100) / 100, controls.within(down, 0, 100) / 100)
    with st.container(horizontal=True):
        st.button(
            "Reset the view",
            key="reading_reset",
            on_click=st.session_state.update,
            args=({ZOOM: 1.0, ACROSS: 50, DOWN: 50},),
            disabled=off,
        )
        peak = _strongest_place(now)
        st.button(
            "Go to the strongest cell",
            key="reading_centre",
            on_click=_centre,
            args=(size, peak),
            disabled=peak is None,
            help="Zooms in three times, if the whole page is shown, with that cell in the middle.",
        )
    said = say_window(size, window)
    components.panel(minimap(now.document.image, window, size), "reading_minimap", said, caption=said, below=False)
    return window


def _centre(size: tuple[int, int], point: tuple[float, float]) -> None:
    zoom = controls.within(st.session_state.get(ZOOM, 1), 1, MOST_ZOOM)
    st.session_state[ZOOM] = zoom if zoom > 1 else 3.0
    x, y = centred(size, st.session_state[ZOOM], point)
    st.session_state[ACROSS], st.session_state[DOWN] = round(100 * x), round(100 * y)


def page_shape(now: Reading) -> float:
    """Height over width of the page."""
    width, height = now.document.image.size
    return height / width


def figure_height(now: Reading) -> int:
    """Height in pixels of a figure that shows the page: just what its width leaves to be filled, and at most 620."""
    across = 342 if controls.on_phone() else 468
    return min(620, round(across * page_shape(now)) + 100)


def _strongest_place(now: Reading) -> tuple[float, float] | None:
    """Middle of the strongest cell in pixels of the original page; None where the model's page is not known."""
    geometry, heat = now.record.geometry, now.heat()
    if geometry is None or not np.isfinite(heat).any():
        return None
    row, column = divmod(int(np.nanargmax(heat)), heat.shape[1])
    at = [(column + 0.5) / heat.shape[1] * geometry.seen[0], (row + 0.5) / heat.shape[0] * geometry.seen[1]]
    x, y = geometry.to_original([at])[0]
    return float(x), float(y)


def _heads(now: Reading) -> None:
    """Every head of the current token, and the probability of every token; both are clicked to jump."""
    st.header("All heads of this token", anchor=False)
    chosen, height = None, None
    if now.layer is not None and now.head is not None:
        chosen = (now.maps[now.layer].layer, now.head)
    if controls.on_phone():  # just what the maps fill
        heads = max(len(one.weights) for one in now.maps)
        height = round(300 * len(now.maps) / heads * page_shape(now)) + 160
    components.panel(
        heads_of_token(
            now.record, now.token, chosen=chosen, title=f"Every head for {called(now.tokens, now.token)}", height=height
        ),
        HEADS,
        describe_heads(now.record, now.token),
        partial(choose_clicked_head, HEADS),
        caption="Each head on a scale of its own. Click one to choose its layer and head; the sidebar does the same.",
    )
    chances = now.chances
    if np.isfinite(chances).any():
        low = int(np.nanargmin(chances))
        components.panel(
            strip(now.tokens, chances, now.token, title="How sure the model was of each token"),
            STRIP,
            f"Probability of each token. The lowest is {chances[low]:.1%}, of {called(now.tokens, low)}.",
            partial(parts.choose_clicked, STRIP, TOKEN),
            caption="Click a bar to jump to its token.",
            below=False,
        )


def tags(now: Reading) -> None:
    """The outcome of the prediction: where every opening tag looked."""
    found = tag_places(now)
    if found:
        # A scroll box of its own, since the table is wider than a phone.
        with st.container(height=420 if controls.on_phone() else "content"):
            components.table(
                {
                    "token": [one.token + 1 for one in found],
                    "tag": [one.tag for one in found],
                    "strongest cell lies": [one.place[0].lower() + one.place[1:] for one in found],
                    "share of attention in it": [f"{one.share:.1%}" for one in found],
                    "entropy (bits)": [f"{one.bits:.2f}" for one in found],
                }
            )
        components.say_wide()
        st.caption(
            f"Opening tags before a value; {now.map_name()}. Entropy: at most {np.log2(now.heats()[0].size):.2f} bits."
        )
