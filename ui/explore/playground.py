"""Page "Playground": one map by any method, how it is drawn, the answer of the model, export and code."""

import io
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from tutorials.findings import Context
from tutorials.plain import plain
from ui.explore import chosen, outlining, sources
from ui.explore import sinks as sinks_view
from ui.frame import state, texts
from ui.parts import (
    components,
    controls,
    films,
    labels,
    live,
    long_runs,
    looking,
    panels,
    parts,
    sentences,
    snippets,
    thumbnails,
    token_figures,
    trust,
)
from ui.store import pictures, resources
from visualizer.export import files as export
from visualizer.figures import overlay
from visualizer.method import Map, Method, methods
from visualizer.words.maps import describe

HEIGHT = 440
"""Pixels of the figure that stands beside the controls."""


def draw() -> None:
    """The whole page: pictures to flip through, controls beside the map, and everything that belongs to it below."""
    looked = chosen.choose(str(state.DEFAULTS[state.PICTURE]))
    if looked.kind == "picture":
        thumbnails.row("look", pictures.options(looked.given), looked.given, sources.look_at)
    with st.container(key="lesson_row"):
        left, right = st.columns([2, 3], gap="medium")
    with left:
        asking, under = st.container(), st.container()
        sources.own_pictures()  # always in the same place: a field that moves drops an upload that is under way
        more = st.container()
    live.part(_body, looked, left, asking, under, more, right, st.container())
    if looked.kind == "picture" and looked.model != sources.other():
        looking.remarks(SimpleNamespace(model=looked.model, picture=pictures.get(looked.given)))
    sources.others()


def _body(looked: chosen.Chosen, left: Any, asking: Any, under: Any, more: Any, right: Any, below: Any) -> None:
    with left:
        with under:
            now = chosen.context(looked, more)
        with asking:
            asked = _asked(now, more)
            label = labels.asked(now, asked.knobs) if asked.method.asked_by == "label" else ""
        with under, st.container(horizontal=True, vertical_alignment="center"):
            with st.popover(texts.say("how_drawn")):
                look = sentences.look(now) if now.of_text else controls.look(now)
            drawing = outlining.control(now)
    with below:
        others = st.container()
        panels.choose(panels.CODE)
        _figure(now, asked, label, look, drawing, more, right, others)


class Asked(NamedTuple):
    """The method, the class that it is about, and its parameters; whether sinks are left out of its map."""

    method: Method
    target: str
    knobs: dict[str, Any]
    hides: bool = False

    def answer(self, now: Context, told: str = "") -> Map:
        """The map; meanwhile the page says what is `told`."""
        if self.hides:
            return resources.answer(now, self.method.name, "", self.knobs, sinks="hide")
        return resources.answer(now, self.method.name, self.target, self.knobs, told)


def _asked(now: Context, more: DeltaGenerator) -> Asked:
    """The controls of the method; `more` takes what there is to say about the others."""
    method = methods()[controls.method(now, "method", told=more)]
    st.caption(method.meaning)
    return Asked(method, _target(now) if method.asks_class else "", long_runs.knobs(now, method))


def _figure(
    now: Context,
    asked: Asked,
    label: str,
    look: dict[str, Any],
    drawing: bool,
    more: Any,
    right: Any,
    others: Any,
) -> None:
    if drawing:
        with right:
            outlining.picture(now)
    try:
        with right:
            told = long_runs.wait(now, asked.method, asked.target, asked.knobs, "playground_run")
            if label or asked.method.asked_by == "label":
                with st.spinner(told, show_time=True):
                    now = labels.compared(now, asked.method, label, asked.knobs)
            found = asked.answer(now, told)
        with more:
            if sinks_view.hidden(now, found):
                asked = asked._replace(hides=True)
                found = asked.answer(now)
    except ValueError as error:
        right.error(f"This method has no map here: {plain(str(error))}")
        return
    (_sentence if now.of_text else _picture)(now, asked, found, look, right, others)


def _target(now: Context) -> str:
    return controls.target(now, "target", "Label asked about" if now.labels else "Class asked about")


