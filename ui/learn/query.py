"""Page "One query": the picture that is asked, the arithmetic, the what-if slider, the toy."""

import csv
import io
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context, toy
from tutorials.findings.query import arithmetic_head, head_vectors, live_steps
from tutorials.lessons import Lesson
from ui.frame import state
from ui.parts import components, controls, lesson, snippets, trust
from visualizer import entropy
from visualizer.figures import charts, overlay
from visualizer.words import maps as words

STRETCHES = (0.25, 0.5, 1.0, 2.0, 4.0)
TOP = 8

CODE = """from visualizer.measures.arithmetic import row_steps

queries, keys = model.queries_and_keys(picture, layer)
steps = row_steps(queries[head or 0][query], keys[head or 0])
print(steps.products, steps.scaled, steps.powers, steps.total, steps.weights)
abs(steps.weights - weights[head or 0, query]).max()  # rounding
"""


def draw() -> None:
    """The whole page."""
    text, now = lesson.head("query"), components.context()
    lesson.action(text)
    commands, note = [], "The toy is no model, so no command draws it."
    if controls.choice("Numbers of", ("Real model", "Toy"), "numbers") == "Toy":
        st.markdown(text.sections["The toy"])
        toy_page(now)
    else:
        commands, note = real_page(now, text), ""
    lesson.rest(text, now)
    components.code(now, CODE, commands, note)
    components.downloads(
        "query",
        {
            "Map (PNG)": (
                "query.png",
                lambda: components.png(now, now.patch_map(), map_name(now), query=controls.query_patches(now)),
            ),
            "Map (CSV)": ("query.csv", lambda: components.csv(now.patch_map())),
            "Every step (CSV)": ("query-steps.csv", lambda: steps_csv(now)),
        },
    )


def real_page(now: Context, text: Lesson) -> list[str]:
    """A row of the model, guessed, drawn, computed and changed; returns the command that draws it."""
    shown = lesson.predict(text, now)
    left, right = st.columns(2)
    with left:
        truth = controls.truth(now)
        picture(now, shown, truth)
        components.query_arrows()
        if st.session_state[state.ASK] == state.CLASS_TOKEN:
            st.caption("The class token asks. Click a patch, or press an arrow, to let a patch ask.")
    if shown:
        with right:
            arithmetic(now)
        table(now)
        trust.card(now, now.patch_map(), now.row(), f"the row of {now.query_name()}")
        what_if(now)
        lesson.check(text, now)
    return [snippets.command(now, truth=truth is not None)]


def map_name(now: Context) -> str:
    """The map in words, for text alternatives and exports."""
    return f"What {now.query_name()} reads in layer {now.chosen.layer + 1}, {now.head_name()}"


def picture(now: Context, shown: bool, truth: Any) -> None:
    """The picture to ask from: with the row laid on it once the guess is made, bare before."""
    how = "Off: click one patch. On: drag; their rows are averaged."
    box, key = st.toggle("Drag a box over several patches", key="query_box", help=how), "query_picture"
    if shown:
        look: dict[str, Any] = {"name": map_name(now), "clickable": True, "truth": truth, "box": box}
        components.picture_map(now, key, now.patch_map(), f"Layer {now.chosen.layer + 1}, {now.head_name()}", **look)
        return
    query, pick = controls.query_patches(now), components.pick_patches(key, now.grid[1])
    components.chart(
        overlay.bare(now.picture.image, now.grid, now.record.geometry, query=query, truth=truth, box=box),
        key,
        f"The picture under {now.grid[0]} by {now.grid[1]} patches; {now.query_name()} asks.",
        pick,
    )


