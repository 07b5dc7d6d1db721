"""The parts of page "One word, one look" that follow the word: the sentence, its map and gates, all words, all heads."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning, describe_row, let_through, shown, turned_round
from tutorials.plain import plain
from ui.parts import components, controls, parts, stepping
from ui.parts.parts import SCALES
from ui.read import captions_proof
from ui.read.captions import COVER, HEAD, OF_BOXES, WORD
from visualizer.figures.captions import film_strip, regions_map
from visualizer.figures.charts import gate_bars
from visualizer.figures.mosaic import head_grid
from visualizer.measures.entropy import entropy
from visualizer.measures.regions import region_heat
from visualizer.style.scale import MODES

HEADS, STRIP, BARS = "captions_heads", "captions_strip", "captions_gates"


def live(now: Captioning) -> None:
    """Everything that follows the word."""
    stepping.follow(WORD, _live, now)


def _live(given: Captioning) -> None:
    last = len(given.words)
    stepping.advance(WORD, 1, last)
    # The slider knows best which word it is, also on the first run of a linked view: what it decides waits for it.
    above = st.container()
    now = replace(given, word=parts.number("Word", WORD, 1, last, 1, slide=True))
    with above:
        _sentence(now)
        with st.container(horizontal=True):
            stepping.buttons("captions", WORD, now.word + 1, 1, last, "word")
    left, right = st.columns([3, 2])
    with left:
        scale, opacity = _picture(now)
    with right:
        _about(now)
        _gates(now)
    captions_proof.card(now)
    _strip(now)
    _heads(now)
    captions_proof.code(now, scale, opacity)
    captions_proof.downloads(now)


def _sentence(now: Captioning) -> None:
    """The caption, a button a word; the chosen one has a frame."""
    st.markdown("**What the model says.** Click a word to see where it looked to choose it.")
    with st.container(horizontal=True, gap="small"):
        for n, word in enumerate(now.words):
            st.button(
                plain(shown(word)),
                key=f"captions_word_{n}",
                on_click=st.session_state.update,
                args=({WORD: n + 1},),
                type="secondary" if n == now.word else "tertiary",
            )
    if now.truth is not None and now.words:
        turned = " (the same relation, told the other way round)" * turned_round(now)
        near = " The objects lie near a diagonal: another word would be as true." * (not now.truth.clear)
        st.caption(f"True of this scene: {now.truth}{turned}.{near}")


def _picture(now: Captioning) -> tuple[str, float]:
    """The map of the word; returns scale and opacity that it is drawn with."""
    scale, opacity = parts.how_drawn("word", COVER, "map", "words of this sentence")
    components.panel(
        regions_map(
            now.picture.image,
            now.row(),
            now.axis,
            now.record.geometry,
            truth=_truth(now),
            scale=scale,
            opacity=opacity,
            together=now.rows(now.head) if scale == "shared" else None,
            title=f"To say “{shown(now.words[now.word])}”",
            height=430 if controls.on_phone() else 500,
        ),
        "captions_map",
        describe_row(now, now.row(), f"Looked at to choose {now.map_name()}"),
        caption=OF_BOXES * (now.axis.grid is None),
    )
    return scale, opacity


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
    chances, bits = now.record.prediction.chances, float(entropy(now.row() / now.row().sum()))
    chance = f", probability {float(chances[now.word]):.1%}" if len(chances) == len(now.words) else ""
    gate = "" if now.gates is None else f" **Gate** {let_through(now.gates[now.word]).removeprefix('gate ')}."
    name = plain(now.map_name().replace("word", "Word", 1))
    st.markdown(f"**{name}**{chance}, entropy {bits:.2f} of at most {np.log2(len(now.axis)):.2f} bits.{gate}")


def _gates(now: Captioning) -> None:
    """The gate of every word, beside the map: what was looked at and how much of it was let through."""
    if now.gates is None:
        st.caption("The decoder of this network has no gate, or the record does not keep it.")
        return
    words = [shown(word) for word in now.words]
    each = ", ".join(f"{word} {gate:.0%}" for word, gate in zip(words, now.gates, strict=True))
    components.panel(
        gate_bars(words, now.gates, now.word, title="How far the gate is open"),
        BARS,
        f"How far the gate is open, mean over its channels: {each}.",
        partial(parts.choose_clicked, BARS, WORD),
        caption="A map says where the decoder looked. Its gate (attention on attention) then opens, channel by channel, for a mix of "
        "what was read and of the query: drawn is the mean over the channels, 0 to 100 %. Click a bar to jump to its word.",
        below=False,
    )


def _strip(now: Captioning) -> None:
    """The film strip: one small picture a word, its gate above it; a click jumps there."""
    st.header("All words at once", anchor=False)
    scale = controls.choice("Scale of the strip", SCALES, "strip_scale")
    words, rows = [shown(word) for word in now.words], now.rows(now.head)
    across, width = (3, 320) if controls.on_phone() else (5, 620)
    components.panel(
        film_strip(
            now.picture.image,
            now.heat(rows),
            words,
            now.record.geometry,
            notes=None if now.gates is None else [f"gate {gate:.0%}" for gate in now.gates],
            chosen=now.word,
            scale=scale,
            title=f"Where each word looked, {now.head_name()}",
            per_row=across,
            width=width,
            opacity=COVER,
        ),
        STRIP,
        "\n".join(describe_row(now, row, f"“{word}”") for word, row in zip(words, rows, strict=True)),
        partial(parts.choose_clicked, STRIP, WORD),
        caption=f"Click a picture to jump to its word. Scale {scale}: {MODES[scale]}.",
    )


def _heads(now: Captioning) -> None:
    """Every head's map of the chosen word; a click chooses the head."""
    st.header("All heads of this word", anchor=False)
    weights, geometry = now.decoder.single[:, now.word], now.record.geometry
    heat = region_heat(weights, now.axis, geometry, finest=48)  # boxes no finer than a mosaic draws
    bits = [f"{bit:.1f} bits" for bit in entropy(weights)]
    fig = head_grid(
        np.stack([geometry.place(one).values if geometry else one for one in heat]),
        scale="per map",
        captions=bits,
        chosen=now.head,
        clickable=True,
        title=f"Every head for “{shown(now.words[now.word])}”",
    )
    each = "; ".join(f"head {n + 1} {one}" for n, one in enumerate(bits))
    gate = "" if now.gates is None else f" All heads share one gate. Here: {let_through(now.gates[now.word])}."
    components.panel(
        fit_phone(fig),
        HEADS,
        f"Entropy of every head for {now.words[now.word]}: {each}",
        partial(parts.choose_clicked, HEADS, HEAD, str, again=True),
        caption="Each head on a scale of its own. Under its number: the entropy of its row, in bits; 0 if one region gets everything, "
        f"at most {np.log2(len(now.axis)):.1f}. Click one to choose it; the sidebar does the same, and goes back to the mean.{gate}",
        below=False,
    )


def fit_phone(mosaic: Any) -> Any:
    """The mosaic, on a phone as tall as its width leaves it: more would be blank."""
    if controls.on_phone():
        shape = mosaic.layout.yaxis.range[0] / mosaic.layout.xaxis.range[1]
        mosaic.layout.height = min(mosaic.layout.height, 140 + round(350 * shape))
    return mosaic
