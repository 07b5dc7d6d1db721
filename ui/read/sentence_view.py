"""The figures of the page "A sentence attends to itself"."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import padding, sentence
from tutorials.findings.context import Context, Picture
from tutorials.plain import plain
from ui.parts import components, script, sentences, snippets, token_figures, widgets
from ui.store import figures, resources
from visualizer.figures.padded_matrix import padded_matrix
from visualizer.figures.summary import bars
from visualizer.figures.token_twins import token_difference, token_twins
from visualizer.measures.words import GATHERED, by_words
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord

HEIGHT, NARROW = 460, 380
"""Pixels of a figure, and of two side by side with more controls under them."""
# Keys of the widgets and names in the address.
ROWS, MASKED, EDIT, SECOND, SIDES = "pad_rows", "masked", "edit", "second", "twins"
NOTHING = "nothing masked"
# Session key: the long text whose words the reader wants masked.
AGREED = "_masks_wanted"
TOGETHER, APART = "side by side", "difference"
OWN = "another text"
NO_MODEL = "A file carries numbers and no model: close it in the sidebar to see this step."


def of_file(now: Context) -> bool:
    """Whether an opened file is shown, for which no model is run."""
    return now.picture.id == snippets.BUNDLE


def look(now: Context) -> None:
    """How the figures are drawn."""
    sentences.look(now)


def matrix(now: Context) -> None:
    """Which token reads which."""
    shown = sentences.look(now, None)
    token_figures.matrix(now, shown, HEIGHT)
    _gathered(shown)


def atlas(now: Context) -> None:
    """Every layer and head; a click chooses one."""
    shown = sentences.look(now, None)
    token_figures.atlas(now, shown, HEIGHT)
    st.caption("Click a small matrix to choose its layer and head.")
    _gathered(shown)


def arcs(now: Context) -> None:
    """What one token reads, and what reads it; a click chooses another."""
    shown = sentences.look(now, None)
    token_figures.arcs(now, shown, HEIGHT)
    _gathered(shown)


def _gathered(shown: dict[str, Any]) -> None:
    if shown["words"]:
        st.caption(GATHERED)


def shaded(now: Context) -> None:
    """The chosen token's row over the sentence, and the words that decide."""
    shown = sentences.look(now, None)
    sentences.picture(now, sentences.shown(now, now.answer("raw"), shown), f"Read by {plain(now.query_name())}", shown)
    if (made := now.picture.review) is not None:
        listed = ", ".join(f"“{made.words[n]}”" for n in made.decisive)
        st.caption(f"The review is {made.label}. What decides it: {listed}. {_said(now)}")


def _said(now: Context) -> str:
    said = now.record.prediction
    return "The model says {} ({:.1%}).".format(*said.top(1)[0]) if said.labels else ""


def padding_rows(now: Context) -> None:
    """The switch of what padding itself reads."""
    widgets.toggle("Show what padding reads", ROWS, help="Nobody uses these rows, so that figures hide them.")


def padded(now: Context) -> None:
    """The chosen layer and head where a longer text shares the batch."""
    if of_file(now):
        st.caption(NO_MODEL)
        return
    rows = widgets.toggle("", ROWS, place=None)
    try:
        figure = figures.one(("padded", now.view, rows), lambda: _padded(now, rows))
    except GateError as error:
        st.caption(f"No room for padding: {plain(str(error))}.")
        return
    words = f"Layer {now.chosen.layer + 1}, {now.head_name()}: no token reads the {padding.MORE} padding tokens."
    components.chart(figure, "text_padded", words)


def _padded(now: Context, rows: bool) -> Any:
    found = padding.live_padding(now)
    layer, head = found.weights[now.chosen.layer], now.chosen.head
    weights = layer.mean(axis=0) if head is None else layer[head]
    title = f"layer {now.chosen.layer + 1}, {now.head_name()}"
    return padded_matrix(weights, found.axis, found.padding, rows=rows, title=title, height=HEIGHT)


def _masked(now: Context) -> sentence.Masked | str:
    """What masking each word does, or why nobody can say."""
    if of_file(now):
        return NO_MODEL
    if _waits(now):
        times = len(now.axis)
        return f"Masking every word runs the model about {times} times for each verdict; that takes up to a minute."
    try:
        return resources.once(("masked", now.model, now.picture.key), lambda: sentence.masked(now))
    except ValueError as error:
        return f"Words cannot be masked here: {plain(str(error))}."


def _waits(now: Context) -> bool:
    """Whether the text is so long that its words are masked on request alone."""
    long = len(now.axis) > sentences.MANY and not of_file(now)
    return long and st.session_state.get(AGREED) != now.picture.key


def _options(found: sentence.Masked) -> list[str]:
    return [NOTHING, *(f"{n + 1} {word}" for n, word in enumerate(found.words))]


def masked_word(now: Context) -> None:
    """The menu of the word that is masked, or, before a long text is read so often, a button."""
    if _waits(now):
        st.button(
            "Mask each word", key="mask_each", on_click=st.session_state.update, args=({AGREED: now.picture.key},)
        )
    elif not isinstance(found := _masked(now), str):
        widgets.menu("Masked word", _options(found), MASKED)


