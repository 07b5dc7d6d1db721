"""The parts of page "One query": the picture that is asked, the arithmetic, the what-if slider, the toy."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context
from tutorials.findings.query import arithmetic_head, head_vectors, live_steps
from ui import commands as command_lines
from ui import components, state
from visualizer.figures import patch as patch_figure
from visualizer.figures.charts import lists
from visualizer.figures.overlay import bare, overlay
from visualizer.measures import toy
from visualizer.measures.arithmetic import RowSteps
from visualizer.measures.entropy import entropy
from visualizer.words import maps as words

STRETCHES = (0.25, 0.5, 1.0, 2.0, 4.0)
TOP = 8


def asking(now: Context) -> tuple[int, ...]:
    """Numbers of the asking patches; () while a special token asks."""
    return now.chosen.patches or (() if now.chosen.query < now.axis.prefix else (now.chosen.query - now.axis.prefix,))


def map_name(now: Context) -> str:
    """The map in words, for text alternatives and exports."""
    return f"What {now.query_name()} reads in layer {now.chosen.layer + 1}, {now.head_name()}"


def commands(now: Context) -> tuple[list[str], str]:
    """The command of the map, and what there is to say about it."""
    if st.session_state.get("numbers") == "Toy":
        return [], "The toy is no model, so no command draws it."
    return [command_lines.of(now, truth=bool(st.session_state.get("truth")) and now.picture.scene is not None)], ""


def truth_switch(now: Context) -> object:
    """The true outline if the reader wants it; None for photographs."""
    scene = now.picture.scene
    if scene is None or not st.toggle(
        "Show the true outline", key="truth", bind="query-params", persist_state="session"
    ):
        return None
    return scene.mask


def picture(now: Context, shown: bool, truth: object = None) -> None:
    """The picture to ask from: with the row laid on it once the guess is made, bare before."""
    record, key = now.record, "query_picture"
    box = st.toggle(
        "Drag a box over several patches",
        key="query_box",
        help="Off: click one patch. On: drag; their rows are averaged.",
    )
    common: dict[str, Any] = {"query": asking(now), "truth": truth, "box": box}
    pick = components.pick_patches(key, now.grid[1])
    if not shown:
        fig = bare(now.picture.image, now.grid, record.geometry, **common)
        components.chart(
            fig, key, f"The picture under {now.grid[0]} by {now.grid[1]} patches; {now.query_name()} asks.", pick
        )
        return
    values = now.patch_map()
    title = f"Layer {now.chosen.layer + 1}, {now.head_name()}"
    said = words.describe(values, name=map_name(now))
    fig = overlay(now.picture.image, values, record.geometry, clickable=True, title=title, **common)
    components.chart(fig, key, said, pick)
    components.in_words(said)


def arithmetic(now: Context) -> None:
    """One row with live numbers: two lists, their product, the scale, softmax, and the record's own weight."""
    steps, head = live_steps(now), arithmetic_head(now)
    queries, keys = head_vectors(now)
    best, usual = int(steps.strongest(1)[0]), int(np.argsort(steps.scaled, kind="stable")[len(steps.scaled) // 2])
    width = queries.shape[-1]
    if now.chosen.head is None:
        st.info(
            "The sidebar says mean of all heads. A mean has no q and k of its own, so this is the arithmetic of head 1."
        )
    if now.chosen.patches:
        st.info(
            "Several patches ask together: the map is the mean of their rows. This is the arithmetic of the first "
            "of them."
        )
    name = {token: now.axis.name(token) for token in (now.chosen.query, best, usual)}
    figure = lists({
        f"q of the {name[now.chosen.query]}": queries[now.chosen.query],
        f"k of the {name[best]} (largest weight)": keys[best],
        f"k of the {name[usual]} (median key)": keys[usual],
    })  # fmt: skip
    st.markdown(f"**Step 1. Two lists of {width} numbers.** Layer {now.chosen.layer + 1}, head {head + 1}.")
    components.chart(
        figure,
        "query_lists",
        f"Bars of the {width} numbers of q and of two keys; their products are in the text below.",
    )
    st.markdown("\n".join(_sums(steps, best, usual, width)))


def _sums(steps: RowSteps, best: int, usual: int, width: int) -> list[str]:
    """Steps 2 to 5 in formulas with live numbers."""
    high = float(steps.scaled.max())
    lines = [f"**Steps 2 to 5** for the key with the largest weight and for the median key, d = {width}:", ""]
    lines += ["| step | largest weight | median key |", "|---|---|---|"]
    two = [best, usual]
    lines.append("| q·k, products added up | " + " | ".join(f"{steps.products[t]:.3f}" for t in two) + " |")
    lines.append(
        f"| divided by √{width} = {1 / steps.factor:.3f} | " + " | ".join(f"{steps.scaled[t]:.3f}" for t in two) + " |"
    )
    lines.append(
        f"| e to the power of (that − {high:.3f}) | " + " | ".join(f"{steps.powers[t]:.4g}" for t in two) + " |"
    )
    lines.append(
        f"| divided by the sum {steps.total:.3f}: weight | "
        + " | ".join(f"**{steps.weights[t]:.3%}**" for t in two)
        + " |"
    )
    return lines


def table(now: Context) -> None:
    """The keys of largest weight with every step, and how far the recomputed row is from the record's."""
    steps, head = live_steps(now), arithmetic_head(now)
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
    kept = now.record.maps[now.chosen.layer].weights[head, now.chosen.query]
    gap = float(np.abs(kept.astype(np.float64) - steps.weights).max())
    rounding = float(steps.weights.max()) * 2.0**-11 if kept.dtype == np.float16 else 1e-6
    st.caption(
        f"Proof: over all {len(kept)} weights, this arithmetic and the weights that the model itself used differ "
        f"by at most {gap:.1e}. The record keeps numbers of {8 * kept.dtype.itemsize} bits, whose rounding alone "
        f"allows {rounding:.1e}."
    )


def steps_csv(now: Context) -> bytes:
    """Every step of the row as a table, one line per key, numbers in full."""
    steps = live_steps(now)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("key", "product", "scaled", "power", "weight"))
    for token, numbers in enumerate(zip(steps.products, steps.scaled, steps.powers, steps.weights, strict=True)):
        writer.writerow((now.axis.name(token), *(float(n) for n in numbers)))
    return out.getvalue().encode()


@st.fragment
def what_if(now: Context) -> None:
    """The same row under another scale, labelled as no model's doing."""
    st.header("What if the scale were another?", anchor=False)
    stretch = st.select_slider(
        "Multiply 1/√d by", STRETCHES, value=1.0, key="stretch", bind="query-params", persist_state="session",
        help="1 is what the model does. Every other value is a thought experiment on this one row.",
    )  # fmt: skip
    chosen = float(stretch) if stretch in STRETCHES else 1.0
    steps = live_steps(now, chosen)
    bits = float(entropy(steps.weights))
    label = "This is the model's own scale." if chosen == 1 else "**This is not what the model does.**"
    st.markdown(
        f"{label} Largest weight {steps.weights.max():.1%}, entropy {bits:.2f} bits of "
        f"{np.log2(len(steps.weights)):.2f}, on special tokens {steps.weights[: now.axis.prefix].sum():.1%}."
    )
    values = steps.weights[now.axis.prefix :].reshape(now.grid)
    title = f"Head {arithmetic_head(now) + 1}, scale {chosen:g}/√d" + ("" if chosen == 1 else " (not the model)")
    alone = (now.chosen.query - now.axis.prefix,) if now.chosen.query >= now.axis.prefix else ()
    fig = overlay(now.picture.image, values, now.record.geometry, query=alone, title=title)
    components.chart(fig, "query_what_if", words.describe(values, name=title))


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
    pick = (
        components.pick_patches("query_toy_tokens", toy.GRID[1]),
        components.pick_patches("query_toy_row", toy.GRID[1]),
    )
    q = toy.QUERIES[query].tolist()
    left, right = st.columns(2)
    with left:
        fig = patch_figure.tokens_figure(query, "The toy's tokens")
        components.chart(
            fig, "query_toy_tokens", "A 4 by 4 grid; every cell holds a token x, its query q and its key k.", pick[0]
        )
    with right:
        title = f"The row of the patch in row {row + 1}, column {column + 1}"
        fig = patch_figure.steps_figure(steps, query, title)
        components.chart(fig, "query_toy_row", words.describe(steps.weights, toy.GRID, title, "weight"), pick[1])
    _toy_arrows(row, column)
    best = int(steps.strongest(1)[0])
    k = toy.KEYS[best].tolist()
    st.markdown(
        f"**By hand**, for the strongest key, row {best // 4 + 1}, column {best % 4 + 1}: q·k = {q[0]} × {k[0]} + "
        f"{q[1]} × {k[1]} = {steps.products[best]:.0f}; times {steps.factor:.3f} is {steps.scaled[best]:.2f}; the "
        f"largest of the row, so its power is e⁰ = 1; all 16 powers add up to {steps.total:.3f}; 1 / "
        f"{steps.total:.3f} = **{steps.weights[best]:.1%}**."
    )


def _toy_arrows(row: int, column: int) -> None:
    """Like the shared arrows, but they stay inside the 4 x 4 patches."""
    moves = (("←", "left", 0, -1), ("↑", "up", -1, 0), ("↓", "down", 1, 0), ("→", "right", 0, 1))
    with st.container(horizontal=True):
        for sign, word, down, right in moves:
            place = toy.clamp(row + down, column + right)
            st.button(sign, key=f"toy_{word}", on_click=state.ask_patch, args=place, help=f"Ask the patch {word}")


def mode() -> str:
    """Real model or toy."""
    chosen = st.segmented_control(
        "Numbers of", ["Real model", "Toy"], default="Real model", key="numbers", required=True,
        bind="query-params", persist_state="session",
    )  # fmt: skip
    return "Toy" if chosen == "Toy" else "Real model"


def moves() -> None:
    """Arrow buttons, and who asks now, for keyboards and touch screens."""
    components.query_arrows()
    if st.session_state[state.ASK] == state.CLASS_TOKEN:
        st.caption("The class token asks. Click a patch, or press an arrow, to let a patch ask.")
