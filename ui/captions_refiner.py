"""The refiner's part of page "One word, one look": which region looks at which, before any word is said."""

from __future__ import annotations

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning, describe_row, numbered, plain
from ui import components, controls, read_commands
from ui.captions import COVER, OF_BOXES
from visualizer.figures.captions import regions_map

LAYER, HEAD, REGION = "refiner_layer", "refiner_head", "region"
"""Keys of the widgets and names in the address; all count from 1."""
READS, GATES = "captions_reads", "captions_refiner_gates"
OPEN = "mean opening of the gate"


@st.fragment
def draw(now: Captioning) -> None:
    """What one region reads in one layer and head, and how far the gate of each region is open."""
    st.header("Before the first word: regions look at regions", anchor=False)
    maps = now.refiner
    if not maps:
        st.caption("This network has no refiner, or the record does not keep its maps.")
        return
    st.markdown(
        "Every region asks every region, itself included, layer after layer; what it read passes a gate and is added to it. "
        "Click a region on the first picture, or give its number."
    )
    layer, head, region = _choose(now)
    weights = maps[layer].single
    row = weights[:, region].mean(axis=0) if head is None else weights[head][region]
    words = f"layer {maps[layer].layer + 1}, {'mean of all heads' if head is None else f'head {head + 1}'}"
    left, right = st.columns(2)
    with left:
        said = describe_row(now, row, f"Read by the {now.region_name(region)} in the refiner's {words}")
        fig = regions_map(
            now.picture.image, row, now.axis, now.record.geometry, query=[region], clickable=True,
            title=f"Read by region {region + 1}", opacity=COVER,
        )  # fmt: skip
        components.chart(fig, READS, said, _pick)
        st.caption(
            f"{words.capitalize()}: {plain(numbered(now, region))}, gives {row[region]:.1%} of its attention to itself."
            + f" Orange outline: the region that asks. {OF_BOXES}" * (now.axis.grid is None)
        )
        components.in_words(said)
        with st.expander("The command of this map"):
            components.copy_commands([read_commands.region(now, layer, head, region)])
    with right:
        _gates(now, layer, region)


def _choose(now: Captioning) -> tuple[int, int | None, int]:
    layers, heads, regions = len(now.refiner), len(now.refiner[0].weights), len(now.axis)
    one, two, three = st.columns(3)
    start = _start(now) + 1
    for key, most, first in ((LAYER, layers, 1), (REGION, regions, start)):
        if key in st.session_state and st.session_state[key] != int(controls.within(st.session_state[key], 1, most)):
            st.session_state[key] = first  # left over from a record with more of them
    names = ["mean", *(str(n + 1) for n in range(heads))]
    if st.session_state.get(HEAD, "mean") not in names:
        st.session_state[HEAD] = "mean"
    layer = one.slider("Refiner layer", 1, layers, 1, key=LAYER, **controls.KEEP) if layers > 1 else 1
    head = controls.one_of(two.selectbox("Refiner head", names, key=HEAD, **controls.KEEP), names)
    region = three.number_input("Region that asks", 1, regions, start, key=REGION, **controls.KEEP)
    return (
        int(controls.within(layer, 1, layers)) - 1,
        int(head) - 1 if head.isdigit() else None,
        int(controls.within(region, 1, regions)) - 1,
    )


def _start(now: Captioning) -> int:
    """The region that the first noun looked at most: a place where something is."""
    noun = next(iter(now.nouns), 0)
    return int(now.rows(None)[noun].argmax())


def _pick() -> None:
    points = components.chosen_points(READS)
    if points and isinstance(points[0], int):
        st.session_state[REGION] = points[0] + 1


def _gates(now: Captioning, layer: int, region: int) -> None:
    gates = now.refiner_gates
    number = now.refiner[layer].layer
    if gates is None or number >= len(gates):
        st.caption("The refiner of this network has no gates, or the record does not keep them.")
        return
    row = gates[number]
    name = f"Gates of the refiner's layer {number + 1}"
    fig = regions_map(
        now.picture.image, row, now.axis, now.record.geometry, query=[region], scale="per map", unit=OPEN, title=name,
        opacity=COVER,
    )  # fmt: skip
    components.chart(fig, GATES, describe_row(now, row, name, OPEN))
    st.caption(
        f"How far each region's gate is open, mean over its channels: {row.min():.1%} to {row.max():.1%}, mean {row.mean():.1%}; "
        f"region {region + 1}: {row[region]:.1%}. It opens for a mix of what the region read and of its own query. Each region has "
        "one gate a layer, shared by all heads."
    )
    by_layer = ", ".join(f"{n + 1}: {one.mean():.0%}" for n, one in enumerate(gates))
    st.caption(
        f"Mean over all {len(now.axis)} regions by layer: {by_layer}. Regions differ most in layer "
        f"{int(np.ptp(gates, axis=1).argmax()) + 1}."
    )
