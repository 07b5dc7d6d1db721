"""The parts of page "Playground": one map by any method, how it is drawn, the answer of the model, export and code."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from ui import commands, components, controls, snippets, state, trust
from ui.controls import Display
from visualizer.export import files as export
from visualizer.figures.animation import layer_animation
from visualizer.figures.overlay import overlay
from visualizer.figures.summary import bars
from visualizer.method import Map, Method, methods
from visualizer.words.maps import describe


@st.fragment
def view(now: Context) -> None:
    """Method and drawing on the left, the map on the right, and everything that belongs to it below."""
    if state.selection(now.record) != now.chosen:  # a click in this fragment changed the shared choice
        st.rerun()
    left, right = st.columns([2, 3])
    with left:
        method = methods()[controls.method(now, "method")]
        st.caption(method.meaning)
        knobs = controls.knobs(now, (*method.knobs, *method.run))
        target = controls.target(now, "target") if method.asks_class else ""
        with st.container(border=True):
            how = controls.display(now)
    try:
        drawn = now.answer(method.name, target, knobs)
    except ValueError as error:
        right.error(f"This method has no map here: {error}")
        return
    with right:
        _map(now, method.label, drawn, how)
        prediction(now)
    if method.layers in ("one", "until") and st.toggle(
        "Play this method through all layers", key="film", **controls.KEEP
    ):
        _film(now, method, knobs, how)
    trust.card(now, drawn.values, drawn.row, drawn.words)
    code = snippets.map_code(now, method.name, drawn, target)
    _code(now, drawn, how, code, command_line(now, method.name, knobs, target, how))
    _downloads(now, drawn, how)


def _map(now: Context, name: str, drawn: Map, how: Display) -> None:
    words = drawn.words[0].upper() + drawn.words[1:]
    try:
        fig = overlay(
            now.picture.image, drawn.values, now.record.geometry, colormap=how.colormap, opacity=how.opacity,
            smooth=how.smooth, scale=how.scale, query=controls.query_patches(now), truth=how.truth, clickable=True,
            unit=drawn.unit, title=name.capitalize(), height=520,
        )  # fmt: skip
    except ValueError as error:
        st.error(f"This map cannot be drawn: {error}")
        return
    said = describe(drawn.values, name=words, unit=drawn.unit)
    components.chart(fig, "playground_map", said, components.pick_patches("playground_map", now.grid[1]))
    st.caption(words + ".")
    components.in_words(said)


def _film(now: Context, method: Method, knobs: Mapping[str, Any], how: Display) -> None:
    """The same method with every layer as the chosen one."""
    chosen = [replace(now, chosen=replace(now.chosen, layer=layer)) for layer in range(len(now.record.maps))]
    found = [one.answer(method.name, "", knobs) for one in chosen]
    fig = layer_animation(
        now.picture.image, [one.values for one in found], now.record.geometry, start=now.chosen.layer,
        colormap=how.colormap, opacity=how.opacity, scale="shared" if how.scale == "raw" else how.scale,
        query=controls.query_patches(now), truth=how.truth, unit=found[0].unit, title=f"{method.label}, layer by layer",
    )  # fmt: skip
    said = f"A film of {len(found)} maps. First: {found[0].words}. Last: {found[-1].words}."
    components.chart(fig, "playground_film", said)


def prediction(now: Context) -> None:
    """What the model says: its five likeliest classes."""
    said = now.record.prediction
    if not said.labels:
        st.caption("This model names no classes.")
        return
    best = said.top(5)
    fig = bars([name for name, _ in best], [chance for _, chance in best], "probability", title="What the model says")
    words = "Likeliest classes: " + "; ".join(f"{name} {chance:.1%}" for name, chance in best)
    components.chart(fig, "playground_prediction", words)
    scene = now.picture.scene
    if scene is not None:
        st.caption("Truth: " + " and ".join(f"{thing.colour} {thing.shape}" for thing in scene.things) + ".")


def command_line(now: Context, name: str, knobs: Mapping[str, Any], target: str, how: Display) -> str:
    """The command that makes the map above."""
    truth = how.truth is not None
    return commands.of(
        now, name, knobs, target, colormap=how.colormap, alpha=how.opacity, truth=truth, **commands.scaled(how.scale)
    )


def _code(now: Context, drawn: Map, how: Display, code: str, command: str) -> None:
    query = list(controls.query_patches(now))
    lines = code + (
        "from visualizer.figures.overlay import overlay\n\n"
        f"overlay(record.image, values, record.geometry, colormap={how.colormap!r}, opacity={how.opacity:g}, "
        f"smooth={how.smooth}, scale={how.scale!r}, query={query}, unit={drawn.unit!r}).show()\n"
    )
    with st.expander("Show me the code"):
        st.code(_start(now) + lines, language="python")
        components.copy_commands([command], "The command line draws patches as they are, never blended." * how.smooth)


def _start(now: Context) -> str:
    """The lines before the method: for a bundle they open the file instead of running a model."""
    if now.picture.id != "bundle":
        return snippets.record_code(now)
    opened = f"import vit_attention as va\n\nrecord = va.AttentionRecord.load({now.picture.title!r})\n"
    run = snippets.record_code(now)
    return opened + run[run.index("layer = ") :]


def _downloads(now: Context, drawn: Map, how: Display) -> None:
    image, geometry = now.picture.image, now.record.geometry
    look: dict[str, Any] = {"colormap": how.colormap, "opacity": how.opacity, "scale": how.scale, "truth": how.truth}
    look |= {"unit": drawn.unit, "query": controls.query_patches(now)}
    told = {**look, "settings": f"{now.model}; {now.picture.title}"}

    def page() -> bytes:
        fig = overlay(image, drawn.values, geometry, smooth=how.smooth, title=drawn.words, **look)
        return export.standalone_html(fig).encode()

    files: dict[str, tuple[str, Callable[[], bytes]]] = {
        "Picture (PNG)": ("map.png", lambda: export.overlay_png(image, drawn.values, geometry, drawn.words, **told)),
        "Drawing (SVG)": (
            "map.svg",
            lambda: _bytes(export.overlay_svg(image, drawn.values, geometry, drawn.words, **told)),
        ),
        "Table (CSV)": ("map.csv", lambda: export.to_csv(drawn.values).encode()),
        "Array (NPY)": ("map.npy", lambda: array_bytes(drawn.values)),
        "Record (NPZ)": ("record.npz", lambda: record_bytes(now)),
        "Page (HTML)": ("map.html", page),
    }
    components.downloads("playground", files)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def array_bytes(values: NDArray[Any]) -> bytes:
    """A map as an .npy file."""
    out = io.BytesIO()
    np.save(out, np.asarray(values), allow_pickle=False)
    return out.getvalue()


def record_bytes(now: Context) -> bytes:
    """The whole record as a bundle, which this page and `AttentionRecord.load` open again."""
    with tempfile.TemporaryDirectory() as folder:
        return now.record.save(Path(folder) / "record.npz").read_bytes()
