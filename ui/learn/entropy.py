"""Page "Entropy": the table of all heads, the curves, the extremes, and what sinks do to a map."""

from itertools import pairwise

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.heads import statistic
from ui.parts import components, controls, lesson, snippets, trust
from visualizer import entropy
from visualizer.figures.summary import curves, head_summary
from visualizer.measures import score
from visualizer.measures.outliers import outliers
from visualizer.measures.sinks import sink_share, without
from visualizer.style.scale import Scale
from visualizer.words import maps as words
from vit_attention.cli.recipe import extract_command

ASKING, ALL = "the asking token", "mean over all tokens"
BITS, SHARE = "bits", "share of log2 N"
BINS = 8

CODE = """import numpy as np
from visualizer import entropy
from visualizer.figures.summary import head_summary

bits = np.stack([entropy(one[:, query]) for one in record.layers])  # (layers, heads)
print(np.log2(weights.shape[-1]))  # the largest possible, in bits
print(bits[layer].mean(), entropy(weights[:, query].mean(axis=0)))  # mean of entropies, entropy of the mean
head_summary(bits, "entropy", "bits").show()
"""


def draw() -> None:
    """The whole page."""
    text, now = lesson.head("entropy"), components.context()
    lesson.action(text)
    everyone, share = whose_rows(now)
    values = table(now, everyone)
    left, right = st.columns(2)
    with left:
        heatmap(now, values, everyone, share)
        controls.steps(now, "entropy")
    with right:
        curve(now, values, everyone, share)
        distribution(now, values, share)
    st.header("Focused and spread, side by side", anchor=False)
    truth, scale = controls.truth(now), controls.scale("entropy")
    commands = extremes(now, truth, scale)
    st.header("Does focus mean found?", anchor=False)
    if lesson.predict(text, now):
        quarters(now)
    st.header("Sinks and long tokens", anchor=False)
    sinks(now, truth)
    trust.card(now, now.patch_map(), now.row(), controls.map_name(now))
    lesson.check(text, now)
    lesson.rest(text, now)
    components.code(
        now,
        CODE,
        commands,
        "The first line saves the record that the table and the curves are drawn from; `show` on its file tells the mean "
        "entropy of every layer. The other two draw the most focused and the most spread map.",
    )
    title, query = f"{now.model}, {controls.map_name(now)}", controls.query_patches(now)
    components.downloads(
        "entropy",
        {
            "Table (CSV)": ("entropy.csv", lambda: components.csv(values).replace(b"row,column", b"layer,head", 1)),
            "Chosen map (PNG)": (
                "entropy.png",
                lambda: components.png(now, now.patch_map(), title, query=query, truth=truth),
            ),
        },
    )


def whose_rows(now: Context) -> tuple[bool, bool]:
    """Whose rows (True: the mean over all tokens) and which unit (True: share of the largest entropy)."""
    left, right = st.columns(2)
    with left:
        rows = controls.choice("Whose rows?", (ASKING, ALL), "entropy_rows")
        asking = f"Now {now.query_name()} asks; change it in the sidebar."
        st.caption(asking if rows != ALL else "Every token asks once.")
    with right:
        unit = controls.choice("Unit", (BITS, SHARE), "entropy_unit")
        st.caption(f"N = {len(now.record.maps[0].key)} tokens can be read.")
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
    shown, unit, end = (values / most(now), SHARE, 1.0) if share else (values, BITS, most(now))
    name = "Entropy, mean over all tokens" if everyone else f"Entropy, asked by {now.query_name()}"
    components.panel(
        head_summary(
            shown,
            "entropy",
            unit,
            limits=(0.0, end),
            chosen=None if now.chosen.head is None else (now.chosen.layer, now.chosen.head),
            title="Entropy of every head",
        ),
        "entropy_heatmap",
        words.describe_grid(shown, name, unit),
        components.pick_head("entropy_heatmap"),
    )


def curve(now: Context, values: NDArray[np.float64], everyone: bool, share: bool) -> None:
    """Layer by layer: the mean of the heads' entropies, and the entropy of the mean map."""
    of_mean = [
        entropy(now.heads(n).mean(axis=0)).mean() if everyone else entropy(rows.mean(axis=0))
        for n, rows in enumerate(now.asking_rows())
    ]
    part, unit, end = (1 / most(now), SHARE, 1.0) if share else (1.0, BITS, most(now))
    lines = {
        "mean of the heads' entropies": np.nanmean(values, axis=1) * part,
        "entropy of the mean map": np.array(of_mean) * part,
    }
    both = enumerate(zip(*lines.values(), strict=True), start=1)
    said = "; ".join(f"layer {n}: {a:.2f} and {b:.2f}" for n, (a, b) in both)
    components.chart(
        curves(
            lines,
            unit,
            limits=(0, 1.06 * end),
            reference={"largest possible": end},
            title="Two averages that differ",
        ),
        "entropy_curve",
        f"Mean of the heads' entropies and entropy of the mean map, in {unit}: {said}.",
    )


