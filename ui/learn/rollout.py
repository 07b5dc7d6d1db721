"""Page "Rollout": one layer beside all of them, the layers so far, two classes, the deletion test, and a sink."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings import rollout as found
from ui.parts import components, controls, lesson, scrub, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer import entropy
from visualizer.figures import comparison
from visualizer.figures.summary import curves
from visualizer.method import Map, methods
from visualizer.style.scale import MODES, Scale
from visualizer.words.maps import describe

HEIGHT = 350
"""Pixels of a figure that stands beside a step."""

T = TypeVar("T")

SCALES = ("shared", "log", "per map", "clipped")

DRAW = """
from visualizer.figures.comparison import before_after

axis = record.maps[0].query
direct = weights.mean(axis=0)[query] if head is None else weights[head, query]
direct = direct[axis.prefix :].reshape(axis.grid)
names = ("direct", "rollout")
before_after(record.image, direct, values, names, record.geometry, opacity=0.8, fade=True).show()
"""


def _knobs(now: Context, drawn: bool = False) -> dict[str, Any]:
    """The rollout's parameters by name; their controls are drawn under the figures that show what they do."""
    return controls.knobs(now.record, methods()["rollout"].knobs, columns=(5, 3, 3, 3), drawn=drawn)


def _under(now: Context) -> None:
    _knobs(now, drawn=True)


def _once(what: str, now: Context, make: Callable[[], T], **knobs: Any) -> T:
    """What goes through all layers and heads, kept while their pickers move."""
    chosen = replace(now.chosen, layer=0, head=None)
    return resources.once((what, replace(now, chosen=chosen).view, tuple(sorted(knobs.items()))), make)


def rolled(now: Context, knobs: Mapping[str, Any], sinks: str = "show") -> Map:
    """The query token's rollout, with its sinks ("show") or without ("hide")."""
    return _once(f"rollout, {sinks}", now, lambda: now.answer("rollout", knobs=knobs, sinks=sinks), **knobs)


def so_far(now: Context, knobs: Mapping[str, Any]) -> list[Map]:
    """The query token's rollout after every layer from the start layer up."""
    return _once("rollout so far", now, lambda: found.so_far(now, knobs), **knobs)


def compare(now: Context, knobs: Mapping[str, Any], scale: str) -> tuple[Any, str, str]:
    """The chosen layer beside the rollout."""
    direct, whole = now.patch_map(), rolled(now, knobs)
    one = f"layer {now.chosen.layer + 1}, {now.head_name()}"
    special = float(np.sum(whole.row[: now.axis.prefix]))
    names = (f"layer {now.chosen.layer + 1} alone", "rollout")
    figure = components.two_maps(now, [direct, whole.values], names, scale=scale, height=HEIGHT)
    residual = knobs["residual"]
    said = f"{describe(direct, name=one)}\n\n{describe(whole.values, name='Rollout')}"
    caption = (
        f"Residual share {residual:g} is α = {residual / (1 - residual):.3g}. {special:.1%} of the rollout lies on special tokens, "
        "which no patch can show."
    )
    return figure, said, caption


def depth_map(now: Context) -> None:
    """The rollout up to the chosen layer; it follows the layer's slider in the browser."""
    knobs = _knobs(now)
    maps, start = so_far(now, knobs), knobs["start_layer"]
    one = maps[max(now.chosen.layer - start, 0)]
    components.picture_map(
        now,
        "rollout_so_far",
        one.values,
        f"Rollout up to layer {one.layer + 1}",
        caption=f"Asked by {now.query_name()}. {_said(knobs)} Each map has a colour scale of its own.",
        height=HEIGHT,
        scale=Scale("raw"),
    )
    if not start:
        scrub.follow(now, "rollout_so_far", "Rollout up to layer {layer}", rows=[each.row[None] for each in maps])


def _said(knobs: Mapping[str, Any]) -> str:
    return (
        f"Residual share {knobs['residual']:g}, {knobs['head_fusion']} of heads, discard ratio {knobs['discard_ratio']:.0%}, "
        f"start layer {knobs['start_layer'] + 1}."
    )


def depth(now: Context, knobs: Mapping[str, Any]) -> tuple[Any, str, str]:
    """Entropy of the rollout and of every layer alone."""
    alone, most = entropy(now.chosen_rows()), float(np.log2(len(now.axis)))
    bits = entropy(np.stack([one.row for one in so_far(now, knobs)]))
    first, bar = len(alone) - len(bits), found.SATURATED * most
    after = "; ".join(f"layer {first + n}: {one:.2f}" for n, one in enumerate(bits, start=1))
    figure = curves(
        {"rollout so far": [np.nan] * first + list(bits), f"each layer alone, {now.head_name()}": alone},
        "entropy in bits",
        limits=(0, most * 1.06),
        title="How spread out?",
        height=HEIGHT,
        reference={f"largest possible: {most:.2f}": most, f"90 % of it: {bar:.2f}": bar},
    )
    return figure, f"Entropy of the rollout in bits after {after}. The largest possible is {most:.2f}.", _said(knobs)


