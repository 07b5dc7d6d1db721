"""The parts of page "Rollout": the comparison with its knobs, the film, the curves, two classes, the deletion test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.rollout import (
    GRADIENT,
    PLAIN,
    RANDOM,
    RELEVANCE,
    SATURATED,
    classes,
    costs,
    masses,
    saturation,
    so_far,
)
from ui import commands, components, controls, resources, snippets, trust
from visualizer import entropy
from visualizer.export import files as export
from visualizer.figures.animation import layer_animation
from visualizer.figures.comparison import before_after
from visualizer.figures.overlay import overlay
from visualizer.figures.summary import bars, curves
from visualizer.measures import deletion
from visualizer.method import Map, methods
from visualizer.method.base import SHARE
from visualizer.style.scale import MODES
from visualizer.words.maps import describe

SCALES = ("shared", "log", "per map", "clipped")


@st.fragment
def live(now: Context) -> None:
    """Knobs, direct attention against rollout, what can be checked, the film through the layers and the curves."""
    knobs = controls.knobs(now, methods()["rollout"].knobs, columns=4)
    mode = st.segmented_control(
        "Scale of the maps", SCALES, default="shared", key="rollout_scale", required=True, **controls.KEEP
    )
    scale = controls.one_of(mode, SCALES)
    residual = knobs["residual"]
    alpha = residual / (1 - residual)
    st.caption(f"Residual share {residual:g} is α = {alpha:.3g}. Scale {scale}: {MODES[scale]}.")
    drawn = now.answer("rollout", knobs=knobs)
    _compare(now, drawn, scale)
    trust.card(now, drawn.values, drawn.row, drawn.words)
    st.header("Layer by layer", anchor=False)
    left, right = st.columns(2)
    with left:
        film(now, knobs, scale)
    with right:
        depth(now, knobs)
    components.code(
        now,
        snippets.map_code(now, "rollout", drawn) + DRAW,
        commands.side_by_side(now, drawn, knobs, scale),
        commands.note(scale),
    )
    _downloads(now, drawn)


DRAW = """
from visualizer.figures.comparison import before_after