def distribution(now: Context, values: NDArray[np.float64], share: bool) -> None:
    """How many heads have which entropy."""
    edges = np.linspace(0, most(now), BINS + 1)
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    ends, unit = (edges / most(now), "") if share else (edges, " bits")
    names = [f"{low:.2f} to {high:.2f}{unit}" for low, high in pairwise(ends)]
    named, title = zip(names, counts, strict=True), f"How the {int(counts.sum())} heads are spread"
    components.bar_chart("entropy_distribution", named, "heads", "{}: {} heads", title=title)


def extremes(now: Context, truth: NDArray[np.bool_] | None, scale: Scale) -> list[str]:
    """The most focused and the most spread map of the asking token, on one shared scale unless told otherwise.

    Returns:
        The commands that save the record and draw both maps; of a saved record, those that draw.
    """
    rows, bits = now.asking_rows(), table(now, everyone=False)
    places = [np.unravel_index(int(at), bits.shape) for at in (np.nanargmin(bits), np.nanargmax(bits))]
    maps = [now.patch_map(rows[layer][head]) for layer, head in places]
    model, picture = snippets.source(now)
    commands = [] if model is None else [extract_command(picture, model, half=True)]
    for column, name, (layer, head), one in zip(st.columns(2), ("focused", "spread"), places, maps, strict=True):
        with column:
            components.picture_map(
                now,
                f"entropy_Most {name}",
                one,
                f"Most {name}: layer {layer + 1}, head {head + 1}, {bits[layer, head]:.2f} bits",
                caption=f"{float(rows[layer][head][: now.axis.prefix].sum()):.1%} of this row is on special tokens, which "
                "no patch shows.",
                scale=scale,
                together=maps,
                truth=truth,
            )
        place = {"layer": now.record.maps[layer].layer, "head": int(head)}
        look = {"truth": truth is not None, "output": f"attn_vis/{name}", **snippets.scaled(scale, maps)}
        commands.append(snippets.command(now, **{**place, **look}))
    return commands


def quarters(now: Context) -> None:
    """Weight on objects of the heads, from the most focused quarter to the most spread one."""
    if now.truth is None:
        return
    rows = np.concatenate(now.asking_rows())
    mass = score.mass_in_mask(now.patch_map(rows), now.truth)
    parts = np.array_split(np.argsort(entropy(rows), kind="stable"), 4)
    names = ("lowest quarter of entropy", "second quarter", "third quarter", "highest quarter")
    values = [float(np.nanmean(mass[part])) for part in parts]
    components.bar_chart(
        "entropy_quarters",
        [*zip(names, values, strict=True), ("chance", float(now.truth.mean()))],
        "mean share of patch weight on objects",
        chosen=4,
        title="Focus and the object",
    )


@st.fragment
def sinks(now: Context, truth: NDArray[np.bool_] | None) -> None:
    """The chosen map with and without its sinks, and the lengths of the tokens that tell which they are."""
    if not now.record.norms.size:
        st.info("The lengths of the tokens were not measured, so sinks cannot be told.")
        return
    norms, row, prefix = now.record.norms[-1], now.row(), now.axis.prefix
    found = outliers(norms, prefix).tokens
    numbers = (np.flatnonzero(found) - prefix).tolist()
    where = ""
    if now.truth is not None and found.any():
        on_object = int((found[prefix:] & (now.truth.ravel() > score.HIT_THRESHOLD)).sum())
        where = f" {on_object} of these lie on a true object: a long token is a candidate for a sink, not yet one."
    st.markdown(
        f"The chosen row ({controls.map_name(now)}) has **{float(row[:prefix].sum()):.1%}** of its weight on special "
        f"tokens and **{float(sink_share(row, found)):.1%}** on patch tokens of outlier "
        f"length ({len(numbers)} here).{where}"
    )
    cosmetic = st.toggle(
        "Without long and special tokens (changes the display only)", key="entropy_without", **controls.KEEP
    )
    shown = without(row, found | (np.arange(len(row)) < prefix)) if cosmetic else row
    left, right = st.columns(2)
    with left:
        name = "Cosmetic: long tokens out, rest sums to 1" if cosmetic else "As the model read it"
        components.picture_map(now, "entropy_sinks", now.patch_map(np.asarray(shown)), name, truth=truth)
    with right:
        lengths, title = norms[prefix:].reshape(now.grid), "Length of every patch token after the last layer"
        said = f"{title}: {lengths.min():.0f} to {lengths.max():.0f}, median {np.median(lengths):.0f}."
        places = "; ".join(now.axis.name(prefix + patch) for patch in numbers) or "none"
        components.picture_map(
            now,
            "entropy_norms",
            lengths,
            title,
            unit="length",
            alt=f"{said} Long tokens: {places}.",
            caption=f"{said} A token counts as long if it is in a small group apart from the others.",
            scale="per map",
            query=numbers,
            outlined="long token",
        )