def masks(now: Context) -> None:
    """The probability of the verdict while one word at a time is masked; a click masks a word."""
    if isinstance(found := _masked(now), str):
        st.caption(found)
        return
    options = _options(found)
    at = options.index(widgets.menu("Masked word", options, MASKED, place=None))
    label, many = now.record.prediction.labels[found.said], len(options) > sentences.MANY
    values = np.concatenate([found.before[[found.said]], found.probabilities[:, found.said]])
    height = 90 + 15 * len(options) if many else 430
    figure = figures.one(
        ("masks", now.model, now.picture.key, at, height),
        lambda: bars(options, values, f"probability of {label}", chosen=at, clickable=True, height=height),
    )
    words = "; ".join(f"{option}: {value:.1%}" for option, value in zip(options, values, strict=True))
    draw = partial(components.chart, figure, "text_masks", words, partial(_mask, tuple(options)))
    token_figures.scrolled(many, draw)
    st.caption(_outcome(now, found, at, label))


def _outcome(now: Context, found: sentence.Masked, at: int, label: str) -> str:
    before = found.before[found.said]
    if not at:
        return f"The model says {plain(label)} ({before:.1%}). Click a bar to mask its word."
    after = found.probabilities[at - 1]
    says = now.record.prediction.labels[int(after.argmax())]
    turned = f"the verdict turns to {plain(says)}" if found.turns(at - 1) else "the verdict stays"
    return (
        f"With “{plain(found.words[at - 1])}” masked, the probability of {plain(label)} goes from {before:.1%} to "
        f"{after[found.said]:.1%}: {turned}."
    )


def _mask(options: tuple[str, ...], points: list[Any]) -> None:
    """Mask the clicked word; for callbacks."""
    for at in script.numbers(points)[:1]:
        if 0 <= at < len(options):
            st.session_state[MASKED] = options[at]


def edits(now: Context) -> dict[str, str]:
    """Ways to change the text, by name, and what comes of them; `OWN` leaves it to the reader."""
    made, found = now.picture.review, {}
    if made is not None:
        deciding_word = next(n for n in made.decisive if n in made.polar)
        others = [n for n in made.polar if n not in made.decisive]
        found["antonym of the deciding word"] = made.swapped(deciding_word).text
        if made.affirmed().text != made.text:
            found["without its negator"] = made.affirmed().text
        if others:
            found["antonym of a word that does not decide"] = made.swapped(others[0]).text
    return {**found, OWN: ""}


def second_text(now: Context) -> None:
    """What the second sentence is, and whether both are shown or their difference."""
    if not of_file(now):
        left, right = st.columns(2)
        _second(now, left)
        widgets.choice("Shown", (TOGETHER, APART), SIDES, place=right)


def _second(now: Context, place: Any = None) -> str:
    """The second sentence; its controls are drawn in a place."""
    ways = edits(now)
    text = ways[widgets.menu("Second sentence", list(ways), EDIT, place=place)]
    if text:
        return text
    return (
        widgets.text("Its text", SECOND, now.picture.text, sentences.LETTERS, place=place).strip() or now.picture.text
    )


def twins(now: Context) -> None:
    """Two sentences on one scale, or what changes between them."""
    if of_file(now):
        st.caption(NO_MODEL)
        return
    shown, other = sentences.look(now, None), Picture.sentence(_second(now))
    try:
        record = resources.record(now.model, other)
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"The second sentence cannot be read: {plain(str(error))}")
        return
    apart = widgets.choice("Shown", (TOGETHER, APART), SIDES, place=None) == APART
    asked = ("twins", now.view, other.key, apart, *(shown[name] for name in ("words", "special", "colormap")))
    try:
        drawn = figures.kept(asked, lambda: _twins(now, record, shown, apart))
    except ValueError as error:
        st.caption(f"These two cannot be compared: {plain(str(error))}.")
        return
    for n, (place, figure) in enumerate(zip(st.columns(len(drawn)), drawn, strict=True)):
        with place:
            components.chart(figure, f"text_twin_{n}", f"{'Difference' if apart else 'Sentence'} {n + 1}.")
    said = [one.prediction.top(1)[0] for one in (now.record, record) if one.prediction.labels]
    verdicts = [f"{plain(label)} ({chance:.1%})" for label, chance in said]
    st.caption(
        f"Second: {plain(other.text)} "
        + f"The model says {' of the first, '.join(verdicts)} of the second." * bool(said)
    )


def _twins(now: Context, record: AttentionRecord, shown: dict[str, Any], apart: bool) -> tuple[Any, ...]:
    first, second = (by_words(one) if shown["words"] else one for one in (now.record, record))
    number, head = token_figures.numbers(now)
    special = shown["special"] or not sentences.has_words(now.axis)
    if apart:
        title = f"second minus first, layer {number + 1}, {now.head_name()}"
        return (token_difference(first, second, number, head, special=special, title=title, height=NARROW),)
    look = {"special": special, "colormap": shown["colormap"], "height": NARROW}
    return token_twins(first, second, number, head, **look)
