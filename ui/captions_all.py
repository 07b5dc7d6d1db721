"""All words and all heads of a caption side by side, and the same word for regions in another order."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings.captioning import Captioning, describe_row, let_through, shown
from tutorials.findings.captions import largest_gap, shuffled
from ui import components, controls
from ui.captions import COVER, HEAD, WORD
from visualizer.figures.captions import film_strip
from visualizer.figures.mosaic import head_grid
from visualizer.measures.entropy import entropy
from visualizer.measures.regions import region_heat
from visualizer.style.scale import MODES

SCALES = ("shared", "per map", "log")
STRIP_SCALE, HEADS, STRIP = "strip_scale", "captions_heads", "captions_strip"
AGAIN = "captions_all_again"
"""Session key: a choice was made that the sidebar must show too."""


def pick(key: str) -> None:
    """Choose the word that was clicked in the figure of that key."""
    points = components.chosen_points(key)
    if points and isinstance(points[0], int):
        st.session_state[WORD] = points[0] + 1


def strip(now: Captioning) -> None:
    """The film strip: one small picture a word, its gate above it; a click jumps there."""
    st.header("All words at once", anchor=False)
    scale = controls.one_of(
        st.segmented_control("Scale of the strip", SCALES, default="shared", key=STRIP_SCALE, required=True, **controls.KEEP),
        SCALES,
    )  # fmt: skip
    notes = None if now.gates is None else [f"gate {gate:.0%}" for gate in now.gates]
    words = [shown(word) for word in now.words]
    across, width = (3, 320) if controls.on_phone() else (5, 620)
    fig = film_strip(
        now.picture.image, now.heat(now.rows(now.head)), words, now.record.geometry, notes=notes, chosen=now.word,
        scale=scale, title=f"Where each word looked, {now.head_name()}", per_row=across, width=width, opacity=COVER,
    )  # fmt: skip
    said = "\n".join(describe_row(now, row, f"“{w}”") for w, row in zip(words, now.rows(now.head), strict=True))
    components.chart(fig, STRIP, said, lambda: pick(STRIP))
    st.caption(f"Click a picture to jump to its word. Scale {scale}: {MODES[scale]}.")
    components.in_words(said)


def heads(now: Captioning) -> None:
    """Every head's map of the chosen word; a click chooses the head."""
    st.header("All heads of this word", anchor=False)
    weights = now.decoder.single[:, now.word]
    bits = [f"{bit:.1f} bits" for bit in entropy(weights)]
    fig = head_grid(
        _placed(now, weights), scale="per map", captions=bits, chosen=now.head, clickable=True,
        title=f"Every head for “{shown(now.words[now.word])}”",
    )  # fmt: skip
    _fit(fig)
    said = f"Entropy of every head for {now.words[now.word]}: " + "; ".join(
        f"head {n + 1} {b}" for n, b in enumerate(bits)
    )
    components.chart(fig, HEADS, said, _pick_head)
    shared = "" if now.gates is None else f" All heads share one gate. Here: {let_through(now.gates[now.word])}."
    st.caption(
        "Each head on a scale of its own. Under its number: the entropy of its row, in bits; 0 if one region gets everything, "
        f"at most {np.log2(len(now.axis)):.1f}. Click one to choose it; the sidebar does the same, and goes back to the mean."
        + shared
    )


def _placed(now: Captioning, values: NDArray[Any]) -> NDArray[Any]:
    """Maps for a mosaic, as they lie on the picture; boxes no finer than a mosaic draws."""
    geometry = now.record.geometry
    heat = region_heat(values, now.axis, geometry, finest=48)
    return np.stack([geometry.place(one).values if geometry else one for one in heat])


def _fit(fig: Any) -> None:
    """On a phone a mosaic is as tall as its width leaves it: more would be blank."""
    if controls.on_phone():
        fig.layout.height = min(
            fig.layout.height, 140 + round(350 * fig.layout.yaxis.range[0] / fig.layout.xaxis.range[1])
        )


def _pick_head() -> None:
    points = components.chosen_points(HEADS)
    if points and isinstance(points[0], int):
        st.session_state[HEAD] = str(points[0] + 1)
        st.session_state[AGAIN] = True


def order_outcome(now: Captioning) -> None:
    """The outcome of the prediction: the same word's map for the regions in order and in a random order."""
    if not now.runs:
        return
    found = shuffled(now)
    if found.decoder.query.labels != now.words or found.moved != now.record.prediction.text:
        st.caption("The sentences differ, and so their maps are not compared.")
        return
    before = now.rows(None)[now.word]
    after = found.decoder.single.mean(axis=0)[now.word]
    back = np.empty_like(after)
    back[found.order] = after
    rows, columns = now.axis.grid or (1, len(now.axis))
    shapes = {"as handed over in order": before, "as handed over, shuffled": after, "shuffled, put back": back}
    stack = np.stack([one.reshape(rows, columns) for one in shapes.values()])
    word = shown(now.words[now.word])
    fig = head_grid(stack, names=list(shapes), per_row=3, scale="shared", title=f"Mean of heads for “{word}”")
    _fit(fig)
    said = (
        f"Three maps for “{word}”: the regions in order, in a random order, and that order undone. The first and the third "
        f"differ by at most {np.abs(before - back).max():.1e}; over all words and heads, by at most {largest_gap(now, found):.1e}. "
        "The first record is kept with 16 bits a number, which alone makes up to 5e-4."
    )
    components.chart(fig, "captions_order", said)
    st.caption(said)
