"""Labels by layer, beside a list of classes, and in the text encoder."""

from typing import Any

import streamlit as st

from tutorials.findings import Context, towers
from tutorials.findings.labels import label_layers
from tutorials.plain import plain
from ui.parts import components, pickers, widgets
from ui.read import asking_labels
from ui.read.asking_map import SMALL, draw_map
from ui.store import figures
from visualizer.figures.summary import curves
from worlds.phrases import phrase, phrases

CURVE, TEXT_LAYER, TEXT_HEAD = "label_curve", "text_layer", "text_head"
"""Keys of controls, and their names in the address."""
RANK, AHEAD = "rank", "margin"
COUNT = 5
"""Classes and labels in a list."""


def by_layer(now: Context) -> None:
    """How near each label is to the class token after every layer: its place among all, or how far it is ahead."""
    scene, which = now.picture.scene, str(st.session_state.get(CURVE, RANK))
    texts = now.labels if scene is None else phrases()
    drawn = now.labels if scene is None else tuple(phrase(thing) for thing in scene.things)

    def make() -> tuple[Any, str]:
        found = now.run(label_layers, now.model, now.picture, texts)
        if which == RANK:
            lines = {label: found.ranks(label) + 1 for label in drawn}
            unit = f"place among {len(texts)} labels; 1: the nearest"
        else:
            lines = {label: found.margins(label) for label in drawn}
            unit = "cosine minus the largest of another label"
        figure = curves(
            lines, unit, title="How near to the class token", reference={} if which == RANK else {"ahead": 0.0}
        )
        nearest = "; ".join(f"{n + 1}: {label}" for n, label in enumerate(found.answers()))
        return figure, f"Nearest after each layer: {nearest}."

    if which == AHEAD and len(texts) < 2:
        st.info("A margin needs at least two labels: add one.")
        which = RANK
    figure, said = figures.kept(("asking_by_layer", now.view, which, texts, drawn), make)
    components.panel(figure, "asking_by_layer", said, caption=plain(said))


def curve(now: Context) -> None:
    """Whether curves show places or margins."""
    tip = "rank: the place of the label among all. margin: its similarity minus the largest to another label; above 0 it is first."
    widgets.choice("Curve", (RANK, AHEAD), CURVE, help=tip)


def classes(now: Context) -> None:
    """What a list of classes and what labels call the same scene."""
    if now.picture.scene is None:
        st.caption(f"{towers.CLASSIFIER} has classes for drawn scenes alone. Here are the labels.")
        said = now.record.prediction.top(len(now.labels))
        components.bar_chart(
            "asking_labels", said, "share of the softmax", "{} {:.1%}", title="How well each label fits"
        )
        return
    known, told = towers.both_told(now)
    for place, one, key, title in zip(
        st.columns(2),
        (known, told),
        ("asking_classes", "asking_labels"),
        (f"{towers.CLASSIFIER}: {len(known.names)} classes", f"{now.model}: {len(told.names)} labels"),
        strict=True,
    ):
        with place:
            said = list(zip(one.names, one.shares, strict=True))[:COUNT]
            components.bar_chart(key, said, "probability", "{} {:.1%}", (f"{title}: ", "."), title=title, height=280)
    st.caption(f"Truth: {' and '.join(phrase(thing) for thing in now.picture.scene.things)}.")


def words(now: Context) -> None:
    """The map of a label beside what the end token of its text reads, in the text encoder of the same model."""
    left, right = st.columns(2)
    with left:
        draw_map(now, "asking_beside", f"“{now.label}”, layer {now.chosen.layer + 1}", SMALL)
    with right:
        read = asking_labels.words(now)
        layer, head = _text_place(read, None)
        row = read.weights[layer].mean(axis=0) if head is None else read.weights[layer][head]
        who = "mean of heads" if head is None else f"head {head + 1}"
        title = f"Read by the end token, text layer {layer + 1}, {who}"
        named = list(zip(read.names, map(float, row), strict=True))
        components.bar_chart(
            "asking_words", named, "share of attention", "{} {:.0%}", (f"{title}: ", "."), title=title, height=SMALL
        )


def text_place(now: Context) -> None:
    """The pickers of layer and head of the text encoder."""
    _text_place(asking_labels.words(now), st)


def _text_place(read: towers.Words, place: Any) -> tuple[int, int | None]:
    """The chosen layer and head of the text encoder, 0 first."""
    layers, heads = read.weights.shape[:2]
    places = place.columns(2) if place else (None, None)
    layer = widgets.slider("Text layer", 1, layers, TEXT_LAYER, layers, place=places[0]) - 1
    return layer, pickers.one_or_mean("Text head", TEXT_HEAD, heads, place=places[1])
