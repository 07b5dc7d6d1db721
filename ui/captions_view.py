"""The parts of page "One word, one look" that follow the word: the sentence, the picture under it, its gate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning, describe_row, let_through, plain, shown, turned_round
from ui import captions_all, captions_export, captions_trust, components, controls, reading_play
from ui.captions import COVER, OF_BOXES, WORD
from ui.captions_all import AGAIN, SCALES, pick
from visualizer.figures.captions import regions_map
from visualizer.figures.charts import gate_bars
from visualizer.measures.entropy import entropy
from visualizer.style.scale import MODES

SCALE, OPACITY, BARS = "word_scale", "word_opacity", "captions_gates"


def live(now: Captioning) -> None:
    """Everything that follows the word. A fragment: a step draws this part alone; it runs by itself while it plays."""
    every = reading_play.PAUSE if reading_play.playing(WORD) else None
    st.fragment(run_every=every)(_live)(now)


def _live(given: Captioning) -> None:
    if st.session_state.pop(AGAIN, False):
        st.rerun()
    last = len(given.words)
    reading_play.advance(WORD, 1, last)
    # The slider knows best which word it is, also on the first run of a linked view: what it decides waits for it.
    above = st.container()
    now = replace(given, word=_slider(last))
    with above:
        _sentence(now)
        _buttons(now, last)
    left, right = st.columns([3, 2])
    with left:
        _picture(now)
    with right:
        _about(now)
        gates(now)
    captions_trust.card(now)
    captions_all.strip(now)
    captions_all.heads(now)
    captions_export.code(now)
    captions_export.downloads(now)


def _slider(last: int) -> int:
    """The chosen word, 0 first."""
    if WORD in st.session_state and st.session_state[WORD] != (
        at := int(controls.within(st.session_state[WORD], 1, last))
    ):
        st.session_state[WORD] = at  # left over from a longer sentence
    if last == 1:
        return 0
    chosen = st.slider("Word", 1, last, 1, key=WORD, bind="query-params", persist_state="session")
    return int(controls.within(chosen, 1, last)) - 1


def _go(to: int, last: int) -> None:
    st.session_state[WORD] = min(max(to + 1, 1), last)


def _sentence(now: Captioning) -> None:
    """The caption, a button a word; the chosen one has a frame."""
    st.markdown("**What the model says.** Click a word to see where it looked to choose it.")
    with st.container(horizontal=True, gap="small"):
        for n, word in enumerate(now.words):
            st.button(
                plain(shown(word)), key=f"captions_word_{n}", on_click=_go, args=(n, len(now.words)),
                type="secondary" if n == now.word else "tertiary",
            )  # fmt: skip
    if now.truth is not None and now.words:
        true = str(now.truth)
        st.caption(
            f"True of this scene: {true}"
            + " (the same relation, told the other way round)" * turned_round(now)
            + "."
            + (" The objects lie near a diagonal: another word would be as true." * (not now.truth.clear))
        )


def _buttons(now: Captioning, last: int) -> None:
    with st.container(horizontal=True):
        for name, key, to, off in (
            ("← Previous", "previous", now.word - 1, now.word == 0),
            ("Next →", "next", now.word + 1, now.word == last - 1),
        ):
            st.button(name, key=f"captions_{key}", on_click=_go, args=(to, last), disabled=off)
        reading_play.button(WORD, 1, last, AGAIN, "word")


def _picture(now: Captioning) -> None:
    scale, opacity, truth = _display(now)
    row = now.row()
    fig = regions_map(
        now.picture.image, row, now.axis, now.record.geometry, truth=truth, scale=scale, opacity=opacity,
        together=now.rows(now.head) if scale == "shared" else None, title=f"To say “{shown(now.words[now.word])}”",
        height=430 if controls.on_phone() else 500,
    )  # fmt: skip
    said = describe_row(now, row, f"Looked at to choose {now.map_name()}")
    components.chart(fig, "captions_map", said)
    if now.axis.grid is None:
        st.caption(OF_BOXES)
    components.in_words(said)


def _display(now: Captioning) -> tuple[str, float, Any]:
    with st.expander("How it is drawn"):
        scale = controls.one_of(st.selectbox("Scale of the colours", SCALES, key=SCALE, **controls.KEEP), SCALES)
        st.caption(f"{scale}: {MODES[scale]}." + " Here: all words of this sentence." * (scale == "shared"))
        opacity = st.slider("Opacity of the map", 0.0, 1.0, COVER, 0.05, key=OPACITY, **controls.KEEP)
    return scale, controls.within(opacity, 0, 1), _truth(now)


def _truth(now: Captioning) -> Any:
    """The true outline of the named thing if the reader wants it; of all things for a word that names none."""
    scene = now.picture.scene
    if scene is None or not st.toggle("Show the true outline of what is named", key="named", **controls.KEEP):
        return None
    if now.word not in now.nouns:
        st.caption("This word names no thing: all things are outlined.")
        return scene.mask
    thing = now.nouns[now.word]
    if thing is None:
        st.caption("What this word names is not in the scene: nothing is outlined.")
        return None
    return scene.things[thing].mask


def _about(now: Captioning) -> None:
    """Number, word, probability and how far the gate is open."""
    chance = now.record.prediction.chances
    lines = [f"**{plain(now.map_name().replace('word', 'Word', 1))}**"]
    if len(chance) == len(now.words):
        lines.append(f"probability {float(chance[now.word]):.1%}")
    bits = float(entropy(now.row() / now.row().sum()))
    lines.append(f"entropy {bits:.2f} of at most {np.log2(len(now.axis)):.2f} bits")
    gate = "" if now.gates is None else f" **Gate** {let_through(now.gates[now.word]).removeprefix('gate ')}."
    st.markdown(f"{', '.join(lines)}.{gate}")


def gates(now: Captioning) -> None:
    """The gate of every word, beside the map: what was looked at and how much of it was let through."""
    if now.gates is None:
        st.caption("The decoder of this network has no gate, or the record does not keep it.")
        return
    words = [shown(word) for word in now.words]
    fig = gate_bars(words, now.gates, now.word, title="How far the gate is open")
    said = (
        "How far the gate is open, mean over its channels: "
        + ", ".join(f"{w} {g:.0%}" for w, g in zip(words, now.gates, strict=True))
        + "."
    )
    components.chart(fig, BARS, said, lambda: pick(BARS))
    st.caption(
        "A map says where the decoder looked. Its gate (attention on attention) then opens, channel by channel, for a mix of "
        "what was read and of the query: drawn is the mean over the channels, 0 to 100 %. Click a bar to jump to its word."
    )
