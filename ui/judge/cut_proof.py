"""The end of the page "Flow and the cut": layers between that know nothing, the picture moved, patches painted over."""

from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context, cut, pipes
from ui.parts import components
from ui.store import resources
from visualizer.figures.comparison import before_after
from visualizer.measures.deletion import count

HEIGHT = 350
"""Pixels of a figure that stands beside a step."""
UNIT = "largest flow"


def shuffled(now: Context, residual: float) -> tuple[Any, str, str]:
    """The flow as it is, and with layers between that know nothing, on one scale."""
    before, after = pipes.live(now, residual), pipes.live_shuffled(now, residual)
    figure = before_after(
        now.picture.image,
        before.flow,
        after.flow,
        ("flow", "layers shuffled"),
        now.record.geometry,
        difference=False,
        unit=UNIT,
        height=HEIGHT,
    )
    apart = np.abs(before.flow - after.flow)
    told = (
        f"Residual share {residual:g}. Largest change of a flow: {apart.max():.3f}; flows that change by more than {cut.CHANGED:g}: "
        f"{int((apart > cut.CHANGED).sum())} of {apart.size}. Rank correlation of the rollout before and after: "
        f"{pipes.alike(before.rollout, after.rollout):+.2f}."
    )
    return figure, told, told


def moved(now: Context, residual: float) -> tuple[Any, ...]:
    """The flow of the picture, and of the picture moved by whole patches, on one scale."""
    if now.picture.scene is None:
        return (
            "A photograph whose one edge comes back at the other gets a seam. Choose one of the drawn scenes in the sidebar.",
        )
    before, after = pipes.live(now, residual), pipes.live_moved(now, residual)
    figure = before_after(
        (now.picture.image, pipes.moved(now.picture.image, now.grid)),
        before.flow,
        after.flow,
        ("flow", "picture moved"),
        now.record.geometry,
        difference=False,
        unit=UNIT,
        height=HEIGHT,
    )
    told = [
        f"{name}: {along:+.2f} with the old map moved along, {left:+.2f} with it left where it was"
        for name, (along, left) in zip(("flow", "rollout"), pipes.followed(before, after), strict=True)
    ]
    said = (
        f"Moved {pipes.DOWN} patches down and {pipes.RIGHT} right. Rank correlations of the new map, {'; '.join(told)}."
    )
    return figure, said, said


def deletion(now: Context, residual: float) -> None:
    """What is left of the likeliest class after each deletion, beside controls that know no model."""
    found = resources.once(("cut deletion", now.model, now.picture.key), lambda: cut.costs(now))
    if found is None:
        st.info(f"{now.model} names no classes, so there is no probability that could fall.")
        return
    label = now.record.prediction.top(1)[0][0]
    components.bar_chart(
        "cut_deletion",
        [(name, 100 * float(values.mean())) for name, values in found.items()],
        f"probability of {label} in %",
        "{}: {:.1f} %",
        (f"Probability of {label}. ", "."),
        title="The probability that is left",
        height=HEIGHT,
    )
    st.caption(
        f"{count(now.grid)} patches painted over with the picture's mean colour; residual share 0.5. Attention flow (ties decided by lot) "
        f"and random: mean of {len(found['random'])} draws."
    )
