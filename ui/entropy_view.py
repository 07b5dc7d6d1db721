"""The parts of page "Entropy": the table of all heads, the curves, the extremes, and what sinks do to a map."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.heads import statistic
from ui import components, display, query_view
from visualizer.figures.overlay import overlay
from visualizer.figures.summary import bars, curves, head_summary
from visualizer.measures.entropy import entropy
from visualizer.measures.score import HIT_THRESHOLD, mass_in_mask
from visualizer.measures.sinks import sink_share, sink_tokens, without
from visualizer.style.scale import Scale
from visualizer.words import maps as words

ASKING, ALL = "the asking token", "mean over all tokens"
BITS, SHARE = "bits", "share of log2 N"
BINS = 8


def controls(now: Context) -> tuple[bool, bool]:
    """Whose rows (True: the mean over all tokens) and which unit (True: share of the largest entropy)."""
    left, right = st.columns(2)
    common: dict[str, Any] = {"required": True, "bind": "query-params", "persist_state": "session"}
    rows = left.segmented_control("Whose rows?", (ASKING, ALL), default=ASKING, key="entropy_rows", **common)
    unit = right.segmented_control("Unit", (BITS, SHARE), default=BITS, key="entropy_unit", **common)
    left.caption(f"Now {now.query_name()} asks; change it in the sidebar." if rows != ALL else "Every token asks once.")
    right.caption(f"N = {len(now.record.maps[0].key)} tokens can be read.")
    return rows == ALL, unit == SHARE


def most(now: Context) -> float:
    """The largest possible entropy of a row in bits."""
    return float(np.log2(len(now.record.maps[0].key)))


def table(now: Context, everyone: bool) -> NDArray[np.float64]:
    """(layers, most heads) entropy in bits; NaN where a layer has no such head."""
    if everyone:
        return statistic(now, "entropy")
    found = [entropy(rows) for rows in now.asking_rows()]
    out = np.full((len(found), max(len(one) for one in found)), np.nan)
    for row, one in zip(out, found, strict=True):
        row[: len(one)] = one
    return out


def heatmap(now: Context, values: NDArray[np.float64], everyone: bool, share: bool) -> None:
    """All heads of all layers; a click chooses layer and head."""
    drawn, unit, end = (values / most(now), SHARE, 1.0) if share else (values, BITS, most(now))
    chosen = None if now.chosen.head is None else (now.chosen.layer, now.chosen.head)
    name = "Entropy, mean over all tokens" if everyone else f"Entropy, asked by {now.query_name()}"
    figure = head_summary(drawn, "entropy", unit, limits=(0.0, end), chosen=chosen, title="Entropy of every head")
    said = words.describe_grid(drawn, name, unit)
    components.chart(figure, "entropy_heatmap", said, components.pick_head("entropy_heatmap"))
    components.in_words(said)


def curve(now: Context, values: NDArray[np.float64], everyone: bool, share: bool) -> None:
    """Layer by layer: the mean of the heads' entropies, and the entropy of the mean map."""
    of_mean = np.array(
        [
            entropy(now.heads(n).mean(axis=0)).mean() if everyone else entropy(rows.mean(axis=0))
            for n, rows in enumerate(now.asking_rows())
        ]
    )
    part, unit, end = (1 / most(now), SHARE, 1.0) if share else (1.0, BITS, most(now))
    lines = {
        "mean of the heads' entropies": np.nanmean(values, axis=1) * part,
        "entropy of the mean map": of_mean * part,
    }
    figure = curves(
        lines,
        unit,
        limits=(0, 1.06 * end),
        reference={"largest possible": end},
        title="Two averages that differ",
    )
    said = "; ".join(
        f"layer {n + 1}: {a:.2f} and {b:.2f}" for n, (a, b) in enumerate(zip(*lines.values(), strict=True))
    )
    components.chart(
        figure, "entropy_curve", f"Mean of the heads' entropies and entropy of the mean map, in {unit}: {said}."
    )


def distribution(now: Context, values: NDArray[np.float64], share: bool) -> None:
    """How many heads have which entropy."""
    edges = np.linspace(0, most(now), BINS + 1)
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    drawn, unit = (edges / most(now), "") if share else (edges, " bits")
    names = [f"{low:.2f} to {high:.2f}{unit}" for low, high in pairwise(drawn)]
    figure = bars(names, counts, "heads", title=f"How the {int(counts.sum())} heads are spread")
    components.chart(
        figure, "entropy_distribution", "; ".join(f"{name}: {n} heads" for name, n in zip(names, counts, strict=True))
    )


