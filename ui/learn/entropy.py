"""Page "Entropy": the extremes, the table of all heads, two averages, and what sinks do to a map."""

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.heads import statistic
from ui.parts import components, controls, lesson, snippets, trust, widgets
from ui.parts.lesson import View
from ui.store import resources
from visualizer import entropy
from visualizer.figures.sinks import share_curves
from visualizer.figures.summary import curves, head_summary
from visualizer.measures import score
from visualizer.measures.outliers import outliers
from visualizer.measures.sinks import taken_by_layer
from visualizer.style.scale import Scale
from visualizer.words import maps as words
from visualizer.words.sinks import describe_taken
from vit_attention.cli.recipe import extract_command

HEIGHT = 380
"""Pixels of a figure that stands beside a step."""

ASKING, ALL = "the query token", "mean over all tokens"
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


def _rows(place: object = None) -> tuple[bool, bool]:
    """Whose rows (True: the mean over all tokens) and which unit (True: share of the largest entropy)."""
    rows = widgets.choice("Rows of", (ASKING, ALL), "entropy_rows", place=place)
    unit = widgets.choice("Unit", (BITS, SHARE), "entropy_unit", place=place)
    return rows == ALL, unit == SHARE


def _rows_look(_now: Context) -> None:
    _rows(st)


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


def extremes(now: Context, scale: Scale) -> tuple[Any, str, str]:
    """The most focused and the most spread map of the query token."""
    places, maps, bits = _ends(now)
    names = [f"layer {layer + 1}, head {head + 1}" for layer, head in places]
    rows = [now.asking_rows()[layer][head] for layer, head in places]
    said = [
        f"{name}: {bits[place]:.2f} of {most(now):.2f} bits, {float(row[: now.axis.prefix].sum()):.1%} of the row on special tokens"
        for name, place, row in zip(("Left", "Right"), places, rows, strict=True)
    ]
    title = "Most focused and most spread row"
    figure = components.two_maps(now, maps, (names[0], names[1]), scale=scale, title=title, height=HEIGHT)
    listed = "\n".join(words.describe(one, name=name) for one, name in zip(maps, names, strict=True))
    return figure, listed, f"{'. '.join(said)}; no patch shows these."


_MODES = ("per map", "shared", "log", "clipped")


