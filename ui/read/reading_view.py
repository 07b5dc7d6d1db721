"""Page "Reading with cross-attention": the page under the heat beside the JSON, closer, all heads, and numbers of all tokens."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings.page import Reading
from tutorials.findings.reading import BLANK, LAST, NEXT, OTHER, tag_places
from ui.frame.state import DOCUMENT, TOKEN
from ui.parts import components, controls, lesson, widgets
from ui.parts.lesson import View
from ui.read import reading, reading_json, reading_method, reading_proof, said
from ui.read.reading import Mapped
from visualizer.figures.charts import strip
from visualizer.figures.reading import OPACITY, heads_of_token, minimap, page_with_heat
from visualizer.measures.entropy import entropy
from visualizer.measures.fields import kind
from visualizer.measures.pointing import centred, say_window, viewport
from visualizer.words.reading import called, describe_heads, describe_token, token_runs

HEIGHT = 420
"""Pixels of a figure that stands beside a step."""
BOXES, ZOOM, FOLLOW, ACROSS, DOWN = "true_box", "zoom", "follow", "across", "down"
"""Keys of the widgets and names in the address; zoom is a factor, across and down are percent."""
SCALES = ("shared", "per map", "log")
KINDS = {
    "open": "opening tag",
    "close": "closing tag",
    "separator": "between two items",
    "control": "end of the text",
    "category": "a tag that is a value",
    "word": "first piece",
    "part": "later piece",
}


def page(now: Mapped) -> None:
    """The page under the heat of the token, beside what the model wrote, which is clicked or walked through."""
    left, right = st.columns([4, 3])
    with left:
        _heat(now, "reading_page")
    with right:
        first = min(now.maps[0].query.prefix, len(now.tokens) - 1)
        reading_json.draw(now.tokens, now.token, first, "reading_json", partial(components.pick_number, TOKEN))
        st.text(said_of(now))


def said_of(now: Reading) -> str:
    """The current token in words: number, text, kind, field and probability."""
    run, chance = token_runs(now.tokens, now.token)[now.token], now.chances[now.token]
    name, sort = called(now.tokens, now.token).replace("token", "Token", 1), str(run["kind"])
    field = f"; field {run['field']}" if run["field"] else ""
    return f"{name}; {KINDS.get(sort, sort)}{field}" + (f"; probability {chance:.1%}" if np.isfinite(chance) else "")


def _heat(now: Mapped, key: str, window: tuple[float, ...] | None = None) -> None:
    """The page, or a window of it, under the heat of the token, or under the map of a method; dragging a box zooms further."""
    true, zoom = _true_box(now), not controls.on_phone()  # a finger that drags means to scroll; zoom has its sliders
    look = {
        "true": true,
        "scale": controls.scale_shown("heat", said.scales(now.way, SCALES)),
        "opacity": controls.opacity_shown("heat_opacity", OPACITY),
        "zoom": zoom,
        # Less high where the caption has more lines.
        "height": figure_height(now) - 60 * bool(now.way.name),
        "window": window,
    }
    if now.way.name:
        components.kept(now, key, reading_method.figure, now.token, look, now.way)
    else:
        components.kept(now, key, _page_figure, now.token, look)
    if boxes_shown(now) and not true:
        st.caption("This token stands nowhere on the page: it is a tag, or part of a value that was read wrong.")


def _page_figure(now: Reading, token: int, look: dict[str, Any]) -> tuple[Any, str, str]:
    heat, scale = now.heat(), look["scale"]
    figure = page_with_heat(
        now.document.image,
        heat,
        now.record.geometry,
        together=now.heats() if scale.mode == "shared" else None,
        title=f"Read for {called(now.tokens, token)}",
        **look,
    )
    said = describe_token(heat, now.tokens, token, now.record.geometry)
    return figure, said, f"{now.map_name().capitalize()}."


def boxes_shown(now: Reading) -> bool:
    """Whether true boxes are wanted, and known."""
    return now.document.truth is not None and bool(st.session_state.get(BOXES))


def _true_box(now: Reading) -> list[Any]:
    """Where the token's own characters are printed, if that is known and wanted, in pixels of the page."""
    printed, geometry = now.printed if boxes_shown(now) else None, now.record.geometry
    if printed is None or geometry is None:
        return []
    boxes = printed.boxes[[now.token]]
    found: list[Any] = geometry.boxes_to_original(boxes[np.isfinite(boxes[:, 0])]).tolist()
    return found


