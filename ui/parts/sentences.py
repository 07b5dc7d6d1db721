"""Sentences: the text that a model reads, its query token, a map over its tokens, and what is known of a made-up review."""

import io
import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from tutorials.findings import Context
from tutorials.findings.deciding import tokens_of
from tutorials.plain import plain
from ui.frame import seat, state
from ui.frame.stop import stop
from ui.parts import components, parts, widgets
from ui.store import resources
from visualizer.export import files as export
from visualizer.figures.summary import bars
from visualizer.figures.token_sheet import token_sheet
from visualizer.figures.token_text import token_html
from visualizer.measures.words import GATHERED, groups, written
from visualizer.method import Map
from visualizer.method.token_maps import of_words
from visualizer.method.token_pairs import ordinary
from visualizer.style import theme
from visualizer.style.scale import MODES
from visualizer.words.maps import describe
from vit_attention.records import Axis
from worlds.naming import parse
from worlds.sentences import sentence

# Keys of the field of the text and of the number of a made-up review, and their names in the address.
KEY, SEED = state.TEXT, "sentence"
# The review that a session begins with.
FIRST = 7
# Letters and tokens of a text that are read.
LETTERS, TOKENS = 2000, 512
SHADED, BARS = "shaded text", "bars"
# Tokens beyond which a figure gives each its line and scrolls, and the pixels of its height then.
MANY, SCROLLED = 64, 420


def field(name: str) -> str:
    """Draw the field of the text that a model reads and two ways to a made-up review; what stands in it, never empty.

    Stops the page for a text that is too long for it.
    """
    first = _first()
    start = sentence(first).text
    typed = widgets.text("Text", KEY, start, LETTERS, area=True, height=100)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tip = "The same number always makes the same review."
        widgets.number("Review", 0, 999_999_999, SEED, first, on_change=_take, help=tip, width=140)
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
    st.session_state[KEY] = sentence(review()).text


def _first() -> int:
    """The number of the review that a session begins with, at its seat."""
    known = parse(seat.own(f"sentence-{FIRST}"))
    return known.seed if known else FIRST


def review() -> int:
    """The number of the made-up review that was asked for last."""
    return int(widgets.within(st.session_state.get(SEED, FIRST), 0, 999_999_999))


def tokens(axis: Axis, place: Any = st) -> None:
    """The menu of the query token: each token by its number and text, or the mean of all; with ``place=None`` it is not drawn."""
    names = [f"{n + 1} {name}" for n, name in enumerate(written(axis))]
    chosen = str(st.session_state.get(state.TOKEN, ""))
    if (
        chosen and chosen != state.ALL_TOKENS and chosen not in names
    ):  # of another text, in which its number is another token
        number = chosen.split(" ")[0]
        known = number.isascii() and number.isdecimal() and 0 < int(number[:9]) <= len(names)
        st.session_state[state.TOKEN] = names[int(number) - 1 if known else 0]
    tip = "The token whose attention is shown."
    widgets.menu("Query token", [*names, state.ALL_TOKENS], state.TOKEN, place=place, help=tip)


def look(now: Context, place: Any = st) -> dict[str, Any]:
    """How the maps over a text are drawn; nothing here changes the numbers except the scale and the switches, which say so.

    With ``place=None`` the same without the controls.
    """
    drawn = widgets.choice("Drawn as", (SHADED, BARS), "drawn_as", place=place)
    mode = widgets.menu("Scale", list(MODES), "scale", place=place)
    colours = widgets.menu("Colour map", list(theme.COLORMAPS), "colours", place=place)
    special = widgets.toggle("Special tokens", "special", True, place=place, help="Such as [CLS] and [SEP].")
    words = widgets.toggle("Words, not their parts", "words", place=place, help=GATHERED)
    known = bool(now.axis.words)
    if words and not known and place:
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
        who = asked(now, look)
        with st.container(height=SCROLLED if len(found.names) > MANY else "content", border=False):
            st.html(
                token_html(found, scale=look["scale"], colormap=look["colormap"], asking=-1 if who is None else who)
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


def units(now: Context, look: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """The numbers of the tokens of every unit that is drawn: a word, a token, or a special token."""
    axis = now.axis
    every = groups(axis.words) if look["words"] else [(n,) for n in range(len(axis))]
    kept = range(len(axis)) if look["special"] or not has_words(axis) else ordinary(axis)
    return [one for one in every if one[0] in kept]


def asked(now: Context, look: Mapping[str, Any]) -> int | None:
    """The number of the asking token among what is drawn; None where all ask, or where it is left out."""
    return next((n for n, one in enumerate(units(now, look)) if now.chosen.query in one), None)


def facts(now: Context, found: Map) -> list[tuple[str, str, str]]:
    """How a map lies on the words that decide a made-up review, for the trust card; [] for other texts."""
    made = now.picture.review
    if made is None or not now.axis.words:
        return []
    row = np.nan_to_num(found.over(tokens_of(found.axis, made)), nan=-np.inf)
    return [
        (
            "points at a deciding word",
            "yes" if int(row.argmax()) in made.decisive else "no",
            f"the strongest word is one of those that decide the verdict of this made-up review; a random word: "
            f"{len(made.decisive) / len(made.words):.0%}",
        )
    ]


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
    number, token = now.record.maps[now.chosen.layer].layer, asked(now, look)
    gathered = "from visualizer import by_words\n\nrecord = by_words(record)\n" * look["words"]
    more = ", special=False" * (not look["special"])
    return (
        "from visualizer import arcs, bars, token_matrix\n\n"
        "bars(found.names, found.row, found.unit).show()\n"
        f"{gathered}token_matrix(record, {number}, {now.chosen.head}{more}).show()\n"
        + f"arcs(record, {token}, {number}, {now.chosen.head}{more}).show()\n"
        * (token is not None)
    )