def extremes(
    now: Context, truth: NDArray[np.bool_] | None, scale: Scale
) -> tuple[list[tuple[int, int]], list[NDArray[Any]]]:
    """The most focused and the most spread map of the asking token, on one shared scale unless told otherwise.

    Returns:
        (layer, head) of both, 0 first, and their maps.
    """
    rows = now.asking_rows()
    bits = table(now, everyone=False)
    places = [np.unravel_index(int(at), bits.shape) for at in (np.nanargmin(bits), np.nanargmax(bits))]
    maps = [now.patch_map(rows[layer][head]) for layer, head in places]
    for column, name, (layer, head), one in zip(
        st.columns(2), ("Most focused", "Most spread"), places, maps, strict=True
    ):
        title = f"{name}: layer {layer + 1}, head {head + 1}, {bits[layer, head]:.2f} bits"
        special = float(rows[layer][head][: now.axis.prefix].sum())
        figure = overlay(
            now.picture.image, one, now.record.geometry, scale=scale, together=maps, truth=truth,
            query=query_view.asking(now), title=title,
        )  # fmt: skip
        with column:
            components.chart(figure, f"entropy_{name}", words.describe(one, name=title))
            st.caption(f"{special:.1%} of this row is on special tokens, which no patch shows.")
    return [(int(layer), int(head)) for layer, head in places], maps


def quarters(now: Context) -> None:
    """Weight on objects of the heads, from the most focused quarter to the most spread one."""
    if now.truth is None:
        return
    rows = np.concatenate(now.asking_rows())
    mass = mass_in_mask(now.patch_map(rows), now.truth)
    parts = np.array_split(np.argsort(entropy(rows), kind="stable"), 4)
    names = ["lowest quarter of entropy", "second quarter", "third quarter", "highest quarter", "chance"]
    values = [*(float(np.nanmean(mass[part])) for part in parts), float(now.truth.mean())]
    figure = bars(names, values, "mean share of patch weight on objects", chosen=4, title="Focus and the object")
    components.chart(figure, "entropy_quarters", "; ".join(f"{n}: {v:.1%}" for n, v in zip(names, values, strict=True)))


def _where_long(now: Context, found: NDArray[np.bool_]) -> str:
    """A sentence on how many long tokens lie on objects, where that is known."""
    if now.truth is None or not found.any():
        return ""
    on_object = int((found[now.axis.prefix :] & (now.truth.ravel() > HIT_THRESHOLD)).sum())
    return f" {on_object} of these lie on a true object: a long token is a candidate for a sink, not yet one."


@st.fragment
def sinks(now: Context, truth: NDArray[np.bool_] | None) -> None:
    """The chosen map with and without its sinks, and the lengths of the tokens that tell which they are."""
    if not now.record.norms.size:
        st.info("The lengths of the tokens were not measured, so sinks cannot be told.")
        return
    norms, row, prefix = now.record.norms[-1], now.row(), now.axis.prefix
    found = sink_tokens(norms, prefix)
    numbers = (np.flatnonzero(found) - prefix).tolist()
    st.markdown(
        f"The chosen row ({display.map_name(now)}) has **{float(row[:prefix].sum()):.1%}** of its weight on special "
        f"tokens and **{float(sink_share(row, found)):.1%}** on patch tokens of outlier "
        f"length ({len(numbers)} here)."
        f"{_where_long(now, found)}"
    )
    cosmetic = st.toggle(
        "Without long and special tokens (changes the display only)",
        key="entropy_without",
        bind="query-params",
        persist_state="session",
    )
    shown = without(row, found | (np.arange(len(row)) < prefix)) if cosmetic else row
    left, right = st.columns(2)
    name = "Cosmetic: long tokens out, rest sums to 1" if cosmetic else "As the model read it"
    with left:
        values = now.patch_map(np.asarray(shown))
        figure = overlay(
            now.picture.image, values, now.record.geometry, truth=truth, query=query_view.asking(now), title=name
        )
        components.chart(figure, "entropy_sinks", words.describe(values, name=name))
    with right:
        lengths = norms[prefix:].reshape(now.grid)
        title = "Length of every patch token after the last layer"
        figure = overlay(
            now.picture.image,
            lengths,
            now.record.geometry,
            scale="per map",
            query=numbers,
            outlined="long token",
            unit="length",
            title=title,
        )
        places = "; ".join(now.axis.name(prefix + patch) for patch in numbers) or "none"
        said = f"{title}: {lengths.min():.0f} to {lengths.max():.0f}, median {np.median(lengths):.0f}."
        components.chart(figure, "entropy_norms", f"{said} Long tokens: {places}.")
        st.caption(f"{said} A long token is above the median by more than ten median absolute deviations.")
