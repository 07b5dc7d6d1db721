"""Numbers under the maps for two classes: how much lies on which object, and what the shares of a score sum to."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings import Context, asked
from tutorials.findings.relevance import RULES
from ui.parts import components
from visualizer.figures.summary import curves
from visualizer.measures.controls import colour_contrast
from visualizer.method import Map, methods

HEIGHT = 350
"""Pixels of a figure that stands beside a step."""


def table(now: Context, found: Mapping[str, Map], targets: Mapping[str, str]) -> None:
    """Share of the positive part of every map on each object, beside maps that know no model."""
    covers = asked.covers(now)
    if not covers:
        st.caption("Where the objects of a photograph are is not known exactly, so there is no score.")
        return
    maps = {name: asked.values(one) for name, one in found.items()}
    contrast = np.nan_to_num(colour_contrast(now.picture.image, now.grid, now.record.geometry))
    rows = {**maps, "colour contrast (no model)": contrast, "chance (a shuffled map on average)": np.ones(now.grid)}
    on = [asked.shares(now, one) for one in rows.values()]
    columns = {f"on the {shape}": [f"{one[shape]:.1%}" for one in on] for shape in covers}
    components.table({"share of the map's positive part": list(rows), **columns})


def sums(targets: Callable[[Context], Mapping[str, str]]) -> Callable[[Context], None]:
    """Draws what the shares of the score of the first target sum to after every layer, by two rules."""

    def draw(now: Context) -> None:
        named = now.record.prediction.labels
        first = next((target for target in targets(now).values() if target in named), "")
        if not first:
            st.info(asked.NO_CLASSES.text)
        elif why := now.unfit(methods()[RULES[0]]):
            st.info(f"{methods()[RULES[0]].heading} has no shares here: {why}.")
        else:
            with st.spinner("The model is looking again ..."):
                components.kept(now, "relevance_sums", _sums, first)

    return draw


def _sums(now: Context, target: str) -> tuple[Any, str, str]:
    found = {methods()[name].heading: asked.sums(now, name, target) for name in RULES}
    score = next(iter(found.values()))[1]
    lines = {name: stages for name, (stages, _) in found.items()}
    figure = curves(
        lines,
        "sum of relevance over all tokens",
        layers=range(len(next(iter(lines.values())))),
        reference={f"score of {target}: {score:.2f}": score, "0": 0},
        title="Do the shares add up to the score?",
        height=HEIGHT,
    )
    figure.update_xaxes(title_text="tokens that enter layer")
    told = "; ".join(f"{name} {stages[0]:.2f} ({stages[0] / score:.0%})" for name, stages in lines.items())
    said = f"Score of {target}: {score:.2f}. Sum of relevance at the tokens that enter layer 1: {told}. The last point is behind the last layer."
    return figure, said, said
