"""Page "Rollout": the comparison with its knobs, the film, the curves, two classes, the deletion test."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings import rollout as found
from ui.parts import components, controls, lesson, snippets, trust
from ui.store import resources
from visualizer import entropy
from visualizer.figures import animation, comparison
from visualizer.figures.summary import curves
from visualizer.measures import deletion
from visualizer.method import methods
from visualizer.style.scale import MODES
from visualizer.words.maps import describe

SCALES = ("shared", "log", "per map", "clipped")

DRAW = """
from visualizer.figures.comparison import before_after

axis = record.maps[0].query
direct = weights.mean(axis=0)[query] if head is None else weights[head, query]
direct = direct[axis.prefix :].reshape(axis.grid)
before_after(record.image, direct, values, ("direct", "rollout"), record.geometry).show()
"""


def draw() -> None:
    """The whole page."""
    text, now = lesson.head("rollout"), components.context()
    lesson.action(text)
    live(now)
    if lesson.predict(text, now):
        deletion_test(now)
    two_classes(now)
    st.caption(
        "Maximum flow instead of products: `visualizer.attention_flow`, for small grids; see Attention flow below."
    )
    lesson.check(text, now)
    lesson.rest(text, now)


@st.fragment
def live(now: Context) -> None:
    """Knobs, direct attention against rollout, what can be checked, the film through the layers and the curves."""
    knobs = controls.knobs(now, methods()["rollout"].knobs, columns=4)
    scale = controls.choice("Scale of the maps", SCALES, "rollout_scale")
    residual = knobs["residual"]
    st.caption(f"Residual share {residual:g} is α = {residual / (1 - residual):.3g}. Scale {scale}: {MODES[scale]}.")
    direct, rolled = now.patch_map(), now.answer("rollout", knobs=knobs)
    said = (
        describe(direct, name=f"Layer {now.chosen.layer + 1}, {now.head_name()}"),
        describe(rolled.values, name="Rollout"),
    )
    special = float(np.sum(rolled.row[: now.axis.prefix]))
    components.panel(
        comparison.before_after(
            now.picture.image,
            direct,
            rolled.values,
            (f"layer {now.chosen.layer + 1} alone", "rollout"),
            now.record.geometry,
            scale=scale,
            query=controls.query_patches(now),
            narrow=controls.on_phone(),
        ),
        "rollout_compare",
        "\n\n".join(said),
        caption=f"Left: {now.head_name()}, asked by {now.query_name()}. Right: {rolled.words}. {special:.1%} of the rollout "
        "lies on special tokens, which no patch can show.",
    )
    trust.card(now, rolled.values, rolled.row, rolled.words, ("rollout", "", knobs))
    st.header("Layer by layer", anchor=False)
    left, right = st.columns(2)
    with left:
        film(now, knobs, scale)
    with right:
        depth(now, knobs)
    look = snippets.scaled(scale, [direct, rolled.values])
    components.code(
        now,
        snippets.map_code(now, "rollout", rolled) + DRAW,
        [snippets.command(now, **look), snippets.command(now, "rollout", knobs=knobs, **look)],
        snippets.note(scale),
    )
    components.downloads(
        "rollout",
        {
            "Rollout (PNG)": (
                "rollout.png",
                lambda: components.png(now, rolled.values, rolled.words, settings=now.model),
            ),
            "Rollout (CSV)": ("rollout.csv", lambda: components.csv(rolled.values)),
        },
    )


def film(now: Context, knobs: Mapping[str, Any], scale: str) -> None:
    """The rollout after each layer, played in the browser; `scale` is one of `SCALES`."""
    maps = found.so_far(now, knobs)
    last = describe(maps[-1].values, name=f"Rollout up to layer {len(now.record.maps)}")
    components.chart(
        animation.layer_animation(
            now.picture.image,
            [one.values for one in maps],
            now.record.geometry,
            start=len(maps) - 1,
            title="Rollout so far",
            scale=scale,
            names=[f"up to layer {one.layer + 1}" for one in maps],
            query=controls.query_patches(now),
        ),
        "rollout_film",
        f"A film of the rollout up to each layer. Last frame: {last}",
    )


def depth(now: Context, knobs: Mapping[str, Any]) -> None:
    """Entropy of the rollout and of every layer alone."""
    bits, alone, most = found.saturation(now, knobs), entropy(now.chosen_rows()), float(np.log2(len(now.axis)))
    first, bar = len(alone) - len(bits), found.SATURATED * most
    after = "; ".join(f"layer {first + n}: {one:.2f}" for n, one in enumerate(bits, start=1))
    components.panel(
        curves(
            {"rollout so far": [np.nan] * first + list(bits), f"each layer alone, {now.head_name()}": alone},
            "entropy in bits",
            limits=(0, most * 1.06),
            title="How spread out?",
            height=430,
            reference={f"largest possible: {most:.2f}": most, f"90 % of it: {bar:.2f}": bar},
        ),
        "rollout_entropy",
        f"Entropy of the rollout in bits after {after}. The largest possible is {most:.2f}.",
    )


def deletion_test(now: Context) -> None:
    """The outcome of the prediction: what is left of the likeliest class after each deletion."""
    costs = found.costs(now)
    if costs is None:
        return
    number, label = deletion.count(now.grid), now.record.prediction.top(1)[0][0]
    names = {
        "before": "nothing greyed out",
        found.PLAIN: f"{number}, plain rollout",
        found.RELEVANCE: f"{number}, relevance",
        found.GRADIENT: f"{number}, gradient rollout",
        found.RANDOM: f"{number}, random (mean)",
    }
    components.bar_chart(
        "rollout_deletion",
        [(name, float(np.mean(costs[key]))) for key, name in names.items()],
        f"probability of {label}",
        ends=(f"Probability of {label}. ", "."),
        title="What the model still believes",
    )


@st.fragment
def two_classes(now: Context) -> None:
    """One rollout beside the relevance maps for two classes."""
    st.header("Ask about a class", anchor=False)
    asked = found.classes(now)
    if asked is None or not now.axis.prefix:
        st.caption(
            f"This needs a model with a class token and at least two classes, and {now.model} has none; scene-vit, on a drawn "
            "scene, does. The Playground asks such models about a similarity instead."
        )
        return
    label = "Compute gradients (runs this model forwards and backwards, twice)"
    if now.model != resources.BUNDLED_MODEL and not st.toggle(label, key="gradients", **controls.KEEP):
        return
    left, right = st.columns(2)
    with left:
        first = controls.target(now, "target", "First class", asked[0])
    with right:
        second = controls.target(now, "other", "Second class", asked[1])
    with st.spinner("Differentiating ..."):
        maps = [now.answer("relevance", name).values for name in (first, second)]
    outline, plain = controls.truth(now), now.answer("rollout").values
    alone = {"truth": outline, "height": 430}
    shared = {**alone, "unit": "relevance", "scale": "shared", "together": maps, "query": ()}
    with left:
        components.picture_map(now, "rollout_class_1", maps[0], f"Relevance for {first}", **shared)
        components.picture_map(now, "rollout_class_0", plain, "Rollout: knows no class", **alone)
    with right:
        components.picture_map(now, "rollout_class_2", maps[1], f"Relevance for {second}", **shared)
        _mass_table(now, {"rollout": plain, f"relevance for {first}": maps[0], f"relevance for {second}": maps[1]})
        st.caption(
            "The two relevance maps (Chefer et al. 2021) share one scale; the rollout has its own, because its unit is "
            "another. Default knobs. In the relevance maps the class token asks, whoever asks elsewhere."
        )


def _mass_table(now: Context, maps: Mapping[str, Any]) -> None:
    rows = {name: found.masses(now, one) for name, one in maps.items()}
    if not rows["rollout"]:
        st.caption("Where the objects of a photograph are is not known exactly, so there is no score.")
        return
    shapes = {f"on the {shape}": [f"{one[shape]:.1%}" for one in rows.values()] for shape in rows["rollout"]}
    components.table({"share of the map's patch weight": list(rows), **shapes})