def _sentence(now: Context, asked: Asked, whole: Map, look: dict[str, Any], right: Any, others: Any) -> None:
    """What belongs to a map over a text."""
    method, target, knobs, _ = asked
    found = sentences.shown(now, whole, look)
    with right:
        try:
            sentences.picture(now, found, method.heading, look)
        except ValueError as error:
            st.error(f"This map cannot be drawn: {plain(str(error))}")
        prediction(now)
    with others:
        made = films.view(now, method, target, knobs, look, ())
        token_figures.pairs(now, look)
    if panels.wanted(panels.NONE):
        return
    components.in_words(sentences.in_words(found))
    trust.draw(f"For {whole.words}.", trust.facts(now, whole.values, whole.row) + sentences.facts(now, whole))
    code = snippets.map_code(now, method.name, whole, target, knobs) + sentences.code(now, look)
    more = {"words": look["words"], "without_special": not look["special"]}
    looks = [more, *([{**more, **made}] if made else [])]
    components.code(now, code, [snippets.command(now, method.name, target, knobs, **one) for one in looks])
    files: dict[str, tuple[str, Callable[..., bytes]]] = sentences.files(partial(_shown, asked=asked, look=look), look)
    files |= {"Array (NPY)": ("map.npy", partial(_array, asked=asked, look=look)), **_RECORD}
    components.downloads("playground", files, now=now)


def _shown(now: Context, asked: Asked, look: Mapping[str, Any]) -> Map:
    """The map as it is drawn, for files."""
    found = asked.answer(now)
    return sentences.shown(now, found, look) if now.of_text else found


def _picture(now: Context, asked: Asked, found: Map, look: dict[str, Any], right: Any, others: Any) -> None:
    """What belongs to a map over a picture."""
    method, target, knobs, _ = asked
    scale = found.scale(look["scale"])
    who = () if method.asked_by in ("nobody", "label") else controls.query_patches(now)
    with right:
        words_, title = found.words[0].upper() + found.words[1:], method.heading
        how = {
            "name": words_,
            "unit": found.unit,
            "caption": plain(f"{words_}."),
            "clickable": True,
            "height": HEIGHT,
            **look,
        }
        how |= {"scale": scale, "query": who}
        with components.drawing():
            components.picture_map(now, "playground_map", found.values, title, signed=found.signed, **how)
        if found.colours is not None:
            st.caption("This map brings its own colours: scale, colour map and blending do not change it.")
        if method.asked_by == "label":
            labels.legend(found, now.record.prediction.labels)
        prediction(now)
    with others:
        if method.asked_by == "label":
            labels.all_labels(now, method, knobs, look)
        film = films.view(now, method, target, knobs, look, who)
        sinks_view.curves(now)
    if panels.wanted(panels.NONE):
        return
    components.in_words(describe(found.values, None, words_, found.unit))
    # The sign of a component is a convention, so that its strongest patch means nothing.
    if method.name != "components":
        _trust(now, asked, found)
    marked: dict[str, Any] = {"query": list(who), "unit": found.unit}
    marked |= {"signed": True} if found.signed else {}
    components.code(now, *_again(now, asked, found, look, marked, film))
    _downloads(now, asked, {**look, **marked, "scale": scale})


def _trust(now: Context, asked: Asked, found: Map) -> None:
    if asked.method.asked_by == "label":  # of one label, on what it names, and not on every object
        known = trust.proof(now.record)
        known += labels.facts(now, found.values) if found.colours is None else []
        trust.draw(f"For {found.words}.", known)
        return
    made = None if asked.hides else (asked.method.name, asked.target, asked.knobs)
    trust.card(now, found.values, found.row, found.words, made)