axis = record.maps[0].query
direct = weights.mean(axis=0)[query] if head is None else weights[head, query]
direct = direct[axis.prefix :].reshape(axis.grid)
before_after(record.image, direct, values, ("direct", "rollout"), record.geometry).show()
"""


def _compare(now: Context, drawn: Map, mode: str) -> None:
    direct, names = now.patch_map(), (f"layer {now.chosen.layer + 1} alone", "rollout")
    query = controls.query_patches(now)
    fig = before_after(
        now.picture.image, direct, drawn.values, names, now.record.geometry, scale=mode, query=query,
        narrow=controls.on_phone(),
    )  # fmt: skip
    said = "\n\n".join((
        describe(direct, name=f"Layer {now.chosen.layer + 1}, {now.head_name()}"),
        describe(drawn.values, name="Rollout"),
    ))  # fmt: skip
    components.chart(fig, "rollout_compare", said)
    special = float(np.sum(drawn.row[: now.axis.prefix]))
    st.caption(
        f"Left: {now.head_name()}, asked by {now.query_name()}. Right: {drawn.words}. {special:.1%} of the rollout "
        "lies on special tokens, which no patch can show."
    )
    components.in_words(said)


def film(now: Context, knobs: Mapping[str, Any], scale: str) -> None:
    """The rollout after each layer, played in the browser; `scale` is one of `SCALES`."""
    found = so_far(now, knobs)
    maps = [one.values for one in found]
    fig = layer_animation(
        now.picture.image, maps, now.record.geometry, start=len(maps) - 1, title="Rollout so far", scale=scale,
        names=[f"up to layer {one.layer + 1}" for one in found], query=controls.query_patches(now),
    )  # fmt: skip
    last = describe(maps[-1], name=f"Rollout up to layer {len(now.record.maps)}")
    components.chart(fig, "rollout_film", f"A film of the rollout up to each layer. Last frame: {last}")


def depth(now: Context, knobs: Mapping[str, Any]) -> None:
    """Entropy of the rollout and of every layer alone."""
    bits, alone, most = saturation(now, knobs), entropy(now.chosen_rows()), float(np.log2(len(now.axis)))
    padded = np.full(len(alone), np.nan)
    padded[len(alone) - len(bits) :] = bits
    fig = curves(
        {"rollout so far": padded, f"each layer alone, {now.head_name()}": alone},
        "entropy in bits", limits=(0, most * 1.06), title="How spread out?", height=430,
        reference={f"largest possible: {most:.2f}": most, f"90 % of it: {SATURATED * most:.2f}": SATURATED * most},
    )  # fmt: skip
    after = "; ".join(f"layer {len(alone) - len(bits) + n + 1}: {one:.2f}" for n, one in enumerate(bits))
    said = f"Entropy of the rollout in bits after {after}. The largest possible is {most:.2f}."
    components.chart(fig, "rollout_entropy", said)
    components.in_words(said)


def _downloads(now: Context, drawn: Map) -> None:
    def picture() -> bytes:
        return export.overlay_png(now.picture.image, drawn.values, now.record.geometry, drawn.words, settings=now.model)

    files = {
        "Rollout (PNG)": ("rollout.png", picture),
        "Rollout (CSV)": ("rollout.csv", lambda: export.to_csv(drawn.values).encode()),
    }
    components.downloads("rollout", files)


def deletion_test(now: Context) -> None:
    """The outcome of the prediction: what is left of the likeliest class after each deletion."""
    found = costs(now)
    if found is None:
        return
    number, label = deletion.count(now.grid), now.record.prediction.top(1)[0][0]
    names = [
        "nothing greyed out",
        f"{number}, plain rollout",
        f"{number}, relevance",
        f"{number}, gradient rollout",
        f"{number}, random (mean)",
    ]
    left = [float(np.mean(found[name])) for name in ("before", PLAIN, RELEVANCE, GRADIENT, RANDOM)]
    said = "; ".join(f"{name}: {one:.1%}" for name, one in zip(names, left, strict=True))
    fig = bars(names, left, f"probability of {label}", title="What the model still believes")
    components.chart(fig, "rollout_deletion", f"Probability of {label}. {said}.")


@st.fragment
def two_classes(now: Context) -> None:
    """One rollout beside the relevance maps for two classes."""
    st.header("Ask about a class", anchor=False)
    asked = classes(now)
    if asked is None or not now.axis.prefix:
        st.caption("This needs a model with a class token and at least two classes.")
        return
    if now.model != resources.BUNDLED_MODEL and not st.toggle(
        "Compute gradients (runs this model forwards and backwards, twice)", key="gradients", **controls.KEEP
    ):
        return
    left, right = st.columns(2)
    with left:
        first = controls.target(now, "target", "First class", asked[0])
    with right:
        second = controls.target(now, "other", "Second class", asked[1])
    with st.spinner("Differentiating ..."):
        maps = [now.answer("relevance", name).values for name in (first, second)]
    outline, plain = controls.truth(now), now.answer("rollout").values
    with left:
        _class_map(now, "rollout_class_1", f"Relevance for {first}", maps[0], maps, outline)
        _class_map(now, "rollout_class_0", "Rollout: knows no class", plain, None, outline)
    with right:
        _class_map(now, "rollout_class_2", f"Relevance for {second}", maps[1], maps, outline)
        _mass_table(now, plain, dict(zip((first, second), maps, strict=True)))
        st.caption(
            "The two relevance maps (Chefer et al. 2021) share one scale; the rollout has its own, because its unit is "
            "another. Default knobs. In the relevance maps the class token asks, whoever asks elsewhere."
        )


def _class_map(now: Context, key: str, title: str, values: NDArray[Any], together: Any, outline: Any) -> None:
    """One map on its own scale, or on the one that `together` shares."""
    unit, scale = (SHARE, "raw") if together is None else ("relevance", "shared")
    query = controls.query_patches(now) if together is None else ()
    fig = overlay(
        now.picture.image, values, now.record.geometry, unit=unit, scale=scale, together=together, query=query,
        truth=outline, title=title, height=430,
    )  # fmt: skip
    components.chart(fig, key, describe(values, name=title, unit=unit))


def _mass_table(now: Context, plain: NDArray[Any], by_class: dict[str, NDArray[Any]]) -> None:
    rows = {"rollout": masses(now, plain)}
    rows |= {f"relevance for {name}": masses(now, one) for name, one in by_class.items()}
    if not rows["rollout"]:
        st.caption("Where the objects of a photograph are is not known exactly, so there is no score.")
        return
    table: dict[str, list[str]] = {"share of the map's patch weight": list(rows)}
    for shape in rows["rollout"]:
        table[f"on the {shape}"] = [f"{one[shape]:.1%}" for one in rows.values()]
    components.table(table)
