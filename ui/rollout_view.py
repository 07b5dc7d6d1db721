"""The parts of page "Rollout": the live comparison with its knobs, the film, the curves, two classes, the deletion test."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ui import components, controls, deletion, resources, trust
from ui.experiments import Context
from ui.experiments.rollout import GRADIENT, PLAIN, RANDOM, SATURATED, classes, costs, masses, saturation
from ui.experiments.rows import chosen_rows
from ui.methods import METHODS, RELEVANCE, Drawn, Knobs, relevance_row, rollout_row
from visualizer import entropy, export
from visualizer.animation import layer_animation
from visualizer.comparison import before_after
from visualizer.overlay import overlay
from visualizer.scale import MODES
from visualizer.summary_figure import bars, curves
from visualizer.words import describe

SCALES = ("shared", "log", "per map", "clipped")


@st.fragment
def live(now: Context) -> None:
    """Knobs, direct attention against rollout, what can be checked, the film through the layers and the curves."""
    knobs = controls.knobs(now, ("fusion", "residual", "discard", "start"), columns=4)
    mode = st.segmented_control(
        "Scale of both maps", SCALES, default="shared", key="rollout_scale", required=True, **controls.KEEP
    )
    scale = controls.one_of(mode, SCALES)
    st.caption(f"Residual share {knobs.residual:g} is α = {knobs.residual / (1 - knobs.residual):.3g}. Scale {scale}: {MODES[scale]}.")
    drawn = METHODS["rollout"].function(now, knobs)
    _compare(now, drawn, scale)
    trust.card(now, drawn.values, drawn.row, drawn.words)
    st.header("Layer by layer", anchor=False)
    left, right = st.columns(2)
    with left:
        film(now, knobs)
    with right:
        depth(now, knobs)
    components.code(now, drawn.code + "values = row[record.maps[0].query.prefix :].reshape(record.maps[0].query.grid)\n" + DRAW)
    _downloads(now, drawn)


DRAW = """
from visualizer.comparison import before_after

direct = weights.mean(axis=0)[query] if head is None else weights[head, query]
direct = direct[record.maps[0].query.prefix :].reshape(values.shape)
before_after(record.image, direct, values, ("direct", "rollout"), record.geometry).show()
"""


def _compare(now: Context, drawn: Drawn, mode: str) -> None:
    direct, names = now.patch_map(), (f"layer {now.chosen.layer + 1} alone", "rollout")
    fig = before_after(
        now.picture.image, direct, drawn.values, names, now.record.geometry, scale=mode, query=controls.query_patches(now)
    )
    said = f"{describe(direct, name=f'Layer {now.chosen.layer + 1}, {now.head_name()}')}\n\n{describe(drawn.values, name='Rollout')}"
    components.chart(fig, "rollout_compare", said)
    special = float(np.sum(drawn.row[: now.axis.prefix])) if drawn.row is not None else 0.0
    st.caption(
        f"Left: {now.head_name()}, asked by {now.query_name()}. Right: {drawn.words}. {special:.1%} of the rollout lies on special "
        f"tokens, which no patch can show."
    )
    components.in_words(said)


def film(now: Context, knobs: Knobs) -> None:
    """The rollout after each layer, played in the browser."""
    numbers = range(knobs.start, len(now.record.maps))
    maps = [now.patch_map(rollout_row(now, knobs, until=layer)) for layer in numbers]  # type: ignore[arg-type]
    fig = layer_animation(
        now.picture.image, maps, now.record.geometry, start=len(maps) - 1, names=[f"up to layer {n + 1}" for n in numbers],
        query=controls.query_patches(now), title="Rollout so far",
    )  # fmt: skip
    last = describe(maps[-1], name=f"Rollout up to layer {len(now.record.maps)}")
    components.chart(fig, "rollout_film", f"A film of the rollout up to each layer. Last frame: {last}")


def depth(now: Context, knobs: Knobs) -> None:
    """Entropy of the rollout and of every layer alone."""
    bits, alone, most = saturation(now, knobs), entropy(chosen_rows(now)), float(np.log2(len(now.axis)))
    padded = np.full(len(alone), np.nan)
    padded[len(alone) - len(bits) :] = bits
    fig = curves(
        {"rollout so far": padded, f"each layer alone, {now.head_name()}": alone}, "entropy in bits", limits=(0, most * 1.06),
        reference={f"largest possible: {most:.2f}": most, f"90 % of it: {SATURATED * most:.2f}": SATURATED * most},
        title="How spread out?", height=430,
    )  # fmt: skip
    said = "; ".join(f"layer {len(alone) - len(bits) + n + 1}: {one:.2f}" for n, one in enumerate(bits))
    components.chart(fig, "rollout_entropy", f"Entropy of the rollout in bits after {said}. The largest possible is {most:.2f}.")
    components.in_words(f"Entropy of the rollout in bits after {said}.")


def _downloads(now: Context, drawn: Drawn) -> None:
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
    number, label = deletion.count(now), now.record.prediction.top(1)[0][0]
    names = ["nothing greyed out", f"{number} of the plain rollout", f"{number} of the gradient-weighted", f"{number} random (mean)"]
    left = [float(np.mean(found[name])) for name in ("before", PLAIN, GRADIENT, RANDOM)]
    said = "; ".join(f"{name}: {one:.1%}" for name, one in zip(names, left, strict=True))
    fig = bars(names, left, f"probability of {label}", title="What the model still believes")
    components.chart(fig, "rollout_deletion", f"Probability of {label}. {said}.")


@st.fragment
def two_classes(now: Context) -> None:
    """One rollout beside the gradient-weighted maps for two classes."""
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
        rows = [relevance_row(now, name) for name in (first, second)]
    plain, maps = now.patch_map(rollout_row(now, Knobs())), [now.patch_map(row) for row in rows]  # type: ignore[arg-type]
    outline, columns = controls.truth(now), st.columns(3)
    for place, (name, values) in enumerate(zip(("", first, second), [plain, *maps], strict=True)):
        with columns[place]:
            title = f"Gradient-weighted: {name}" if name else "Rollout: knows no class"
            how = {"unit": RELEVANCE, "scale": "shared", "together": maps} if name else {}
            fig = overlay(now.picture.image, values, now.record.geometry, truth=outline, title=title, height=420, **how)  # type: ignore[arg-type]
            components.chart(fig, f"rollout_class_{place}", describe(values, name=title))
    _mass_table(now, plain, dict(zip((first, second), maps, strict=False)))
    st.caption(
        "The two gradient-weighted maps share one scale; the rollout has its own, because its unit is another. "
        "Default knobs; the class token asks in the gradient-weighted maps, whoever asks elsewhere."
    )


def _mass_table(now: Context, plain: np.ndarray, by_class: dict[str, np.ndarray]) -> None:
    rows = {"rollout": masses(now, plain), **{f"gradient-weighted: {name}": masses(now, one) for name, one in by_class.items()}}
    if not rows["rollout"]:
        st.caption("Where the objects of a photograph are is not known exactly, so there is no score.")
        return
    table: dict[str, list[str]] = {"share of the map's patch weight": list(rows)}
    for shape in rows["rollout"]:
        table[f"on the {shape}"] = [f"{one[shape]:.1%}" for one in rows.values()]
    st.dataframe(table, hide_index=True, width="stretch")