def _again(
    now: Context,
    asked: Asked,
    found: Map,
    look: Mapping[str, Any],
    marked: Mapping[str, Any],
    film: Mapping[str, Any],
) -> tuple[str, list[str], str]:
    """The lines and the commands that make the map, and what they do not do."""
    options = {**look, **marked, "opacity": float(f"{look['opacity']:g}")}
    texts = {name: repr(value) for name, value in options.items() if name != "truth"}
    texts |= {} if found.colours is None else {"scale": "found.scale()"}
    shown = ", ".join(f"{name}={text}" for name, text in texts.items())
    code = (
        f"{snippets.map_code(now, asked.method.name, found, asked.target, asked.knobs)}"
        "from visualizer.figures.overlay import overlay\n\n"
        f"overlay(record.image, values, record.geometry, {shown}).show()\n"
    )
    more: dict[str, Any] = {"without_sinks": True} if asked.hides else {}
    if look["truth"] is not None and (named := pictures.outline_name(now.picture.id)) is not None:
        more |= {"outline": named} if named else {"truth": True}
    paint = {
        **more,
        "colormap": look["colormap"],
        "alpha": look["opacity"],
        "fade": look["fade"],
        **snippets.scaled(look["scale"]),
    }
    commands = [
        snippets.command(now, asked.method.name, asked.target, asked.knobs, **{**paint, **extra})
        for extra in ({}, film)[: 1 + bool(film)]
    ]
    return code, commands, "The command line draws patches as they are, never blended." * look["smooth"]


def prediction(now: Context) -> None:
    """What the model says: its five likeliest classes, or how well each label fits."""
    said, scene = now.record.prediction, now.picture.scene
    if not said.labels:
        st.caption("This model names no classes.")
        return
    count, unit, lead, title = 5, "probability", "Likeliest classes: ", "What the model says"
    if now.labels:
        count, unit, lead = len(said.labels), "share of the softmax over these labels", "Labels that fit best: "
        title = "How well each label fits"
    components.bar_chart("playground_prediction", said.top(count), unit, "{} {:.1%}", (lead, ""), title=title)
    if now.labels:
        st.caption(f"Softmax over these {count} labels alone: with others, each gets another share.")
    if scene is not None:
        st.caption("Truth: " + " and ".join(f"{thing.colour} {thing.shape}" for thing in scene.things) + ".")


def _downloads(now: Context, asked: Asked, look: Mapping[str, Any]) -> None:
    printed = {name: value for name, value in look.items() if name != "smooth"}
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Picture (PNG)": ("map.png", partial(_png, asked=asked, look=printed)),
        "Drawing (SVG)": ("map.svg", partial(_svg, asked=asked, look=printed)),
        "Table (CSV)": ("map.csv", partial(_csv, asked=asked)),
        "Array (NPY)": ("map.npy", partial(_array, asked=asked)),
        **_RECORD,
        "Page (HTML)": ("map.html", partial(_page, asked=asked, look=dict(look))),
    }
    components.downloads("playground", files, now=now)


def _png(now: Context, asked: Asked, look: dict[str, Any]) -> bytes:
    found, settings = asked.answer(now), f"{now.model}; {now.picture.title}"
    return components.png(now, found.values, found.words, settings=settings, **look)


def _svg(now: Context, asked: Asked, look: dict[str, Any]) -> bytes:
    found, settings = asked.answer(now), f"{now.model}; {now.picture.title}"
    image, geometry = now.picture.image, now.record.geometry
    return export.overlay_svg(image, found.values, geometry, found.words, settings=settings, **look)


def _csv(now: Context, asked: Asked) -> bytes:
    found = asked.answer(now)
    return components.csv(found.values, found.colours)


def _page(now: Context, asked: Asked, look: dict[str, Any]) -> bytes:
    found = asked.answer(now)
    figure = overlay.overlay(now.picture.image, found.values, now.record.geometry, title=found.words, **look)
    return export.standalone_html(figure).encode()


def _array(now: Context, asked: Asked, look: Mapping[str, Any] | None = None) -> bytes:
    if now.of_text:
        return array_bytes(_shown(now, asked, look or {}).row)
    found = asked.answer(now)
    return array_bytes(found.values if found.colours is None else found.colours)


def array_bytes(values: NDArray[Any]) -> bytes:
    """A map as an .npy file."""
    out = io.BytesIO()
    np.save(out, np.asarray(values), allow_pickle=False)
    return out.getvalue()


_RECORD: dict[str, tuple[str, Callable[..., bytes]]] = {
    "Record (NPZ)": ("record.npz", lambda now: parts.saved(now.record.save))
}
"""The whole record as a bundle, which this page and `AttentionRecord.load` open again."""
