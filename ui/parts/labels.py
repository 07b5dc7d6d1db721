"""Labels in the playground: what a dual encoder compares a picture with, which label is asked about, and all of them at once."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.context import Picture
from tutorials.findings.labelled import MOST, offers, thing_of
from ui.frame import address
from ui.parts import components, controls, widgets
from ui.store import resources
from visualizer.figures.comparison import side_by_side
from visualizer.measures import score
from visualizer.method import Map, Method, methods
from visualizer.method.labels import COLOURS
from worlds.phrases import phrase
from worlds.scenes import Thing, coverage

KEY, OFFERED, ASKED = "labels", "offered_labels", "label"
"""Keys of the field of labels, of what it offered last, and of the menu of the one asked about."""
LETTERS = 80
"""Letters of a label that are read."""


def field(name: str, picture: Picture, place: Any = st) -> tuple[str, ...]:
    """Draw the field of labels of a dual encoder; what stands in it, () for other models. ``place=None`` draws nothing."""
    if not compares(name):
        return ()
    offered = "\n".join(offers(picture))
    # Nobody has changed it: another picture, other labels.
    if st.session_state.get(KEY) == st.session_state.get(OFFERED):
        address.forget([KEY])
    st.session_state[OFFERED] = offered
    label, tip = (
        "Labels, one a line",
        f"At most {MOST} texts that the picture is compared with. They are the classes of this model.",
    )
    typed = widgets.text(label, KEY, offered, MOST * (LETTERS + 1), place=place, area=True, height=110, help=tip)
    found, left_out = read(typed)
    if left_out and place:
        place.caption(f"At most {MOST} different labels of {LETTERS} letters are read; {left_out}.")
    if not found and place:
        place.caption("There is no label to compare the picture with. Type at least one.")
    return found


def compares(name: str) -> bool:
    """Whether the model of this name compares pictures with texts."""
    try:
        return "labels" in getattr(resources.model(name), "options", ())
    except (ValueError, RuntimeError, OSError, ImportError):  # what is wrong is said where its record is asked for
        return False


def read(typed: str) -> tuple[tuple[str, ...], str]:
    """The labels in a text, and what was left out of it.

    >>> read(" red  ring \\n\\nred ring\\nblue square"), read("\\n".join("abcdefghi"))[1]
    ((('red ring', 'blue square'), ''), '1 more line is left out')
    """
    lines = [" ".join(line.split()) for line in typed.splitlines()]
    whole = list(dict.fromkeys(line for line in lines if line))
    found = tuple(dict.fromkeys(line[:LETTERS].rstrip() for line in whole[:MOST]))
    more = len(whole) - MOST
    told = [f"{more} more line{'s are' if more > 1 else ' is'} left out"] if more > 0 else []
    told += ["long ones are cut"] if any(len(line) > LETTERS for line in whole[:MOST]) else []
    return found, ", ".join(told)


def asked(now: Context, knobs: Mapping[str, Any]) -> str:
    """The menu of the label that is asked about; "" where what is shown is about all of them."""
    labels = now.record.prediction.labels
    if knobs.get("show", "label") != "label" or not labels:
        return ""
    return widgets.menu("Label asked about", labels, ASKED)


def compared(now: Context, method: Method, label: str, knobs: Mapping[str, Any]) -> Context:
    """The same with the similarities of every layer in its record, so that other layers and labels need no other run."""
    now = replace(now, label=label, again=partial(_again, now.again, method.name, label, dict(knobs)))
    if now.record.has(method.name) or not now.labels:
        return now
    run = {knob.name: knobs[knob.name] for knob in method.run}
    signal, made = resources.run(similarities, now.model, now.picture, method.name, now.labels, tuple(run.items()))
    settings = {**now.record.settings, "runs": {**now.record.settings.get("runs", {}), **made}}
    signals = {**now.record.signals, method.name: signal}
    return replace(now, record=replace(now.record, signals=signals, settings=settings))


def _again(before: Callable[[], Context] | None, name: str, label: str, knobs: dict[str, Any]) -> Context:
    assert before is not None
    return compared(before(), methods()[name], label, knobs)


def similarities(
    model: Any, picture: Picture, name: str, labels: tuple[str, ...], knobs: tuple[tuple[str, Any], ...]
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """What the run of a method on labels leaves, and with which parameters it was made."""
    needs = methods()[name].needs_for(**dict(knobs))
    record = model.attend(picture.image, labels=labels, keep=needs, layers=[0], queries=[0])
    return record.signals[name], record.settings["runs"]


def legend(found: Map, labels: Sequence[str]) -> None:
    """Which colour of a map of winners is which label."""
    if found.colours is None or len(labels) > MOST:
        return
    swatch = "display:inline-block;width:0.9em;height:0.9em;margin-right:0.35em;border:1px solid #808080;vertical-align:-0.1em"
    parts = []
    for label, colour in zip(labels, COLOURS.values(), strict=False):
        rgb = ",".join(str(round(255 * part)) for part in colour)
        parts.append(
            f'<span style="margin-right:1.2em;overflow-wrap:anywhere"><span style="{swatch};background:rgb({rgb})"></span>'
            f"{html.escape(label)}</span>"
        )
    st.html(f"<div>{''.join(parts)}</div>")


def all_labels(now: Context, method: Method, knobs: Mapping[str, Any], look: Mapping[str, Any]) -> None:
    """The maps of all labels side by side, on request."""
    labels = now.record.prediction.labels
    if len(labels) < 2 or not widgets.toggle("All labels side by side", "all_labels"):
        return
    scale = widgets.choice("Colour scale of these maps", ("shared", "per map"), "labels_scale")
    st.caption(
        "shared: colours can be compared between labels." if scale == "shared" else "per map: each label by itself."
    )
    maps = [now.answer(method.name, "", {**knobs, "show": "label"}, query=label) for label in labels]
    figure = side_by_side(
        now.picture.image,
        maps,
        list(labels),
        scale=scale,
        colormap=look["colormap"],
        opacity=look["opacity"],
        fade=look["fade"],
        title=f"{method.label}, layer {now.chosen.layer + 1}",
        narrow=controls.on_phone(),
    )
    peaks = (np.unravel_index(int(np.nanargmax(one.values)), one.values.shape) for one in maps)
    where = "; ".join(
        f"{label}: strongest in row {row + 1}, column {column + 1}"
        for label, (row, column) in zip(labels, peaks, strict=True)
    )
    components.panel(figure, "labels_map", f"The maps of {len(labels)} labels. {where}.")


def named(now: Context) -> Thing | None:
    """The object of the scene that the label asked about names."""
    return None if now.picture.scene is None else thing_of(now.picture.scene, now.label)


def facts(now: Context, values: NDArray[Any]) -> list[tuple[str, str, str]]:
    """How the map of a label lies on the object that it names, for the trust card; [] where nothing is known."""
    if now.picture.scene is None or not now.label:
        return []
    thing = named(now)
    if thing is None:
        return [
            (
                "the label",
                "names nothing here",
                "no object has this colour and shape, so no place that it points at is right",
            )
        ]
    cover = coverage(thing.mask, now.grid)
    hit, chance = bool(score.pointing_hit(values, cover)), float((cover > 0.1).mean())
    above = np.clip(values, 0, None)
    found = [
        (
            "points at what it names",
            "yes" if hit else "no",
            f"strongest patch more than 10 % covered by the {phrase(thing)}; a random patch: {chance:.0%}",
        )
    ]
    if above.sum() > 0:
        inside, area = float(score.mass_in_mask(above, cover)), float(cover.mean())
        meaning = f"share of the sum of all positive similarities; by chance {area:.1%}, so {inside / max(area, 1e-9):.1f} x chance"
        found.append(("weight on what it names", f"{inside:.1%}", meaning))
    return found
