"""The parts of page "Heads": the grid of a layer, the chosen map, all heads at once, and how alike they are."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tutorials.findings import Context
from tutorials.findings.heads import chance_distance, layer_distance, statistic
from ui import commands as command_lines
from ui import components, display, query_view, state
from visualizer.figures.heatmap import matrix
from visualizer.figures.mosaic import atlas, head_grid
from visualizer.figures.overlay import overlay
from visualizer.figures.summary import bars, head_summary
from visualizer.measures.entropy import entropy
from visualizer.measures.similarity import METRICS, head_similarity
from visualizer.measures.summary import STATISTICS
from visualizer.style.scale import Scale
from visualizer.words import maps as words
from vit_attention.records import Axis

ATLAS, NUMBER, LIKENESS = "Atlas of all maps", "One number per head", "How alike are they?"


def layer_maps(now: Context) -> NDArray[np.float32]:
    """(heads, rows, columns) what the asking token reads in every head of the chosen layer."""
    return np.asarray(now.patch_map(now.asking_rows()[now.chosen.layer]))


def grid(now: Context, scale: Scale) -> None:
    """All heads of the chosen layer, each with entropy and distance; a click chooses the head."""
    rows, far, key = now.asking_rows()[now.chosen.layer], layer_distance(now, now.chosen.layer), "heads_grid"
    bits = entropy(rows)
    maps = now.patch_map(rows)
    figure = head_grid(
        maps, captions=[f"{b:.1f} bits, {d:.1f} px" for b, d in zip(bits, far, strict=True)], scale=scale,
        chosen=now.chosen.head, clickable=True, title=f"All heads of layer {now.chosen.layer + 1}",
        height=_tall(len(maps)),
    )  # fmt: skip
    said = "\n".join(
        words.describe(
            one,
            name=f"Head {h + 1}, entropy of the whole row {bits[h]:.2f} bits, mean distance {far[h]:.1f} pixels",
            strongest=1,
        )
        for h, one in enumerate(maps)
    )
    components.chart(figure, key, said, partial(display.pick_number, key, state.HEAD))
    st.caption(
        f"Asked by {now.query_name()}. Under each name: entropy of that row in bits (special tokens included), and the "
        "head's mean attention distance over all patches in pixels of the model's input (px)."
    )
    components.in_words(said)


def _tall(heads: int) -> int:
    """Height in pixels that fits four maps in a row in half a page or on a phone."""
    return 130 + round(370 * min(1.8, -(-heads // 4) / 3))


def chosen_map(now: Context, scale: Scale, truth: NDArray[np.bool_] | None) -> None:
    """The chosen head's map large on the picture."""
    values, key = now.patch_map(), "heads_chosen"
    title = f"Layer {now.chosen.layer + 1}, {now.head_name()}"
    mode = Scale("raw") if now.chosen.head is None and scale.mode == "shared" else scale
    figure = overlay(
        now.picture.image, values, now.record.geometry, scale=mode, together=layer_maps(now), truth=truth,
        query=query_view.asking(now), clickable=True, title=title,
    )  # fmt: skip
    said = words.describe(values, name=f"{title}, asked by {now.query_name()}")
    components.chart(figure, key, said, components.pick_patches(key, now.grid[1]))
    special = float(now.row()[: now.axis.prefix].sum())
    st.caption(
        f"{special:.1%} of this row is on special tokens, which no patch shows. Click a patch to make it the query."
    )
    components.in_words(said)


def commands(now: Context, scale: Scale, truth: bool) -> tuple[list[str], str]:
    """The commands of the chosen map and of all heads of its layer, and what there is to say about them."""
    mode = Scale("raw") if now.chosen.head is None and scale.mode == "shared" else scale
    chosen = command_lines.of(now, truth=truth, **command_lines.scaled(mode, layer_maps(now)))
    return [chosen, command_lines.all_heads(now, scale)], command_lines.note(scale.mode)


def first_layer(now: Context) -> None:
    """The distances of layer 1 beside that of a head that looks everywhere alike."""
    far = layer_distance(now, 0)
    names = [*(f"head {h + 1}" for h in range(len(far))), "everywhere alike"]
    values = [*far, chance_distance(now)]
    figure = bars(
        names,
        values,
        "mean distance in pixels",
        chosen=len(far),
        title="Layer 1: how far its heads look",
    )
    said = "; ".join(f"{name} {value:.1f} pixels" for name, value in zip(names, values, strict=True))
    components.chart(figure, "heads_first", f"Mean attention distance in layer 1: {said}.")


