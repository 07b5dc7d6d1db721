"""A method as a film through the layers: played on the page, or taken home as GIF, WebP or a picture for each layer."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from tutorials.findings import Context
from ui.explore import sentences
from ui.parts import components, controls, parts
from visualizer.export.film import film_bytes
from visualizer.figures.animation import bar_animation, layer_animation
from visualizer.method import Map, Method
from visualizer.method.base import scale_of

KINDS = {"Film (GIF)": ".gif", "Film (WebP)": ".webp", "A picture a layer (ZIP)": ".zip"}
LONGEST = 5000
"""Milliseconds that a layer may be shown for."""


def view(
    now: Context, method: Method, target: str, knobs: Mapping[str, Any], look: Mapping[str, Any], query: Sequence[int]
) -> dict[str, Any]:
    """The film of a method, on request; the options of the command line that make it, {} without one."""
    label = "Play this method through all layers"
    if method.layers == "all" or not st.toggle(label, key="film", **controls.KEEP):
        return {}
    layers, time = _choices(now, method, knobs)
    numbers = [now.record.maps[n].layer for n in layers]
    try:
        with st.spinner(f"{len(layers)} layers are asked ...", show_time=True):
            found = [now.answer(method.name, target, knobs, layer=number) for number in numbers]
        found = [sentences.shown(now, one, look) for one in found] if now.of_text else found
        scale = scale_of(found, "shared" if look["scale"] == "raw" else look["scale"])
        figure = _figure(now, method, found, layers, {**look, "scale": scale, "duration": time}, query)
    except ValueError as error:
        st.error(f"This method has no film here: {error}")
        return {}
    alt = f"A film of {len(found)} maps. First: {found[0].words}. Last: {found[-1].words}."
    components.chart(figure, "playground_film", alt)
    paint = {"duration": time, "scale": scale, "colormap": look["colormap"], "alpha": look.get("opacity", 1.0)}
    made = {
        label: (f"film{kind}", partial(film_bytes, now.record, found, kind, **paint)) for label, kind in KINDS.items()
    }
    components.downloads("film", made, "Take the film home")
    span = f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else numbers[0]
    return {"film": "gif", "frame_time": time, "layer": span}


def _choices(now: Context, method: Method, knobs: Mapping[str, Any]) -> tuple[Sequence[int], int]:
    """Which layers are shown, by their places, and for how many milliseconds each."""
    most = len(now.record.maps)
    with st.container(horizontal=True):
        first = parts.number("First layer", "film_from", 1, most, 1)
        last = parts.number("Last layer", "film_to", 1, most, most, otherwise=most)
        time = parts.number("Time a layer (ms)", "film_time", 20, LONGEST, 500) + 1
    span = range(min(first, last), max(first, last) + 1)
    able = method.fitting(dict(enumerate(now.record.maps)))  # a pool behind the blocks asks with no patch
    stops = [n for n in method.stops(range(most), knobs) if n in span and n in able]
    return stops or span[-1:], time


def _figure(
    now: Context, method: Method, found: Sequence[Map], layers: Sequence[int], look: Mapping[str, Any], query: Any
) -> Any:
    names, title = [f"layer {now.record.maps[n].layer + 1}" for n in layers], f"{method.label}, layer by layer"
    start = layers.index(now.chosen.layer) if now.chosen.layer in layers else len(layers) - 1
    shown: dict[str, Any] = {"names": names, "start": start, "title": title, "duration": look["duration"]}
    if now.of_text:
        return bar_animation(found[0].names, [one.row for one in found], found[0].unit, **shown)
    return layer_animation(
        now.picture.image,
        [one.values for one in found],
        now.record.geometry,
        colormap=look["colormap"],
        opacity=look["opacity"],
        scale=look["scale"],
        query=query,
        truth=look["truth"],
        unit=found[0].unit,
        **shown,
    )
