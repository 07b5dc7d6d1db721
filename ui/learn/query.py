"""Page "One query": what is read, the arithmetic of a row, the whole matrix, and what is taken over in the end."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.query import head_vectors, live_steps, scale_softens
from tutorials.findings.values import beside, heaviest_is_longest, live_values, value_parts
from ui.learn import toy
from ui.parts import components, controls, lesson, parts, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer import entropy
from visualizer.figures import charts, overlay
from visualizer.figures.marked_matrix import marked_matrix
from visualizer.figures.value_bars import weight_and_norm
from visualizer.words import maps as words

HEIGHT = 380
"""Pixels of a figure that stands beside a step."""
TOP = 8
ONE = "one head"
NEEDS = ("layer", "head", "query", ONE)
STRETCH, BOX = "stretch", "query_box"
"""Keys of the controls of single figures."""

CODE = """from visualizer.measures.arithmetic import row_steps
from visualizer.measures.value_steps import value_steps
from vit_attention.models.output_projection import output_projection

queries, keys = model.queries_and_keys(picture, layer)
steps = row_steps(queries[head][query], keys[head])
print(steps.products, steps.scaled, steps.powers, steps.total, steps.weights)
print(abs(steps.weights - weights[head, query]).max())  # rounding

values = model.attend(picture, keep={"values"}, layers=[layer]).signals["values"][0]
taken = value_steps(weights[:, query], values, *output_projection(model, layer))
print(taken.norms[head], taken.output)
"""


def map_name(now: Context) -> str:
    """The map in words, for text alternatives and exports."""
    return f"What {now.query_name()} reads in layer {now.chosen.layer + 1}, {now.head_name()}"


def row_map(now: Context) -> None:
    """The row of the query laid on the picture; a click lets another patch ask."""
    components.picture_map(
        now,
        "query_picture",
        now.patch_map(),
        f"Layer {now.chosen.layer + 1}, {now.head_name()}",
        name=map_name(now),
        clickable=True,
        truth=controls.truth_shown(now),
        box=bool(st.session_state.get(BOX)),
        height=HEIGHT,
    )
    special = float(now.row()[: now.axis.prefix].sum())
    st.caption(
        f"{now.query_name().capitalize()} asks. {special:.1%} of its row is on special tokens, which have no patch."
    )


def bare(now: Context) -> None:
    """The picture to ask from, without the row that is to be guessed."""
    query, truth = controls.query_patches(now), controls.truth_shown(now)
    look: dict[str, Any] = {"query": query, "truth": truth, "box": bool(st.session_state.get(BOX)), "height": HEIGHT}
    components.chart(
        overlay.bare(now.picture.image, now.grid, now.record.geometry, **look),
        "query_bare",
        f"The picture under {now.grid[0]} by {now.grid[1]} patches; {now.query_name()} asks.",
        components.pick_patches(now.grid[1]),
    )


def lists(now: Context) -> None:
    """The query of the asking token beside its own key and the key of largest weight."""
    components.kept(now, "query_lists", _lists)
    st.caption(f"Layer {now.chosen.layer + 1}, {now.head_name()}. q·k: multiply bar by bar, then add up.")
    _together(now)


def _lists(now: Context) -> tuple[Any, str]:
    steps, (queries, keys) = live_steps(now), head_vectors(now)
    best, asks, width = int(steps.strongest(1)[0]), now.chosen.query, queries.shape[-1]
    usual = int(np.argsort(steps.scaled, kind="stable")[len(steps.scaled) // 2])
    other = asks if best != asks else usual
    named = {
        f"q of the {now.axis.name(asks)}": queries[asks],
        f"k of the {now.axis.name(best)}: q·k = {steps.products[best]:.2f}, the largest": keys[best],
        f"k of the {now.axis.name(other)}{' itself' * (other == asks)}: q·k = {steps.products[other]:.2f}": keys[other],
    }
    said = f"Bars of the {width} numbers of q and of two keys: {'; '.join(named)}."
    return charts.lists(named, height=HEIGHT), said


def _together(now: Context) -> None:
    if now.chosen.patches:
        st.info(
            "Several patches ask together: the map is the mean of their rows. This is the arithmetic of the first one."
        )


def table(now: Context) -> None:
    """The keys of largest weight with every step, and how far the recomputed row is from the record's."""
    steps = live_steps(now)
    rows, width = steps.strongest(TOP), round(float(1 / steps.factor**2))
    components.table(
        {
            "key": [now.axis.name(int(t)).removeprefix("patch in ") for t in rows],  # a phone is narrow
            "q·k": [f"{steps.products[t]:.3f}" for t in rows],
            f"s = q·k / √{width}": [f"{steps.scaled[t]:.3f}" for t in rows],
            "e^(s − max)": [f"{steps.powers[t]:.4f}" for t in rows],
            "weight": [f"{steps.weights[t]:.2%}" for t in rows],
        }
    )
    components.say_wide()
    kept = now.record.maps[now.chosen.layer].weights[now.chosen.head or 0, now.chosen.query]
    gap = float(np.abs(kept.astype(np.float64) - steps.weights).max())
    rounding = float(steps.weights.max()) * 2.0**-11 if kept.dtype == np.float16 else 1e-6
    st.caption(
        f"The {len(rows)} keys of largest weight of {len(kept)}; the sum of all powers is {steps.total:.4f}. Proof: this arithmetic "
        f"and the weights that the model itself used differ by at most {gap:.1e}. The record keeps numbers of "
        f"{8 * kept.dtype.itemsize} bits, whose rounding alone allows {rounding:.1e}."
    )
    _together(now)