def deletion_test(now: Context) -> None:
    """What is left of the likeliest class after each deletion, beside controls that know no model."""
    costs = _once("deletion", now, lambda: found.costs(now))
    if costs is None:
        st.info(f"{now.model} names no classes, so there is no probability that could fall.")
        return
    label = now.record.prediction.top(1)[0][0]
    named = {
        "nothing painted over": costs["before"],
        "plain rollout": costs[found.PLAIN],
        "relevance": costs[found.RELEVANCE],
        "gradient rollout": costs[found.GRADIENT],
        "colour contrast (no model)": _once("colour contrast", now, lambda: found.of_contrast(now)),
        "random (mean of 10)": costs[found.RANDOM],
    }
    components.bar_chart(
        "rollout_deletion",
        [(name, 100 * float(np.mean(value))) for name, value in named.items()],
        f"probability of {label} in %",
        "{}: {:.1f} %",
        (f"Probability of {label}. ", "."),
        title="The probability that is left",
        height=HEIGHT,
    )


def two_classes(now: Context) -> None:
    """One rollout beside the relevance maps for two classes."""
    asked = found.classes(now)
    if asked is None or not now.axis.prefix:
        st.info(
            f"This needs a model with a class token and at least two classes, and {now.model} has none; scene-vit, on a drawn "
            "scene, has twelve. The Playground asks models without classes about a similarity instead."
        )
        return
    label = "Compute gradients (runs this model forwards and backwards, twice)"
    if now.model != resources.BUNDLED_MODEL and not widgets.toggle(label, "gradients"):
        return
    figure, menus = st.container(), st.columns(2)
    with menus[0]:
        first = controls.target(now, "target", "First class", asked[0])
    with menus[1]:
        second = controls.target(now, "other", "Second class", asked[1])
    with st.spinner("Computing gradients ..."):
        maps = {f"relevance for {name}": resources.answer(now, "relevance", name) for name in (first, second)}
    maps = {"rollout, for any class": rolled(now, {}), **maps}
    drawn = comparison.side_by_side(
        now.picture.image,
        list(maps.values()),
        list(maps),
        scale="per map",
        narrow=controls.on_phone(),
        height=None if controls.on_phone() else 330,
    )
    with figure:
        said = "\n".join(describe(one.values, name=name, unit=one.unit) for name, one in maps.items())
        components.panel(drawn, "rollout_classes", said)
        _mass_table(now, maps)


def _mass_table(now: Context, maps: Mapping[str, Map]) -> None:
    rows = {name: found.masses(now, one.values) for name, one in maps.items()}
    known = next(iter(rows.values()))
    if not known:
        st.caption("Where the objects of a photograph are is not known exactly, so there is no score.")
        return
    shapes = {f"on the {shape}": [f"{one[shape]:.1%}" for one in rows.values()] for shape in known}
    components.table({"share of the map's patch weight": list(rows), **shapes})


def sinks(now: Context, knobs: Mapping[str, Any]) -> tuple[Any, str, str]:
    """The rollout with and without its sinks at display, each on its own scale."""
    whole, without = rolled(now, knobs), rolled(now, knobs, "hide")
    row = whole.row[now.axis.prefix :]
    first, second = np.sort(row)[::-1][:2] / row.sum()
    maps, names = [whole.values, without.values], ("rollout", "without its sinks")
    figure = components.two_maps(now, maps, names, height=HEIGHT)
    said = (
        f"The strongest patch holds {first:.1%} of the rollout's patch weight, the second {second:.1%}; an even share would be "
        f"{1 / len(row):.1%}."
    )
    told = without.words.rsplit("; ", 2)[-2] if "left out" in without.words else "No sink was found here to leave out"
    return figure, said, f"{said} {told[0].upper()}{told[1:]}."


def below(now: Context) -> None:
    """What can be checked, the code and the files of the rollout."""
    knobs, scale = _knobs(now), _scale()
    whole = rolled(now, knobs)
    trust.card(now, whole.values, whole.row, whole.words, ("rollout", "", knobs))
    look = snippets.FADED | snippets.scaled(scale, [now.patch_map(), whole.values])
    commands = [snippets.command(now, **look), snippets.command(now, "rollout", knobs=knobs, **look)]
    components.code(now, snippets.map_code(now, "rollout", whole) + DRAW, commands, snippets.note(scale))
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Rollout (PNG)": ("rollout.png", partial(_png, knobs=knobs)),
        "Rollout (CSV)": ("rollout.csv", lambda now: components.csv(rolled(now, knobs).values)),
    }
    components.downloads("rollout", files, now=now)


def _png(now: Context, knobs: Mapping[str, Any]) -> bytes:
    whole = rolled(now, knobs)
    return components.png(now, whole.values, whole.words, settings=now.model)


def _scale(place: Any = None) -> str:
    mode = widgets.choice("Scale of the two maps", SCALES, "rollout_scale", place=place)
    if place:
        place.caption(f"{mode}: {MODES[mode]}.")
    return mode


PAGE = lesson.Page(
    "rollout",
    {
        "compare": View(
            components.shown("rollout_compare", compare, _knobs, lambda now: _scale()),
            ("layer", "head"),
            lambda _now: _scale(st),
            _under,
        ),
        "so far": View(depth_map, ("layer", "query"), under=_under),
        "depth": View(components.shown("rollout_entropy", depth, _knobs), ("head", "query"), under=_under),
        "classes": View(two_classes, ("query",)),
        "deletion": View(deletion_test, ()),
        "sinks": View(components.shown("rollout_sinks", sinks, _knobs), ("query",)),
    },
    below,
)