def arithmetic(now: Context) -> None:
    """One row with live numbers: two lists, their product, the scale, softmax, and the record's own weight."""
    steps, (queries, keys) = live_steps(now), head_vectors(now)
    best, usual = int(steps.strongest(1)[0]), int(np.argsort(steps.scaled, kind="stable")[len(steps.scaled) // 2])
    width, asks = queries.shape[-1], now.chosen.query
    if now.chosen.head is None:
        st.info(
            "The sidebar says mean of all heads. A mean has no q and k of its own, so this is the arithmetic of head 1."
        )
    if now.chosen.patches:
        st.info(
            "Several patches ask together: the map is the mean of their rows. This is the arithmetic of the first "
            "of them."
        )
    st.markdown(
        f"**Step 1. Two lists of {width} numbers.** Layer {now.chosen.layer + 1}, head {arithmetic_head(now) + 1}."
    )
    named = {
        f"q of the {now.axis.name(asks)}": queries[asks],
        f"k of the {now.axis.name(best)} (largest weight)": keys[best],
        f"k of the {now.axis.name(usual)} (median key)": keys[usual],
    }
    components.chart(
        charts.lists(named),
        "query_lists",
        f"Bars of the {width} numbers of q and of two keys; their products are in the text below.",
    )
    rows = (
        ("q·k, products added up", steps.products, "{:.3f}"),
        (f"divided by √{width} = {1 / steps.factor:.3f}", steps.scaled, "{:.3f}"),
        (f"e to the power of (that − {float(steps.scaled.max()):.3f})", steps.powers, "{:.4g}"),
        (f"divided by the sum {steps.total:.3f}: weight", steps.weights, "**{:.3%}**"),
    )
    lines = [f"| {name} | {form.format(values[best])} | {form.format(values[usual])} |" for name, values, form in rows]
    st.markdown(
        f"**Steps 2 to 5** for the key with the largest weight and for the median key, d = {width}:\n\n"
        "| step | largest weight | median key |\n|---|---|---|\n" + "\n".join(lines)
    )


def table(now: Context) -> None:
    """The keys of largest weight with every step, and how far the recomputed row is from the record's."""
    steps = live_steps(now)
    rows = steps.strongest(TOP)
    st.markdown(
        f"**The {len(rows)} keys of largest weight.** The sum of all {len(steps.powers)} powers is {steps.total:.4f}."
    )
    components.table(
        {
            "key": [now.axis.name(int(t)) for t in rows],
            "weight": [f"{steps.weights[t]:.2%}" for t in rows],
            "q·k": [f"{steps.products[t]:.3f}" for t in rows],
            "scaled, s": [f"{steps.scaled[t]:.3f}" for t in rows],
            "e to the power of (s − max)": [f"{steps.powers[t]:.4f}" for t in rows],
        }
    )
    kept = now.record.maps[now.chosen.layer].weights[arithmetic_head(now), now.chosen.query]
    gap = float(np.abs(kept.astype(np.float64) - steps.weights).max())
    rounding = float(steps.weights.max()) * 2.0**-11 if kept.dtype == np.float16 else 1e-6
    st.caption(
        f"Proof: over all {len(kept)} weights, this arithmetic and the weights that the model itself used differ "
        f"by at most {gap:.1e}. The record keeps numbers of {8 * kept.dtype.itemsize} bits, whose rounding alone "
        f"allows {rounding:.1e}."
    )


def steps_csv(now: Context) -> bytes:
    """Every step of the row as a table, one line per key, numbers in full."""
    steps, out = live_steps(now), io.StringIO()
    names = [now.axis.name(token) for token in range(len(steps.weights))]
    numbers = (one.tolist() for one in (steps.products, steps.scaled, steps.powers, steps.weights))
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("key", "product", "scaled", "power", "weight"))
    writer.writerows(zip(names, *numbers, strict=True))
    return out.getvalue().encode()


@st.fragment
def what_if(now: Context) -> None:
    """The same row under another scale, labelled as no model's doing."""
    st.header("What if the scale were another?", anchor=False)
    picked = st.select_slider(
        "Multiply 1/√d by",
        STRETCHES,
        value=1.0,
        key="stretch",
        help="1 is what the model does. Every other value is a thought experiment on this one row.",
        **controls.KEEP,
    )
    stretch = float(picked) if picked in STRETCHES else 1.0
    weights = live_steps(now, stretch).weights
    label = "This is the model's own scale." if stretch == 1 else "**This is not what the model does.**"
    st.markdown(
        f"{label} Largest weight {weights.max():.1%}, entropy {float(entropy(weights)):.2f} bits of "
        f"{np.log2(len(weights)):.2f}, on special tokens {weights[: now.axis.prefix].sum():.1%}."
    )
    title = f"Head {arithmetic_head(now) + 1}, scale {stretch:g}/√d" + ("" if stretch == 1 else " (not the model)")
    alone = (now.chosen.query - now.axis.prefix,) if now.chosen.query >= now.axis.prefix else ()
    components.picture_map(now, "query_what_if", now.patch_map(weights), title, query=alone)


def toy_page(now: Context) -> None:
    """The toy under the same controls."""
    row, column = toy.clamp(now.chosen.row, now.chosen.column)
    query = row * toy.GRID[1] + column
    if (row, column) != (now.chosen.row, now.chosen.column):
        st.caption(
            f"The sidebar asks row {now.chosen.row + 1}, column {now.chosen.column + 1}; the toy has 4 of each, so "
            "the nearest patch asks."
        )
    stretch = st.select_slider(
        "Multiply 1/√2 by", STRETCHES, value=1.0, key="toy_stretch", help="1 is how models do it."
    )
    steps = toy.steps(row, column, float(stretch) if stretch in STRETCHES else 1.0)
    left, right = st.columns(2)
    with left:
        figure, key = toy.tokens_figure(query, "The toy's tokens"), "query_toy_tokens"
        components.chart(
            figure,
            key,
            "A 4 by 4 grid; every cell holds a token x, its query q and its key k.",
            components.pick_patches(key, toy.GRID[1]),
        )
    with right:
        title, key = f"The row of the patch in row {row + 1}, column {column + 1}", "query_toy_row"
        figure = toy.steps_figure(steps, query, title)
        components.chart(
            figure,
            key,
            words.describe(steps.weights, toy.GRID, title, "weight"),
            components.pick_patches(key, toy.GRID[1]),
        )
    # They stay inside the 4 x 4 patches, unlike the shared ones.
    components.query_arrows("toy", lambda down, right: state.ask_patch(*toy.clamp(row + down, column + right)))
    best = int(steps.strongest(1)[0])
    q, k = toy.QUERIES[query].tolist(), toy.KEYS[best].tolist()
    st.markdown(
        f"**By hand**, for the strongest key, row {best // 4 + 1}, column {best % 4 + 1}: q·k = {q[0]} × {k[0]} + "
        f"{q[1]} × {k[1]} = {steps.products[best]:.0f}; times {steps.factor:.3f} is {steps.scaled[best]:.2f}; the "
        f"largest of the row, so its power is e⁰ = 1; all 16 powers add up to {steps.total:.3f}; 1 / "
        f"{steps.total:.3f} = **{steps.weights[best]:.1%}**."
    )