def what_if(now: Context) -> None:
    """The same row under another scale, labelled as no model's doing."""
    stretch = toy.stretch(STRETCH)
    weights = live_steps(now, stretch).weights
    label = "This is the model's own scale." if stretch == 1 else "**This is not what the model does.**"
    title = f"{now.head_name().capitalize()}, scale {stretch:g}/√d" + " (not the model)" * (stretch != 1)
    alone = (now.chosen.query - now.axis.prefix,) if now.chosen.query >= now.axis.prefix else ()
    components.picture_map(now, "query_what_if", now.patch_map(weights), title, query=alone, height=HEIGHT)
    st.markdown(
        f"{label} Largest weight {weights.max():.1%}, entropy {float(entropy(weights)):.2f} bits of "
        f"{np.log2(len(weights)):.2f}, on special tokens {weights[: now.axis.prefix].sum():.1%}."
    )
    st.caption(resources.once(("softens", now.view), lambda: scale_softens(now).text))


def matrix(now: Context) -> tuple[Any, str]:
    """The whole matrix of the head, the row of the query framed."""
    title = f"All rows of layer {now.chosen.layer + 1}, {now.head_name()}"
    figure = marked_matrix(now.weights(), now.axis, now.chosen.query, scale="log", title=title, height=HEIGHT + 40)
    said = f"{title}: {len(now.axis)} by {len(now.axis)} weights; the row of {now.query_name()} is framed."
    return figure, said


def values(now: Context) -> None:
    """The keys by weight and by what is taken over from them."""
    components.kept(now, "query_values", _values)
    st.caption(resources.once(("heaviest", now.view), lambda: heaviest_is_longest(now).text))


def _values(now: Context) -> tuple[Any, str]:
    weights, norms = beside(now)
    names = [now.axis.name(token) for token in range(len(weights))]
    title = f"Layer {now.chosen.layer + 1}, {now.head_name()}"
    figure = weight_and_norm(names, weights, norms, most=TOP, chosen=now.chosen.query, height=HEIGHT)
    listed = "; ".join(f"{names[n]} {weights[n]:.1%} and {norms[n]:.1%}" for n in np.argsort(-weights)[:TOP])
    return figure, f"{title}. Share of the weights and of the lengths: {listed}."


