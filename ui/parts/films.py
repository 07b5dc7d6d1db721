"""A method as a film through the layers: played on the page, or taken home as GIF, WebP or a picture for each layer."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from tutorials.findings import Context
from tutorials.plain import plain
from ui.parts import components, sentences, widgets
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
    """The film of a method, on request, and its files; the options of the command line that make it, {} without one."""
    label = "Play this method through all layers"
    if method.layers == "all" or not widgets.toggle(label, "film"):
        return {}
    made = film(now, method, target, knobs, look, query, choices(now, method, knobs))
    if made:
        downloads(now, method, target, knobs, look)
    return made


def film(
    now: Context,
    method: Method,
    target: str,
    knobs: Mapping[str, Any],
    look: Mapping[str, Any],
    query: Sequence[int],
    shown: tuple[Sequence[int], int],
    key: str = "playground_film",
) -> dict[str, Any]:
    """Draw the film of a method; the options of the command line that make it, {} if it has none.

    Args:
        now: what is looked at.
        method, target, knobs: what is asked.
        look: how it is drawn.
        query: numbers of the patches to outline.
        shown: what `choices` gives.
        key: of the chart.
    """
    layers, time = shown
    try:
        with st.spinner(f"Running {len(layers)} layers ...", show_time=True):
            found = _maps(now, method.name, target, knobs, layers, look)
        scale = _scale(found, look)
        figure = _figure(now, method, found, layers, {**look, "scale": scale, "duration": time}, query)
    except ValueError as error:
        st.error(f"This method has no film here: {plain(str(error))}")
        return {}
    alt = f"A film of {len(found)} maps. First: {found[0].words}. Last: {found[-1].words}."
    components.chart(figure, key, alt)
    return options(now, shown)


def options(now: Context, shown: tuple[Sequence[int], int]) -> dict[str, Any]:
    """The options of the command line that make the film of these layers, for so many milliseconds each."""
    layers, time = shown
    numbers = [now.record.maps[n].layer for n in layers]
    span = f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else numbers[0]
    return {"film": "gif", "frame_time": time, "layer": span}


def downloads(now: Context, method: Method, target: str, knobs: Mapping[str, Any], look: Mapping[str, Any]) -> None:
    """The film as files, made when they are asked for."""
    layers, time = choices(now, method, knobs, None)
    words = {name: look[name] for name in ("words", "special") if name in look}
    drawn = {
        "scale": look["scale"],
        "colormap": look["colormap"],
        "alpha": look.get("opacity", 1.0),
        "fade": look.get("fade", False),
    }
    asked = partial(_bytes, name=method.name, target=target, knobs=knobs, layers=layers, look=words)
    asked = partial(asked, paint={"duration": time, **drawn})
    made = {label: (f"film{kind}", partial(asked, kind=kind)) for label, kind in KINDS.items()}
    components.downloads("film", made, now)


def _scale(found: Sequence[Map], look: Mapping[str, Any]) -> Any:
    return scale_of(found, "shared" if look["scale"] == "raw" else look["scale"])


def _maps(
    now: Context, name: str, target: str, knobs: Mapping[str, Any], layers: Sequence[int], look: Mapping[str, Any]
) -> list[Map]:
    """The map of a method in every one of these layers, by their places."""
    found = [now.answer(name, target, knobs, layer=now.record.maps[n].layer) for n in layers]
    return [sentences.shown(now, one, look) for one in found] if now.of_text else found


def _bytes(now: Context, kind: str, paint: Mapping[str, Any], **asked: Any) -> bytes:
    """The file of a film, made when it is asked for."""
    found = _maps(now, **asked)
    return film_bytes(now.record, found, kind, **{**paint, "scale": _scale(found, paint)})


def choices(now: Context, method: Method, knobs: Mapping[str, Any], place: Any = st) -> tuple[Sequence[int], int]:
    """Which layers are shown, by their places, and for how many milliseconds each; with ``place=None`` nothing is drawn."""
    most = len(now.record.maps)
    row = place and place.container(horizontal=True)
    first = widgets.number("First layer", 1, most, "film_from", 1, place=row)
    last = widgets.number("Last layer", 1, most, "film_to", most, place=row)
    time = widgets.number("Time a layer (ms)", 20, LONGEST, "film_time", 500, 20, place=row)
    span = range(min(first, last) - 1, max(first, last))
    able = method.fitting(dict(enumerate(now.record.maps)))  # a pool behind the blocks asks with no patch
    stops = [n for n in method.stops(range(most), knobs) if n in span and n in able]
    return stops or span[-1:], time


def _figure(
    now: Context, method: Method, found: Sequence[Map], layers: Sequence[int], look: Mapping[str, Any], query: Any
) -> Any:
    names = [f"layer {now.record.maps[n].layer + 1}" for n in layers]
    title = (
        f"“{now.label}”, layer by layer"
        if now.label
        else f"{method.label[0].upper()}{method.label[1:]}, layer by layer"
    )
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
        fade=look["fade"],
        scale=look["scale"],
        query=query,
        truth=look["truth"],
        unit=found[0].unit,
        **shown,
    )
