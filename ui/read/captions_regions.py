"""Regions on page "One word, one look": which looks at which before any word is said, and what their order changes."""

from functools import partial

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning, describe_row, numbered, shown
from tutorials.findings.captions import largest_gap, shuffled
from tutorials.plain import plain
from ui.parts import components, parts
from ui.parts.controls import KEEP
from ui.read.captions import COVER, OF_BOXES
from ui.read.captions_proof import map_command
from ui.read.captions_view import fit_phone
from visualizer.figures.captions import regions_map
from visualizer.figures.mosaic import head_grid

LAYER, HEAD, REGION = "refiner_layer", "refiner_head", "region"
"""Keys of the widgets and names in the address; all count from 1."""
READS = "captions_reads"
OPEN = "mean opening of the gate"


@st.fragment
def refiner(now: Captioning) -> None:
    """What one region reads in one layer and head, and how far the gate of each region is open."""
    st.header("Before the first word: regions look at regions", anchor=False)
    if not now.refiner:
        st.caption("This network has no refiner, or the record does not keep its maps.")
        return
    st.markdown(
        "Every region asks every region, itself included, layer after layer; what it read passes a gate and is added to it. "
        "Click a region on the first picture, or give its number."
    )
    layers, heads = len(now.refiner), len(now.refiner[0].weights)
    # Where something is: the region that the first noun looked at most.
    start = int(now.rows(None)[next(iter(now.nouns), 0)].argmax()) + 1
    one, two, three = st.columns(3)
    layer = parts.number("Refiner layer", LAYER, 1, layers, 1, slide=True, otherwise=1, place=one)
    head = parts.number_menu("Refiner head", HEAD, heads, place=two, **KEEP)
    region = parts.number("Region that asks", REGION, 1, len(now.axis), start, otherwise=start, place=three)
    left, right = st.columns(2)
    with left:
        _reads(now, layer, head, region)
    with right:
        _gates(now, now.refiner[layer].layer, region)


def _reads(now: Captioning, layer: int, head: int | None, region: int) -> None:
    weights, number = now.refiner[layer].single, now.refiner[layer].layer
    row = weights[:, region].mean(axis=0) if head is None else weights[head][region]
    words = f"layer {number + 1}, {'mean of all heads' if head is None else f'head {head + 1}'}"
    components.panel(
        regions_map(
            now.picture.image,
            row,
            now.axis,
            now.record.geometry,
            query=[region],
            clickable=True,
            title=f"Read by region {region + 1}",
            opacity=COVER,
        ),
        READS,
        describe_row(now, row, f"Read by the {now.region_name(region)} in the refiner's {words}"),
        partial(parts.choose_clicked, READS, REGION),
        caption=f"{words.capitalize()}: {plain(numbered(now, region))}, gives {row[region]:.1%} of its attention to itself."
        + f" Orange outline: the region that asks. {OF_BOXES}" * (now.axis.grid is None),
    )
    with st.expander("The command of this map"):
        components.copy_commands([map_command(now, number, head, region, alpha=COVER)])


def _gates(now: Captioning, number: int, region: int) -> None:
    """How far the gates of the layer of that number are open."""
    gates = now.refiner_gates
    if gates is None or number >= len(gates):
        st.caption("The refiner of this network has no gates, or the record does not keep them.")
        return
    row, name = gates[number], f"Gates of the refiner's layer {number + 1}"
    components.panel(
        regions_map(
            now.picture.image,
            row,
            now.axis,
            now.record.geometry,
            query=[region],
            scale="per map",
            unit=OPEN,
            title=name,
            opacity=COVER,
        ),
        "captions_refiner_gates",
        describe_row(now, row, name, OPEN),
        caption=f"How far each region's gate is open, mean over its channels: {row.min():.1%} to {row.max():.1%}, mean "
        f"{row.mean():.1%}; region {region + 1}: {row[region]:.1%}. It opens for a mix of what the region read and of its own "
        "query. Each region has one gate a layer, shared by all heads.",
        below=False,
    )
    by_layer = ", ".join(f"{n + 1}: {one.mean():.0%}" for n, one in enumerate(gates))
    st.caption(
        f"Mean over all {len(now.axis)} regions by layer: {by_layer}. Regions differ most in layer "
        f"{int(np.ptp(gates, axis=1).argmax()) + 1}."
    )


def order_outcome(now: Captioning) -> None:
    """The outcome of the prediction: the same word's map for the regions in order and in a random order."""
    if not now.runs:
        return
    found = shuffled(now)
    if found.decoder.query.labels != now.words or found.moved != now.record.prediction.text:
        st.caption("The sentences differ, and so their maps are not compared.")
        return
    before, after = now.rows(None)[now.word], found.decoder.single.mean(axis=0)[now.word]
    back = np.empty_like(after)
    back[found.order] = after
    names, word = (
        ["as handed over in order", "as handed over, shuffled", "shuffled, put back"],
        shown(now.words[now.word]),
    )
    said = (
        f"Three maps for “{word}”: the regions in order, in a random order, and that order undone. The first and the third "
        f"differ by at most {np.abs(before - back).max():.1e}; over all words and heads, by at most {largest_gap(now, found):.1e}. "
        "The first record is kept with 16 bits a number, which alone makes up to 5e-4."
    )
    components.panel(
        fit_phone(
            head_grid(
                np.stack([before, after, back]).reshape(3, *(now.axis.grid or (1, len(now.axis)))),
                names=names,
                per_row=3,
                scale="shared",
                title=f"Mean of heads for “{word}”",
            )
        ),
        "captions_order",
        said,
        caption=said,
        below=False,
    )
