"""Sentences in the playground: the text that a model reads, its query token, and the figures of its tokens."""

import io
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from tutorials.findings import Context
from tutorials.plain import plain
from ui.frame import state
from ui.frame.stop import stop
from ui.parts import components, parts, script, widgets
from ui.store import resources
from visualizer.export import files as export
from visualizer.figures.arcs import arcs
from visualizer.figures.summary import bars
from visualizer.figures.token_matrix import token_atlas, token_matrix
from visualizer.figures.token_sheet import token_sheet
from visualizer.figures.token_text import token_html
from visualizer.measures.words import GATHERED, by_words, groups, written
from visualizer.method import Map
from visualizer.method.token_maps import of_words
from visualizer.method.token_pairs import ordinary
from visualizer.style import theme
from visualizer.style.scale import MODES
from visualizer.words.maps import describe
from vit_attention.records import Axis
from worlds.sentences import sentence

# Keys of the field of the text and of the number of a made-up review, and their names in the address.
KEY, SEED = "text", "sentence"
# The review that a session begins with.
FIRST = 7
# Letters and tokens of a text that are read.
LETTERS, TOKENS = 2000, 512
SHADED, BARS = "shaded text", "bars"
# Figures of tokens that look at each other.
PAIRS = ("arcs of one token", "token x token", "all layers and heads")


def field(name: str) -> str:
    """Draw the field of the text that a model reads and two ways to a made-up review; what stands in it, never empty.

    Stops the page for a text that is too long for it.
    """
    start = sentence(FIRST).text
    typed = widgets.text("Text", KEY, start, LETTERS, area=True, height=100)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tip = "The same number always makes the same review."
        widgets.number("Review", 0, 999_999_999, SEED, FIRST, on_change=_take, help=tip, width=140)
        st.button("A fresh review", key="fresh_sentence", on_click=_take, args=(True,))
    if not typed.strip():
        st.caption("There is no text to read, so the first review is shown.")
    text = typed if typed.strip() else start
    try:
        counted = len(resources.model(name).tokens_of(text).axis)
    except (ValueError, RuntimeError, OSError, ImportError):  # what is wrong is said where the record is asked for
        counted = 0
    if counted > TOKENS:
        st.error(f"Want a text of at most {TOKENS} tokens, got {counted}.")
        stop()
    return text


def _take(fresh: bool = False) -> None:
    """Put a made-up review into the field; for callbacks."""
    if fresh:
        st.session_state[SEED] = random.randrange(1_000_000)
    st.session_state[KEY] = sentence(_seed()).text


def _seed() -> int:
    return int(widgets.within(st.session_state.get(SEED, FIRST), 0, 999_999_999))


def tokens(axis: Axis) -> None:
    """The menu of the query token: each token by its number and text, or the mean of all."""
    names = [f"{n + 1} {name}" for n, name in enumerate(written(axis))]
    chosen = str(st.session_state.get(state.TOKEN, ""))
    if (
        chosen and chosen != state.ALL_TOKENS and chosen not in names
    ):  # of another text, in which its number is another token
        number = chosen.split(" ")[0]
        known = number.isascii() and number.isdecimal() and 0 < int(number[:9]) <= len(names)
        st.session_state[state.TOKEN] = names[int(number) - 1 if known else 0]
    widgets.menu("Query token", [*names, state.ALL_TOKENS], state.TOKEN, help="The token whose attention is shown.")


def look(now: Context) -> dict[str, Any]:
    """How the maps over a text are drawn; nothing here changes the numbers except the scale and the switches, which say so."""
    drawn = widgets.choice("Drawn as", (SHADED, BARS), "drawn_as")
    mode = widgets.menu("Scale", list(MODES), "scale")
    colours = widgets.menu("Colour map", list(theme.COLORMAPS), "colours")
    special = widgets.toggle("Special tokens", "special", True, help="Such as [CLS] and [SEP].")
    words = widgets.toggle("Words, not their parts", "words", help=GATHERED)
    known = bool(now.axis.words)
    if words and not known:
        st.caption("This text comes without word boundaries, so tokens are not joined.")
    return {
        "drawn": drawn,
        "scale": mode,
        "colormap": colours,
        "special": special,
        "words": words and known,
    }


def shown(now: Context, found: Map, look: Mapping[str, Any]) -> Map:
    """The map as it is drawn: words or tokens, with or without special ones."""
    alone = look["special"] or not has_words(now.axis)
    return of_words(found, now.record.text, look["words"], alone)


def has_words(axis: Axis) -> bool:
    """Whether there is a token that is no special token."""
    return any(word >= 0 for word in axis.words) if axis.words else len(axis) > axis.prefix


def picture(now: Context, found: Map, title: str, look: Mapping[str, Any]) -> None:
    """The map over the sentence, shaded or as bars, and in words."""
    st.markdown(f"**{title}**")
    if look["drawn"] == SHADED:
        asked = _asked(now, look)
        st.html(
            token_html(found, scale=look["scale"], colormap=look["colormap"], asking=-1 if asked is None else asked)
        )
        st.caption(plain(f"{found.words[0].upper()}{found.words[1:]}."))
        return
    components.panel(
        _bars(found), "playground_map", in_words(found), caption=plain(f"{found.words[0].upper()}{found.words[1:]}.")
    )


def _bars(found: Map) -> Any:
    return bars(found.names, found.row, found.unit)


def in_words(found: Map) -> str:
    """The map over the tokens in words."""
    return describe(found.row, Axis.text(found.names), found.words, found.unit)