def look(now: Mapped) -> None:
    """How the heat is drawn."""
    controls.scale("heat", said.scales(now.way, SCALES))
    widgets.slider("Opacity of the heat", 0.0, 1.0, "heat_opacity", OPACITY, 0.05)
    if now.document.truth is not None:
        widgets.toggle("Show where this token is printed", BOXES)
    said.not_here(now.asked, now.way)


def closer(now: Mapped) -> None:
    """A window of the page, at first round the strongest cell, and where it lies on the whole page."""
    left, right = st.columns([4, 3])
    size = now.document.image.size
    with right:
        zoom = widgets.slider("Zoom", 1.0, 8.0, ZOOM, 3.0, 0.5, format="%.1f ×")
        follows = widgets.toggle("Follow the strongest cell", FOLLOW, True)
        place = None if follows else st
        across = widgets.slider("Left to right (%)", 0, 100, ACROSS, 50, 1, place=place)
        down = widgets.slider("Top to bottom (%)", 0, 100, DOWN, 50, 1, place=place)
        point = _strongest_place(now)
        at = centred(size, zoom, point) if follows and point else (across / 100, down / 100)
        window = viewport(size, zoom, *at)
        said = say_window(size, window)
        components.kept(
            now, "reading_minimap", lambda now, *at: (minimap(now.document.image, *at), said, said), window, size
        )
    with left:
        _heat(now, "reading_closer", window)


def page_shape(now: Reading) -> float:
    """Height over width of the page."""
    width, height = now.document.image.size
    return height / width


def figure_height(now: Reading) -> int:
    """Height in pixels of a figure that shows the page: just what its width leaves to be filled, and at most `HEIGHT`."""
    return min(HEIGHT, round(340 * page_shape(now)) + 100)


def _strongest_place(now: Mapped) -> tuple[float, float] | None:
    """Middle of the strongest cell in pixels of the original page; None where the model's page is not known."""
    geometry, heat = now.record.geometry, now.heat() if now.found is None else now.found.values
    if geometry is None or not np.isfinite(heat).any():
        return None
    row, column = divmod(int(np.nanargmax(heat)), heat.shape[1])
    at = [(column + 0.5) / heat.shape[1] * geometry.seen[0], (row + 0.5) / heat.shape[0] * geometry.seen[1]]
    x, y = geometry.to_original([at])[0]
    return float(x), float(y)


def heads(now: Reading, token: int) -> tuple[Any, str, str]:
    """Every head of every layer for the current token; a click chooses one."""
    chosen = None
    if now.layer is not None and now.head is not None:
        chosen = (now.maps[now.layer].layer, now.head)
    title = f"Every head for {called(now.tokens, token)}"
    return (
        heads_of_token(now.record, token, chosen=chosen, title=title, height=HEIGHT),
        describe_heads(now.record, token),
        "Each head on a scale of its own. Click one to choose its layer and head.",
    )


def sure(now: Mapped) -> None:
    """The page under the heat of the token, beside the probability of every token; a click on one chooses it."""
    left, right = st.columns([4, 3])
    with left:
        _heat(now, "reading_sure")
    with right:
        if np.isfinite(now.chances).any():
            components.kept(now, "reading_strip", _strip, now.token, pick=partial(components.pick_number, TOKEN))
        else:
            st.caption("This reading was kept without its probabilities.")
        st.text(said_of(now))


def _strip(now: Reading, token: int) -> tuple[Any, str, str]:
    chances = now.chances
    low = int(np.nanargmin(chances))
    said = f"Probability of each token. The lowest is {chances[low]:.1%}, of {called(now.tokens, low)}."
    figure = strip(now.tokens, chances, token, title="How sure of each token", height=240)
    return figure, said, "Click a bar to choose its token."