def output(now: Context) -> None:
    """How much each head adds to the asking token, and all of them together."""
    lengths = resources.once(("added", now.view), lambda: [float(one) for one in added_lengths(now)])
    heads, width = len(lengths) - 1, now.run(value_parts, now.model, now.picture, now.chosen.layer).projection.shape
    title = f"What the heads of layer {now.chosen.layer + 1} add"
    components.bar_chart(
        "query_output",
        zip([*(f"head {h + 1}" for h in range(heads)), "all, with bias"], lengths, strict=True),
        "length of what is added",
        "{} {:.2f}",
        (f"{title}: ", "."),
        chosen=now.chosen.head,
        title=title,
        height=HEIGHT,
    )
    st.caption(
        f"{heads} heads of {width[1] // heads} numbers, joined: {width[1]}; times the output projection: {width[0]} numbers, which "
        f"are added to {now.query_name()}. Lengths do not add up, since the lists point in different directions."
    )


def added_lengths(now: Context) -> NDArray[np.float64]:
    """(heads + 1,) length of what each head adds to the asking token through its part of the output projection, and of all."""
    steps, parts = live_values(now), now.run(value_parts, now.model, now.picture, now.chosen.layer)
    matrices = parts.projection.reshape(len(parts.projection), *steps.sums.shape)
    alone = np.einsum("ohw,hw->ho", matrices, steps.sums)
    return np.linalg.norm([*alone, steps.output], axis=1)


def _scale(_now: Context) -> None:
    tip = "1 is what the model does. Every other value is a thought experiment on this one row."
    widgets.steps("Multiply 1/√d by", toy.STRETCHES, STRETCH, "1", help=tip)


def _map_look(now: Context) -> None:
    how = "Off: click one patch. On: drag; their rows are averaged."
    widgets.toggle("Drag a box over several patches", BOX, help=how)
    controls.truth(now)


def below(now: Context) -> None:
    """What can be checked about the row, and the code, commands and files that make it."""
    components.in_words(words.describe(now.patch_map(), name=map_name(now)))
    trust.card(now, now.patch_map(), now.row(), f"the row of {now.query_name()}")
    truth = controls.truth_shown(now)
    components.code(now, CODE, [snippets.command(now, truth=truth is not None, **snippets.FADED)])
    files: dict[str, tuple[str, Callable[..., bytes]]] = {
        "Map (PNG)": (
            "query.png",
            lambda now: components.png(now, now.patch_map(), map_name(now), query=controls.query_patches(now)),
        ),
        "Map (CSV)": ("query.csv", lambda now: components.csv(now.patch_map())),
        "Every step (CSV)": ("query-steps.csv", steps_csv),
    }
    components.downloads("query", files, now=now)


def steps_csv(now: Context) -> bytes:
    """Every step of the row as a table, one line per key, numbers in full."""
    steps, taken = live_steps(now), live_values(now)
    names = [now.axis.name(token) for token in range(len(steps.weights))]
    lengths = taken.norms[now.chosen.head or 0]
    numbers = (one.tolist() for one in (steps.products, steps.scaled, steps.powers, steps.weights, lengths))
    heads = ("key", "product", "scaled", "power", "weight", "length_of_weight_times_value")
    return parts.csv_text([heads, *zip(names, *numbers, strict=True)]).encode()


PAGE = lesson.Page(
    "query",
    {
        "map": View(row_map, NEEDS, _map_look),
        "bare": View(bare, NEEDS, _map_look),
        "lists": View(lists, NEEDS),
        "table": View(table, NEEDS),
        "toy": View(toy.draw, (ONE,), under=toy.controls),
        "scale": View(what_if, ("head", ONE), under=_scale),
        "matrix": View(components.shown("query_matrix", matrix), NEEDS),
        "values": View(values, NEEDS),
        "output": View(output, NEEDS),
    },
    below,
)
