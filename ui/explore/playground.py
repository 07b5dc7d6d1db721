"""Page "Playground": one map by any method, how it is drawn, the answer of the model, export and code."""

import io
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from tutorials.findings import Context
from ui.explore import films, sentences, words
from ui.explore import sinks as sinks_view
from ui.frame import state
from ui.parts import components, controls, long_runs, parts, snippets, trust
from ui.store import pictures
from visualizer.export import files as export
from visualizer.figures import overlay
from visualizer.method import Map, Method, methods


@st.fragment
def view(now: Context) -> None:
    """Method and drawing on the left, the map on the right, and everything that belongs to it below."""
    if state.selection(now.record) != now.chosen:  # a click in this fragment changed the shared choice
        st.rerun()
    left, right = st.columns([2, 3])
    with left:
        method = methods()[controls.method(now, "method")]
        st.caption(method.meaning)
        knobs = long_runs.knobs(now, method)
        target = _target(now) if method.asks_class else ""
        label = words.asked(now, knobs) if method.asked_by == "label" else ""
        with st.container(border=True):
            look = sentences.look(now) if now.of_text else controls.look(now)
    try:
        with right:
            told = long_runs.wait(now, method, target, knobs, "playground_run")
            with st.spinner(told, show_time=True):
                now = words.compared(now, method, label, knobs) if method.asked_by == "label" else now
                whole = now.answer(method.name, target, knobs)
        with left:
            found = sinks_view.hidden(now, whole, method.name, knobs)
    except ValueError as error:
        right.error(f"This method has no map here: {error}")
        return
    show = _sentence if now.of_text else _picture
    show(now, Asked(method, target, knobs), found, look, right, found is not whole)


class Asked(NamedTuple):
    """The method, the class that it is about, and its parameters."""

    method: Method
    target: str
    knobs: dict[str, Any]


def _target(now: Context) -> str:
    return controls.target(now, "target", "Label asked about" if now.labels else "Class asked about")


def _sentence(
    now: Context, asked: Asked, whole: Map, look: dict[str, Any], right: DeltaGenerator, _hides: bool
) -> None:
    """What belongs to a map over a text."""
    method, target, knobs = asked
    found = sentences.shown(now, whole, look)
    with right:
        try:
            sentences.picture(now, found, method.label.capitalize(), look)
        except ValueError as error:
            st.error(f"This map cannot be drawn: {error}")
        prediction(now)
    made = films.view(now, method, target, knobs, look, ())
    sentences.pairs(now, look)
    trust.draw(f"For {whole.words}.", trust.facts(now, whole.values, whole.row) + sentences.facts(now, whole))
    code = snippets.map_code(now, method.name, whole, target, knobs) + sentences.code(now, look)
    more = {"words": look["words"], "without_special": not look["special"]}
    looks = [more, *([{**more, **made}] if made else [])]
    components.code(now, code, [snippets.command(now, method.name, target, knobs, **one) for one in looks])
    arrays = {"Array (NPY)": ("map.npy", lambda: array_bytes(found.row)), **_record_file(now)}
    components.downloads("playground", {**sentences.files(now, found, look), **arrays})


def _picture(now: Context, asked: Asked, found: Map, look: dict[str, Any], right: DeltaGenerator, hides: bool) -> None:
    """What belongs to a map over a picture."""
    method, target, knobs = asked
    scale = found.scale(look["scale"])
    who = () if method.asked_by in ("nobody", "label") else controls.query_patches(now)
    with right:
        words_, title = found.words[0].upper() + found.words[1:], method.label.capitalize()
        how = {"name": words_, "unit": found.unit, "caption": f"{words_}.", "clickable": True, "height": 520, **look}
        how |= {"scale": scale, "query": who}
        try:
            components.picture_map(now, "playground_map", found.values, title, signed=found.signed, **how)
        except ValueError as error:
            st.error(f"This map cannot be drawn: {error}")
        if found.colours is not None:
            st.caption("This map brings its own colours: scale, colour map and blending do not change it.")
        if method.asked_by == "label":
            words.legend(found, now.record.prediction.labels)
        prediction(now)
    if method.asked_by == "label":
        words.all_labels(now, method, knobs, look)
    film = films.view(now, method, target, knobs, look, who)
    sinks_view.curves(now)
    # The sign of a component is a convention, so that its strongest patch means nothing.
    if method.name != "components":
        _trust(now, asked, found, hides)
    marked: dict[str, Any] = {"query": list(who), "unit": found.unit}
    marked |= {"signed": True} if found.signed else {}
    components.code(now, *_again(now, asked, found, look, marked, film, hides))
    _downloads(now, found, {**look, **marked, "scale": scale})


def _trust(now: Context, asked: Asked, found: Map, hides: bool) -> None:
    if asked.method.asked_by == "label":  # of one label, on what it names, and not on every object
        known = trust.proof(now.record)
        known += words.facts(now, found.values) if found.colours is None else []
        trust.draw(f"For {found.words}.", known)
        return
    made = None if hides else (asked.method.name, asked.target, asked.knobs)
    trust.card(now, found.values, found.row, found.words, made)


def _again(
    now: Context,
    asked: Asked,
    found: Map,
    look: Mapping[str, Any],
    marked: Mapping[str, Any],
    film: Mapping[str, Any],
    hides: bool,
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
    more: dict[str, Any] = {"without_sinks": True} if hides else {}
    if look["truth"] is not None:
        outline = pictures.outline(now.picture.id)
        more |= {"truth": True} if outline is None else {"outline": outline.name}
    paint = {**more, "colormap": look["colormap"], "alpha": look["opacity"], **snippets.scaled(look["scale"])}
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


def _downloads(now: Context, found: Map, look: Mapping[str, Any]) -> None:
    image, geometry = now.picture.image, now.record.geometry
    printed = {
        **{name: value for name, value in look.items() if name != "smooth"},
        "settings": f"{now.model}; {now.picture.title}",
    }

    def page() -> bytes:
        figure = overlay.overlay(image, found.values, geometry, title=found.words, **look)
        return export.standalone_html(figure).encode()

    components.downloads(
        "playground",
        {
            "Picture (PNG)": ("map.png", lambda: components.png(now, found.values, found.words, **printed)),
            "Drawing (SVG)": (
                "map.svg",
                lambda: export.overlay_svg(image, found.values, geometry, found.words, **printed),
            ),
            "Table (CSV)": ("map.csv", lambda: components.csv(found.values, found.colours)),
            "Array (NPY)": ("map.npy", lambda: array_bytes(found.values if found.colours is None else found.colours)),
            **_record_file(now),
            "Page (HTML)": ("map.html", page),
        },
    )


def array_bytes(values: NDArray[Any]) -> bytes:
    """A map as an .npy file."""
    out = io.BytesIO()
    np.save(out, np.asarray(values), allow_pickle=False)
    return out.getvalue()


def _record_file(now: Context) -> dict[str, tuple[str, Callable[[], bytes]]]:
    """The whole record as a bundle, which this page and `AttentionRecord.load` open again."""
    return {"Record (NPZ)": ("record.npz", lambda: parts.saved(now.record.save))}