def spread(now: Reading) -> None:
    """How many cells rows are spread over, by the kind of token that they wrote."""
    kinds, heats = np.array([kind(token) for token in now.tokens]), now.heats()
    known = np.isfinite(heats).all(axis=(1, 2))
    bits = entropy(np.nan_to_num(heats.reshape(len(kinds), -1), nan=1.0))
    rows = {sort: known & (kinds == sort) for sort in ("open", "close", "word", "part")}
    means = [
        (f"{KINDS[sort]} ({count.sum()})", float(bits[count].mean())) for sort, count in rows.items() if count.any()
    ]
    if means:
        most, title = np.log2(heats[0].size), "Mean entropy of the rows, by kind of token"
        ends = ("Mean entropy by kind of token: ", f". At most {most:.2f} bits.")
        components.bar_chart("reading_spread", means, "bits", "{}: {:.2f} bits", ends, title=title)
        st.caption(
            f"Pieces are of words or numbers; in brackets: how many rows. At most {most:.2f} bits, if all {heats[0].size} cells have the same weight."
        )


def hits(now: Reading) -> None:
    """How often the strongest cell lies on a token's own print, by kind of token, beside a cell picked at random."""
    found = now.hits()
    if found is None:
        st.info("Where the words of your own page stand is not known, so hits cannot be counted.")
        return
    sorts = {"start of a word": found.starts, "rest of a word": found.later, "digit": found.digits}
    bars = [
        (f"{name}{ending}", 100 * value)
        for name, one in sorts.items()
        if one.tokens
        for ending, value in ((f" ({one.tokens})", one.hit), (", chance", one.chance))
    ]
    if not bars:
        st.info("No value of this page was read right, so no token's place is known.")
        return
    title = f"Hits under {now.map_name()}"
    components.bar_chart("reading_hits", bars, "%", "{}: {:.1f} %", ("Hit rate by kind of token: ", "."), title=title)
    st.caption(
        "A hit: the strongest cell holds more than 15 % of the area of the token's own print. In brackets: how many tokens. "
        f"Left out: {found.left_out} tokens of values read wrong."
    )


def tags(now: Reading) -> None:
    """Where every opening tag looked: how often in each of four places, and each by itself."""
    found = tag_places(now)
    if not found:
        st.info("No tag with a value whose place is known was written on this page.")
        return
    places = [one.place for one in found]
    counts = [(name, places.count(name)) for name in (NEXT, LAST, OTHER, BLANK)]
    title = f"Opening tags: where the strongest cell lies, {now.map_name()}"
    components.bar_chart("reading_tags", counts, "tags", "{}: {}", ("Opening tags: ", "."), title=title)
    # A scroll box of its own, since the table is longer than the screen.
    with st.container(height=200):
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


def below(now: Mapped) -> None:
    """The map in words, what can be checked about it, the code and the files."""
    if now.way.name:
        scale = controls.scale_shown("heat", said.scales(now.way, SCALES))
        reading_method.below(now, scale, controls.opacity_shown("heat_opacity", OPACITY))
        return
    components.in_words(describe_token(now.heat(), now.tokens, now.token, now.record.geometry))
    reading_proof.card(now, now.heat(), f"token {now.token + 1}")
    reading_proof.code(now, controls.scale_shown("heat", SCALES).mode, controls.opacity_shown("heat_opacity", OPACITY))
    name = f"reading-{now.token + 1}"
    files = {
        "This page (PNG)": (
            f"{name}.png",
            lambda now: reading_proof.overlay(now, now.heat(), called(now.tokens, now.token)),
        ),
        "This heat (CSV)": (f"{name}.csv", lambda now: components.csv(now.heat())),
    }
    components.downloads("reading", files, now=now)


PAGE = lesson.Page(
    "reading",
    {
        "page": View(page, ("token", "method", "layer", "head"), look),
        "closer": View(closer, ("token", "method", "layer", "head"), look),
        "heads": View(
            components.shown("reading_heads", heads, lambda now: now.token, pick=reading.choose_head),
            ("token", "layer", "head"),
        ),
        "tags": View(tags, ("layer", "head")),
        "hits": View(hits, ("layer", "head")),
        "sure": View(sure, ("token", "method", "layer", "head"), look),
        "spread": View(spread, ("layer", "head")),
    },
    below,
    reading.choose,
    reading.context,
    reading.remarks,
    DOCUMENT,
)
