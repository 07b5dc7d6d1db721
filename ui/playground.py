"""Page "Playground": one map by any method, how it is drawn, the answer of the model, export and code."""

import io
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from ui import components, controls, long_runs, pictures, sinks_view, snippets, state, trust
from visualizer.export import files as export
from visualizer.figures import animation, overlay
from visualizer.method import Map, Method, methods
from visualizer.method.base import scale_of


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
        target = controls.target(now, "target") if method.asks_class else ""
        with st.container(border=True):
            look = controls.look(now)
    try:
        with right:
            told = long_runs.wait(now, method, target, knobs, "playground_run")
            with st.spinner(told, show_time=True):
                whole = now.answer(method.name, target, knobs)
        with left:
            found = sinks_view.hidden(now, whole, method.name, knobs)
    except ValueError as error:
        right.error(f"This method has no map here: {error}")
        return
    scale = found.scale(look["scale"])
    who = () if method.asked_by == "nobody" else controls.query_patches(now)
    with right:
        words, title = found.words[0].upper() + found.words[1:], method.label.capitalize()
        how = {"name": words, "unit": found.unit, "caption": f"{words}.", "clickable": True, "height": 520, **look}
        how |= {"scale": scale, "query": who}
        try:
            components.picture_map(now, "playground_map", found.values, title, signed=found.signed, **how)
        except ValueError as error:
            st.error(f"This map cannot be drawn: {error}")
        if found.colours is not None:
            st.caption("This map brings its own colours: scale, colour map and blending do not change it.")
        prediction(now)
    label = "Play this method through all layers"
    if method.layers != "all" and st.toggle(label, key="film", **controls.KEEP):
        film(now, method, target, knobs, look)
    sinks_view.curves(now)
    hides = found is not whole
    # The sign of a component is a convention, so that its strongest patch means nothing.
    if method.name != "components":
        trust.card(now, found.values, found.row, found.words, None if hides else (method.name, target, knobs))
    marked: dict[str, Any] = {"query": list(who), "unit": found.unit}
    marked |= {"signed": True} if found.signed else {}
    options = {**look, **marked, "opacity": float(f"{look['opacity']:g}")}
    texts = {name: repr(value) for name, value in options.items() if name != "truth"}
    texts |= {} if found.colours is None else {"scale": "found.scale()"}
    shown = ", ".join(f"{name}={text}" for name, text in texts.items())
    code = (
        f"{snippets.map_code(now, method.name, found, target, knobs)}from visualizer.figures.overlay import overlay\n\n"
        f"overlay(record.image, values, record.geometry, {shown}).show()\n"
    )
    more: dict[str, Any] = {"without_sinks": True} if hides else {}
    if look["truth"] is not None:
        outline = pictures.outline(now.picture.id)
        more |= {"truth": True} if outline is None else {"outline": outline.name}
    paint = {**more, "colormap": look["colormap"], "alpha": look["opacity"]}
    command = snippets.command(now, method.name, target, knobs, **paint, **snippets.scaled(look["scale"]))
    blended = "The command line draws patches as they are, never blended." * look["smooth"]
    components.code(now, code, [command], blended)
    more_files = {}
    if method.layers != "all":
        more_files["Film (GIF)"] = ("film.gif", film_bytes(now, method, target, knobs, {**look, **marked}))
    _downloads(now, found, {**look, **marked, "scale": scale}, more_files)


def film(now: Context, method: Method, target: str, knobs: Mapping[str, Any], look: Mapping[str, Any]) -> None:
    """The same method with every layer as the chosen one, from its start layer up."""
    try:
        with st.spinner("All layers are asked ...", show_time=True):
            layers, found = through(now, method, target, knobs)
    except ValueError as error:
        st.error(f"This method has no film here: {error}")
        return
    here = now.record.maps[now.chosen.layer].layer
    components.chart(
        animation.layer_animation(
            now.picture.image,
            [one.values for one in found],
            now.record.geometry,
            names=[f"layer {n + 1}" for n in layers],
            start=layers.index(here) if here in layers else len(layers) - 1,
            colormap=look["colormap"],
            opacity=look["opacity"],
            scale=scale_of(found, "shared" if look["scale"] == "raw" else look["scale"]),
            query=() if method.asked_by == "nobody" else controls.query_patches(now),
            truth=look["truth"],
            unit=found[0].unit,
            title=f"{method.label}, layer by layer",
        ),
        "playground_film",
        f"A film of {len(found)} maps. First: {found[0].words}. Last: {found[-1].words}.",
    )


def through(now: Context, method: Method, target: str, knobs: Mapping[str, Any]) -> tuple[list[int], list[Map]]:
    """Numbers of the layers that a method can stop at, and its map at each; raises ValueError where it has none."""
    layers = list(method.stops([one.layer for one in now.record.maps], knobs))
    return layers, [now.answer(method.name, target, knobs, layer=layer) for layer in layers]


def film_bytes(
    now: Context, method: Method, target: str, knobs: Mapping[str, Any], look: Mapping[str, Any]
) -> Callable[[], bytes]:
    """What makes the GIF of a film, all layers on one scale."""

    def made() -> bytes:
        _, found = through(now, method, target, knobs)
        options = {name: value for name, value in look.items() if name not in ("smooth", "scale", "signed")}
        scale = scale_of(found, "shared" if look["scale"] == "raw" else look["scale"])
        more: dict[str, Any] = {"names": [one.words for one in found], "signed": found[0].signed, "scale": scale}
        return export.layers_gif(
            now.picture.image, [one.values for one in found], now.record.geometry, **options, **more
        )

    return made


def prediction(now: Context) -> None:
    """What the model says: its five likeliest classes."""
    said, scene = now.record.prediction, now.picture.scene
    if not said.labels:
        st.caption("This model names no classes.")
        return
    components.bar_chart(
        "playground_prediction",
        said.top(5),
        "probability",
        "{} {:.1%}",
        ("Likeliest classes: ", ""),
        title="What the model says",
    )
    if scene is not None:
        st.caption("Truth: " + " and ".join(f"{thing.colour} {thing.shape}" for thing in scene.things) + ".")


def _downloads(now: Context, found: Map, look: Mapping[str, Any], more: Mapping[str, Any]) -> None:
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
            "Record (NPZ)": ("record.npz", lambda: record_bytes(now)),
            "Page (HTML)": ("map.html", page),
            **more,
        },
    )


def array_bytes(values: NDArray[Any]) -> bytes:
    """A map as an .npy file."""
    out = io.BytesIO()
    np.save(out, np.asarray(values), allow_pickle=False)
    return out.getvalue()


def record_bytes(now: Context) -> bytes:
    """The whole record as a bundle, which this page and `AttentionRecord.load` open again."""
    with tempfile.TemporaryDirectory() as folder:
        return now.record.save(Path(folder) / "record.npz").read_bytes()
