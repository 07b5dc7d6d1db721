"""The controls of methods and of drawing, shared by pages; every value is checked, whatever the address says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from tutorials.findings import Context
from visualizer.method import Knob, methods
from visualizer.style import theme
from visualizer.style.scale import MODES

KEEP: dict[str, Any] = {"bind": "query-params", "persist_state": "session"}
"""In the address, and kept while other pages are visited."""


@dataclass(frozen=True)
class Display:
    """How a map is drawn; nothing here changes the numbers except `scale`, which is printed on the figure."""

    opacity: float
    colormap: str
    smooth: bool
    scale: str
    truth: Any


def one_of(value: Any, options: Sequence[str]) -> str:
    """`value` if it is offered, else the first option."""
    return str(value) if value in options else options[0]


def within(value: Any, low: float, high: float) -> float:
    """`value` clamped; `low` for what is no number."""
    try:
        return min(max(float(value), low), high)
    except (TypeError, ValueError):
        return low


def method(now: Context, key: str, more: Sequence[str] = (), label: str = "Method", first: str = "") -> str:
    """A menu of the methods that have a map here, by their titles; the others stand below it with the reason.

    Args:
        now: the picture under the model.
        key: of the menu, and its name in the address.
        more: what the menu offers beside methods.
        label: over the menu.
        first: title that is chosen at first; "" takes the first method.

    Returns:
        The name of a method, or one of `more`.
    """
    why = {one: one.unfit(now.record) or now.lacks(one) for one in methods().values()}
    names = {**{text: text for text in more}, **{one.label: one.name for one, reason in why.items() if not reason}}
    titles = list(names)
    chosen = st.selectbox(label, titles, index=titles.index(first or titles[0]), key=key, **KEEP)
    missing = "; ".join(f"{one.label} ({reason})" for one, reason in why.items() if reason)
    if missing:
        st.caption(f"Not here: {missing}.")
    return names[one_of(chosen, titles)]


def knobs(now: Context, wanted: Sequence[Knob], prefix: str = "", columns: int = 1) -> dict[str, Any]:
    """One control for each knob in that many columns: its values by name; the asking patch needs no control."""
    shown = [knob for knob in wanted if not isinstance(knob.default, tuple)]
    places = st.columns(columns) if shown else []
    found = {}
    for number, knob in enumerate(shown):
        with places[number % columns]:
            found[knob.name] = _knob(now, knob, prefix + knob.key)
    return found


def _knob(now: Context, knob: Knob, key: str) -> Any:
    if knob.choices:
        picked = st.segmented_control(
            knob.label, knob.choices, default=knob.default, key=key, required=True, wrap=True, help=knob.help, **KEEP
        )
        return one_of(picked, knob.choices)
    if isinstance(knob.default, float):
        low, most = float(knob.low), knob.high - knob.step
        share = st.slider(knob.label, low, most, knob.default, knob.step, key=key, help=knob.help, **KEEP)
        return within(share, low, most)
    # A layer counts from 0 in Python and from 1 on pages; sides of squares are what they are.
    first, most = (1, len(now.record.maps)) if knob.low == 0 else (0, min(now.grid))
    low, start = int(knob.low) + first, knob.default + first
    if st.session_state.get(key, start) != within(st.session_state.get(key, start), low, most):
        st.session_state.pop(key)  # left over from a model with more layers
    if most <= low:
        return knob.default
    return int(within(st.slider(knob.label, low, most, start, key=key, help=knob.help, **KEEP), low, most)) - first


def target(now: Context, key: str, label: str = "Class asked about", first: str = "") -> str:
    """A menu of classes worth asking about: the shapes of a scene, the likeliest five, and the one in the address."""
    prediction, scene = now.record.prediction, now.picture.scene
    shapes = [thing.shape for thing in scene.things if thing.shape in prediction.labels] if scene else []
    asked = [str(st.session_state.get(key) or st.query_params.get(key, ""))]
    wanted = [first, *shapes, *(name for name, _ in prediction.top(5)), *asked]
    names = [name for name in dict.fromkeys(wanted) if name in prediction.labels]
    if not names:
        st.caption("This model names no classes.")
        return ""
    if st.session_state.get(key) not in names:
        st.session_state.pop(key, None)
    chosen = one_of(st.selectbox(label, names, key=key, **KEEP), names)
    st.caption(f"The model gives it {prediction.probabilities[prediction.labels.index(chosen)]:.1%}.")
    return chosen


def display(now: Context) -> Display:
    """Opacity, colours, blending, scale and the true outline."""
    # No format_func on bound menus: the address would carry the words.
    mode = one_of(st.selectbox("Scale", list(MODES), key="scale", **KEEP), list(MODES))
    st.caption(f"{mode}: {MODES[mode]}.")
    colours = one_of(st.selectbox("Colours", list(theme.COLORMAPS), key="colours", **KEEP), list(theme.COLORMAPS))
    st.caption(f"{colours}: {theme.NOTES[colours]}.")
    opacity = st.slider("Opacity of the map", 0.0, 1.0, 0.6, 0.05, key="opacity", **KEEP)
    smooth = st.toggle("Blend between patches", key="smooth", **KEEP, help="Adds no knowledge: one number a patch.")
    return Display(
        opacity=within(opacity, 0, 1),
        colormap=colours,
        smooth=bool(smooth),
        scale=mode,
        truth=truth(now),
    )


def truth(now: Context) -> Any:
    """The true outline if the reader wants it; None for pictures without one."""
    scene = now.picture.scene
    if scene is None or not st.toggle("Show the true outline", key="truth", **KEEP):
        return None
    return scene.mask


def on_phone() -> bool:
    """Whether the browser says that it is a phone's; figures of several panels then stack them."""
    return "Mobi" in str(st.context.headers.get("User-Agent", ""))


def query_patches(now: Context) -> tuple[int, ...]:
    """Numbers of the asking patches; () while a special token asks."""
    alone = now.chosen.query - now.axis.prefix
    return now.chosen.patches or ((alone,) if alone >= 0 else ())
