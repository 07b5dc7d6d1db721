"""Figures of attention between tokens, for every page about a sentence: a matrix, all layers and heads, arcs of one token."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from tutorials.findings import Context
from ui.frame import state
from ui.parts import components, script, sentences, widgets
from ui.store import figures
from visualizer.figures import arcs as arcs_of
from visualizer.figures.token_matrix import token_atlas, token_matrix
from visualizer.measures.words import GATHERED, by_words, written
from vit_attention.records import AttentionRecord

# Figures of attention between tokens.
PAIRS = ("arcs of one token", "token x token", "all layers and heads")
Look = Mapping[str, Any]


def pairs(now: Context, look: Look) -> None:
    """Attention between tokens in the chosen layer and head, in the figure of the reader's choice."""
    which = widgets.choice("Attention between tokens", PAIRS, "pairs")
    if look["words"]:
        st.caption(GATHERED)
    draw = {PAIRS[0]: arcs, PAIRS[1]: matrix, PAIRS[2]: atlas}[which]
    draw(now, look)


def matrix(now: Context, look: Look, height: int = 460) -> None:
    """Attention between all tokens in the chosen layer and head; many tokens have a line each, and scroll."""
    many = len(sentences.units(now, look)) > sentences.MANY
    how = {"colormap": look["colormap"], "scale": look["scale"], "height": None if many else height}
    number, head = numbers(now)
    asked = ("token matrix", now.view, *_told(look), str(how))
    figure = figures.one(
        asked, lambda: token_matrix(record_of(now, look), number, head, special=_special(now, look), **how)
    )
    words = f"Attention between all tokens in layer {number + 1}, {now.head_name()}."
    scrolled(many, lambda: components.chart(figure, "text_matrix", words))


def scrolled(many: bool, draw: Callable[[], None]) -> None:
    """Draw a figure in a place that scrolls, if it is of many tokens."""
    if not many:
        draw()
        return
    with st.container(height=sentences.SCROLLED, key="long_figure"):
        draw()
    st.caption("Every token has a line: scroll down; hovering names row and column. The scale stands at the end.")


def atlas(now: Context, look: Look, height: int = 460) -> None:
    """The matrices of all layers and heads; a click chooses one."""
    head = now.chosen.head
    how: dict[str, Any] = {"chosen": None if head is None else (now.chosen.layer, head), "height": height}
    asked = ("token atlas", now.model, now.picture.key, *_told(look), str(how))
    more = {"special": _special(now, look), "colormap": look["colormap"], **how}
    figure = figures.one(asked, lambda: token_atlas(record_of(now, look), **more))
    components.chart(figure, "text_atlas", "Every layer and head.", components.pick_head)


def arcs(now: Context, look: Look, height: int | None = None) -> None:
    """What the query token reads, and what reads it; a click chooses another."""
    place = sentences.asked(now, look)
    if place is None:
        st.caption("Arcs show one query token, and none that is drawn is chosen, so this is the matrix of all tokens.")
        matrix(now, look)
        return
    number, head = numbers(now)
    names = written(now.axis)
    drawn = tuple(f"{one[0] + 1} {names[one[0]]}" for one in sentences.units(now, look))
    asked = ("arcs", now.view, *_told(look), str(height))
    figure = figures.one(
        asked,
        lambda: arcs_of.arcs(record_of(now, look), place, number, head, special=_special(now, look), height=height),
    )
    words = f"What {now.query_name()} reads, on the left, and what reads it, on the right."
    components.chart(figure, "text_arcs", words, partial(_pick_token, drawn))


def record_of(now: Context, look: Look) -> AttentionRecord:
    """The record with words for tokens, if they are wanted."""
    return by_words(now.record) if look["words"] else now.record


def numbers(now: Context) -> tuple[int, int | None]:
    """The chosen layer by its own number, and the chosen head, 0 first."""
    return now.record.maps[now.chosen.layer].layer, now.chosen.head


def _special(now: Context, look: Look) -> bool:
    return look["special"] or not sentences.has_words(now.axis)


def _told(look: Look) -> tuple[Any, ...]:
    return (look["words"], look["special"], look["colormap"])


def _pick_token(drawn: Sequence[str], points: list[Any]) -> None:
    """Make the clicked token, or the first of the clicked word, the query; for callbacks."""
    for at in script.numbers(points)[:1]:
        if 0 <= at < len(drawn):
            st.session_state[state.TOKEN] = drawn[at]