def _ends(now: Context) -> tuple[list[tuple[int, int]], list[NDArray[np.float32]], NDArray[np.float64]]:
    """(layer, head) of the most focused and of the most spread row, their maps, and the table of entropies."""
    rows, bits = now.asking_rows(), table(now, everyone=False)
    flat = (np.nanargmin(bits), np.nanargmax(bits))
    places = [(int(at) // bits.shape[1], int(at) % bits.shape[1]) for at in flat]
    return places, [now.patch_map(rows[layer][head]) for layer, head in places], bits


def heads(now: Context) -> None:
    """The entropy of every head, where a click chooses one, beside the chosen map."""
    left, right = st.columns(2)
    with left:
        components.kept(now, "entropy_heatmap", _grid, _rows(), pick=components.pick_head)
    with right:
        components.picture_map(
            now,
            "entropy_chosen",
            now.patch_map(),
            f"Layer {now.chosen.layer + 1}, {now.head_name()}",
            caption=f"{float(entropy(now.row())):.2f} of {most(now):.2f} bits, asked by {now.query_name()}.",
            height=HEIGHT - 40,
            truth=controls.truth_shown(now),
        )


def _grid(now: Context, rows: tuple[bool, bool]) -> tuple[Any, str]:
    everyone, share = rows
    values = table(now, everyone)
    shown, unit, end = (values / most(now), SHARE, 1.0) if share else (values, BITS, most(now))
    chosen = None if now.chosen.head is None else (now.chosen.layer, now.chosen.head)
    look: dict[str, Any] = {"chosen": chosen, "title": "Entropy of every head", "height": HEIGHT}
    name = "Entropy, mean over all tokens" if everyone else f"Entropy, asked by {now.query_name()}"
    return head_summary(shown, "entropy", unit, limits=(0.0, end), **look), words.describe_grid(shown, name, unit)


def averages(now: Context, asked: tuple[bool, bool]) -> tuple[Any, str]:
    """Layer by layer: the mean of the heads' entropies, and the entropy of the mean map."""
    everyone, share = asked
    part, unit, end = (1 / most(now), SHARE, 1.0) if share else (1.0, BITS, most(now))
    lines = {name: values * part for name, values in two(now, everyone).items()}
    both = enumerate(zip(*lines.values(), strict=True), start=1)
    said = "; ".join(f"layer {n}: {a:.2f} and {b:.2f}" for n, (a, b) in both)
    title, top = "Two averages that differ", {"largest possible": end}
    figure = curves(lines, unit, limits=(0, 1.06 * end), reference=top, title=title, height=HEIGHT)
    return figure, f"Mean of the heads' entropies and entropy of the mean map, in {unit}: {said}."


def two(now: Context, everyone: bool) -> dict[str, NDArray[np.float64]]:
    """By name: (layers,) the mean of the heads' entropies, and the entropy of the heads' mean, in bits."""
    of_mean = [
        entropy(now.heads(n).mean(axis=0)).mean() if everyone else entropy(rows.mean(axis=0))
        for n, rows in enumerate(now.asking_rows())
    ]
    mean_of = np.nanmean(table(now, everyone), axis=1)
    return {"mean of the heads' entropies": mean_of, "entropy of the mean map": np.array(of_mean)}


def distribution(now: Context) -> None:
    """How many heads have which entropy."""
    everyone, share = _rows()
    values = resources.once(("entropy", now.view, everyone), lambda: table(now, everyone))
    edges = np.linspace(0, most(now), BINS + 1)
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    ends, unit = (edges / most(now), "") if share else (edges, " bits")
    names = [f"{low:.2f} to {high:.2f}{unit}" for low, high in pairwise(ends)]
    named, title = zip(names, counts, strict=True), f"Entropy of the {int(counts.sum())} heads"
    components.bar_chart("entropy_distribution", named, "heads", "{}: {} heads", title=title, height=HEIGHT)


def quarters(now: Context) -> None:
    """Weight on objects of the heads, from the most focused quarter to the most spread one."""
    if now.truth is None:
        st.info(
            "On a photograph not every object is outlined, so there is no share to compare. Choose a drawn scene in the sidebar."
        )
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
        height=320,
    )


def sinks(now: Context) -> tuple[Any, str, str]:
    """The chosen map with and without the sinks of its layer at display, each on its own scale."""
    whole, without = now.answer("raw"), now.answer("raw", sinks="hide")
    maps, names = [whole.values, without.values], ("as it was read", "without sinks")
    title = f"Layer {now.chosen.layer + 1}, {now.head_name()}"
    figure = components.two_maps(now, maps, names, title=title, height=HEIGHT - 40)
    said = f"This row: {float(entropy(now.row())):.2f} of {most(now):.2f} bits."
    gone = without.words.removeprefix(whole.words).lstrip("; ")
    return figure, said, f"{said} {gone[:1].upper()}{gone[1:]}."


def taken(now: Context) -> tuple[Any, str]:
    """Who takes the attention in every layer: special tokens, sinks, other patches."""
    norms = now.record.norms if now.record.norms.size else None
    found = taken_by_layer(now.record.layers, now.axis.prefix, norms)
    return share_curves(found, title="Who takes the attention", height=HEIGHT), describe_taken(found)


def lengths(now: Context) -> None:
    """The lengths of the patch tokens after the last layer, outliers outlined."""
    if not now.record.norms.size:
        st.info("The lengths of the tokens were not measured for this record, so none can be called long.")
        return
    norms, prefix = now.record.norms[-1], now.axis.prefix
    found = outliers(norms, prefix).tokens[prefix:]
    patches, values = norms[prefix:].reshape(now.grid), np.flatnonzero(found).tolist()
    said = f"{patches.min():.0f} to {patches.max():.0f}, median {np.median(patches):.0f}; {len(values)} long tokens."
    if now.truth is not None and values:
        on_object = int((found & (now.truth.ravel() > score.HIT_THRESHOLD)).sum())
        said += f" {on_object} of these lie on a true object."
    title = "Length of every patch token after the last layer"
    places = "; ".join(now.axis.name(prefix + patch) for patch in values) or "none"
    components.picture_map(
        now,
        "entropy_lengths",
        patches,
        title,
        unit="length",
        alt=f"{title}: {said} Long tokens: {places}.",
        caption=f"{said} A token counts as long if it is in a small group apart from the others.",
        scale="per map",
        query=values,
        outlined="long token",
        height=HEIGHT,
        truth=controls.truth_shown(now),
    )


def below(now: Context) -> None:
    """What can be checked, the code and the files of the page."""
    truth = controls.truth_shown(now)
    components.in_words(words.describe(now.patch_map(), name=controls.map_name(now)))
    trust.card(now, now.patch_map(), now.row(), controls.map_name(now))
    note = (
        "The first line saves the record that the table and the curves are drawn from; `show` on its file prints the mean "
        "entropy of every layer. The other two draw the most focused and the most spread map."
    )
    components.code(now, CODE, commands(now), note)
    files = {
        "Table (CSV)": ("entropy.csv", partial(_csv, everyone=_rows()[0])),
        "Chosen map (PNG)": ("entropy.png", partial(_png, truth=truth)),
    }
    components.downloads("entropy", files, now=now)


def commands(now: Context) -> list[str]:
    """The commands that save the record and draw the most focused and the most spread map; of a saved record, those that draw."""
    places, maps, _ = _ends(now)
    scale, truth = controls.scale_shown("entropy", _MODES), controls.truth_shown(now) is not None
    model, picture = snippets.source(now)
    made = [] if model is None else [extract_command(picture, model, half=True)]
    for name, (layer, head) in zip(("focused", "spread"), places, strict=True):
        look = {"truth": truth, "output": f"attn_vis/{name}", **snippets.FADED, **snippets.scaled(scale, maps)}
        made.append(snippets.command(now, layer=now.record.maps[layer].layer, head=head, **look))
    return made


def _csv(now: Context, everyone: bool) -> bytes:
    return components.csv(table(now, everyone)).replace(b"row,column", b"layer,head", 1)


def _png(now: Context, truth: NDArray[np.bool_] | None) -> bytes:
    title = f"{now.model}, {controls.map_name(now)}"
    return components.png(now, now.patch_map(), title, query=controls.query_patches(now), truth=truth)


PAGE = lesson.Page(
    "entropy",
    {
        "extremes": View(
            components.shown("entropy_extremes", extremes, lambda now: controls.scale_shown("entropy", _MODES)),
            ("query",),
            lambda _now: controls.scale("entropy", _MODES),
        ),
        "heads": View(heads, look=_rows_look, under=controls.truth),
        "averages": View(components.shown("entropy_averages", averages, lambda now: _rows()), ("query",), _rows_look),
        "distribution": View(distribution, ("query",), _rows_look),
        "quarters": View(quarters, ("query",)),
        "sinks": View(components.shown("entropy_sinks", sinks)),
        "taken": View(components.shown("entropy_taken", taken), ()),
        "lengths": View(lengths, (), under=controls.truth),
    },
    below,
)