def everything(now: Context) -> None:
    """Every head of every layer: as maps, as one number each, or the chosen layer's heads compared."""
    views = (ATLAS, NUMBER, LIKENESS)
    view = st.segmented_control(
        "Show", views, key="heads_view", default=ATLAS, required=True, bind="query-params", persist_state="session"
    )
    (_number if view == NUMBER else _likeness if view == LIKENESS else _atlas)(now)
    if view != LIKENESS:
        _extremes(now)


def _chosen(now: Context) -> tuple[int, int] | None:
    return None if now.chosen.head is None else (now.chosen.layer, now.chosen.head)


def _atlas(now: Context) -> None:
    scale = display.scale("heads_atlas", ("per map", "shared", "log", "clipped"))
    rows, key = now.asking_rows(), "heads_atlas"
    title = f"All heads, asked by {now.query_name()}"
    figure = atlas([now.patch_map(one) for one in rows], scale=scale, chosen=_chosen(now), title=title)
    said = words.describe_grid([entropy(one) for one in rows], "Entropy of the asking token's row", "bits")
    components.chart(figure, key, f"{title}. {said}", components.pick_head(key))
    components.in_words(said)


def _number(now: Context) -> None:
    names, key = tuple(STATISTICS), "heads_summary"
    picked = st.selectbox(
        "Statistic",
        names,
        index=names.index("distance"),
        key="heads_statistic",
        bind="query-params",
        persist_state="session",
    )
    name = picked if picked in names else "distance"
    values = statistic(now, name)
    st.caption(STATISTICS[name].meaning)
    figure = head_summary(
        values, name, STATISTICS[name].unit, chosen=_chosen(now), title=f"{name.capitalize()} of every head"
    )
    said = words.describe_grid(values, name.capitalize(), STATISTICS[name].unit)
    components.chart(figure, key, said, components.pick_head(key))
    components.in_words(said)


def _extremes(now: Context) -> None:
    far = statistic(now, "distance")
    low, high = (np.unravel_index(int(at), far.shape) for at in (np.nanargmin(far), np.nanargmax(far)))
    st.markdown(
        f"Most local of all: **layer {low[0] + 1}, head {low[1] + 1}**, {far[low]:.1f} pixels. "
        f"Most global: **layer {high[0] + 1}, head {high[1] + 1}**, {far[high]:.1f} pixels. "
        f"A head that looks everywhere alike: {chance_distance(now):.1f} pixels."
    )


@st.fragment
def _likeness(now: Context) -> None:
    picked = st.selectbox(
        "Compare by", METRICS, key="heads_metric", bind="query-params", persist_state="session",
        help="cosine: strong weights decide. jensen-shannon: 1 minus the divergence in bits, all queries count alike.",
    )  # fmt: skip
    metric = picked if picked in METRICS else METRICS[0]
    values = head_similarity(now.heads(now.chosen.layer), metric)
    axis = Axis.text([str(h + 1) for h in range(len(values))])
    figure = matrix(
        values,
        axis,
        axis,
        unit=f"{metric} similarity",
        title=f"Heads of layer {now.chosen.layer + 1}: whole maps compared",
        height=500,
    )
    figure.update_xaxes(title_text="head", tickangle=0).update_yaxes(title_text="head")
    figure.data[0].hovertemplate = "heads %{customdata[0]} and %{customdata[1]}: %{z:.2f}<extra></extra>"
    figure.data[0].customdata = np.moveaxis(np.indices(values.shape) + 1, 0, -1)
    pairs = np.where(np.eye(len(values), dtype=bool), np.nan, values)
    said = "This layer has a single head."
    if len(values) > 1:
        one, two = np.unravel_index(int(np.nanargmax(pairs)), pairs.shape)
        said = f"Most alike: heads {one + 1} and {two + 1} with {pairs[one, two]:.2f}; "
        said += f"median of all pairs {np.nanmedian(pairs):.2f}. 1 is the same map."
    components.chart(figure, "heads_likeness", said)
    st.caption(said)


def distances_csv(now: Context) -> bytes:
    """Mean attention distance of every head, one line per head, layer and head counted from 1."""
    far = statistic(now, "distance")
    lines = [f"{layer + 1},{head + 1},{value}" for (layer, head), value in np.ndenumerate(far) if np.isfinite(value)]
    return ("layer,head,distance_pixels\n" + "\n".join(lines) + "\n").encode()