def _drawn(now: Context, look: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """The numbers of the tokens of every unit that is drawn: a word, a token, or a special token."""
    axis = now.axis
    every = groups(axis.words) if look["words"] else [(n,) for n in range(len(axis))]
    kept = range(len(axis)) if look["special"] or not has_words(axis) else ordinary(axis)
    return [one for one in every if one[0] in kept]


def _asked(now: Context, look: Mapping[str, Any]) -> int | None:
    """The number of the asking token among what is drawn; None where all ask, or where it is left out."""
    return next((n for n, one in enumerate(_drawn(now, look)) if now.chosen.query in one), None)


def pairs(now: Context, look: Mapping[str, Any]) -> None:
    """Attention between tokens in the chosen layer and head: arcs, a matrix, or all layers and heads."""
    which = widgets.choice("Attention between tokens", PAIRS, "pairs")
    number, head = now.record.maps[now.chosen.layer].layer, now.chosen.head
    special = look["special"] or not has_words(now.axis)
    record = by_words(now.record) if look["words"] else now.record
    if look["words"]:
        st.caption(GATHERED)
    how: dict[str, Any] = {"special": special}
    place = _asked(now, look)
    if which == PAIRS[2]:
        chosen = None if head is None else (now.chosen.layer, head)
        key, pick = "text_atlas", components.pick_head
        figure, words = token_atlas(record, chosen=chosen, colormap=look["colormap"], **how), "Every layer and head."
    elif which == PAIRS[1] or place is None:
        key, pick = "text_matrix", None
        figure = token_matrix(record, number, head, colormap=look["colormap"], scale=look["scale"], **how)
        words = f"Attention between all tokens in layer {number + 1}, {now.head_name()}."
        if which == PAIRS[0]:
            st.caption(
                "Arcs show one query token, and none that is drawn is chosen, so this is the matrix of all tokens."
            )
    else:
        names = written(now.axis)
        tokens_drawn = tuple(f"{one[0] + 1} {names[one[0]]}" for one in _drawn(now, look))
        key, pick = "text_arcs", partial(_pick_token, tokens_drawn)
        figure = arcs(record, place, number, head, **how)
        words = f"What {now.query_name()} looks at, on the left, and what looks at it, on the right."
    components.chart(figure, key, words, pick)


def _pick_token(drawn: Sequence[str], points: list[Any]) -> None:
    """Make the clicked token, or the first of the clicked word, the query token; for callbacks."""
    for at in script.numbers(points)[:1]:
        if 0 <= at < len(drawn):
            st.session_state[state.TOKEN] = drawn[at]


def facts(now: Context, found: Map) -> list[tuple[str, str, str]]:
    """How a map lies on the words that decide a made-up review, for the trust card; [] for other texts."""
    made = sentence(_seed())
    if now.record.text != made.text or not now.axis.words:
        return []
    whole = of_words(found, made.text, special=False)
    marks = _spans(whole.names, made.text)
    decides = [made.spans[n] for n in made.decisive]
    inside = np.array([any(low < end and start < high for start, end in decides) for low, high in marks])
    row = np.nan_to_num(np.asarray(whole.row, np.float64), nan=-np.inf)
    best = int(row.argmax())
    return [
        (
            "points at a deciding word",
            "yes" if inside[best] else "no",
            f"the strongest word is one of those that decide the verdict of this made-up review; a random word: "
            f"{inside.mean():.0%}",
        )
    ]


def _spans(names: tuple[str, ...], text: str) -> list[tuple[int, int]]:
    """Where each word stands in the text; (0, 0) for one that is not found."""
    found, low = [], 0
    for name in names:
        at = text.find(name, low)
        found.append((at, at + len(name)) if at >= 0 else (0, 0))
        low = max(low, found[-1][1])
    return found


def files(shown_map: Callable[[Context], Map], look: Mapping[str, Any]) -> dict[str, tuple[str, Callable[..., bytes]]]:
    """What can be taken home of a map over a text, for `components.downloads`; the record is added by the page.

    Args:
        shown_map: gives the map that is drawn.
        look: how it is drawn.
    """
    paint = {"scale": look["scale"], "colormap": look["colormap"]}
    return {
        "Picture (PNG)": (
            "map.png",
            lambda now: _png(token_sheet(shown_map(now), settings=now.model, **paint)),
        ),
        "Table (CSV)": ("map.csv", lambda now: _csv(shown_map(now))),
        "JSON, all tokens": ("attention_data.json", lambda now: parts.saved(now.record.save_attention_json)),
        "JSON by layer": (
            "backend_data.json",
            lambda now: parts.saved(partial(now.record.save_attention_json, form="backend")),
        ),
        "Page (HTML)": ("map.html", lambda now: export.standalone_html(_bars(shown_map(now))).encode()),
    }


def _png(sheet: Image.Image) -> bytes:
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _csv(found: Map) -> bytes:
    rows = [("token", "text", "value")]
    rows += [(str(n + 1), name, str(value)) for n, (name, value) in enumerate(zip(found.names, found.row, strict=True))]
    return parts.csv_text(rows).encode()


def code(now: Context, look: Mapping[str, Any]) -> str:
    """The lines that draw the figures from ``found`` and ``record``."""
    number, token = now.record.maps[now.chosen.layer].layer, _asked(now, look)
    gathered = "from visualizer import by_words\n\nrecord = by_words(record)\n" * look["words"]
    more = ", special=False" * (not look["special"])
    return (
        "from visualizer import arcs, bars, token_matrix\n\n"
        "bars(found.names, found.row, found.unit).show()\n"
        f"{gathered}token_matrix(record, {number}, {now.chosen.head}{more}).show()\n"
        + f"arcs(record, {token}, {number}, {now.chosen.head}{more}).show()\n"
        * (token is not None)
    )
