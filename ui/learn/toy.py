"""The toy of the page "One query": a picture of 4 x 4 patches whose attention can be worked out on paper."""

from typing import Any

import streamlit as st

from tutorials.findings import Context
from tutorials.findings import toy as numbers
from ui.parts import components, script, widgets
from ui.store import figures
from visualizer.words import maps as words

STRETCHES = ("0.25", "0.5", "1", "2", "4")
ROW, COLUMN, STRETCH = "toy_row", "toy_column", "toy_stretch"
"""Keys of its controls; row and column count from 1 and are not those of the picture."""


def stretch(key: str) -> float:
    """What the slider of that key multiplies the scale by."""
    found = str(st.session_state.get(key, "1"))
    return float(found) if found in STRETCHES else 1.0


def draw(_now: Context) -> None:
    """The toy's tokens and the row of one of them, whose attention can be worked out on paper."""
    row, column = (int(st.session_state.get(key, first)) - 1 for key, first in ((ROW, 2), (COLUMN, 3)))
    query, steps = row * numbers.GRID[1] + column, numbers.steps(row, column, stretch(STRETCH))
    left, right = st.columns(2)
    with left:
        said = "A 4 by 4 grid; every cell holds a token x, its query q and its key k."
        made = figures.one(("toy", query), lambda: numbers.tokens_figure(query, "The toy's tokens"))
        components.chart(made, "query_toy_tokens", said, _pick)
    with right:
        title = f"Row {row + 1}, column {column + 1} asks"
        said = words.describe(steps.weights, numbers.GRID, title, "weight")
        made = figures.one(("toy", query, steps.factor), lambda: numbers.steps_figure(steps, query, title))
        components.chart(made, "query_toy_row", said, _pick)
    best = int(steps.strongest(1)[0])
    q, k = numbers.QUERIES[query].tolist(), numbers.KEYS[best].tolist()
    st.markdown(
        f"**By hand**, for the strongest key, row {best // 4 + 1}, column {best % 4 + 1}: q·k = {q[0]} × {k[0]} + "
        f"{q[1]} × {k[1]} = {steps.products[best]:.0f}; times {steps.factor:.3f} is {steps.scaled[best]:.2f}; the "
        f"largest of the row, so its power is e⁰ = 1; all 16 powers add up to {steps.total:.3f}; 1 / "
        f"{steps.total:.3f} = **{steps.weights[best]:.1%}**."
    )


def _pick(points: list[Any]) -> None:
    for patch in script.numbers(points)[:1]:
        if 0 <= patch < numbers.GRID[0] * numbers.GRID[1]:
            st.session_state.update({ROW: patch // numbers.GRID[1] + 1, COLUMN: patch % numbers.GRID[1] + 1})


def controls(_now: Context) -> None:
    """Draw the toy's row, column and scale."""
    places = st.columns([1, 1, 2], vertical_alignment="bottom")
    for place, label, key, first in zip(places, ("Toy row", "Toy column"), (ROW, COLUMN), (2, 3), strict=False):
        widgets.number(label, 1, 4, key, first, place=place)
    widgets.steps("Multiply 1/√2 by", STRETCHES, STRETCH, "1", place=places[2], help="1 is how models do it.")
