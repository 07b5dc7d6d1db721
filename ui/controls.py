"""The controls of methods and of drawing, shared by pages; every value is checked, whatever the address says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from tutorials.findings import Context
from tutorials.findings.methods import METHODS, Knobs
from visualizer.measures.mixing import HEAD_FUSIONS
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


def method(key: str, options: Sequence[str] | None = None, label: str = "Method", first: str = "one layer") -> str:
    """A menu of the methods."""
    names = list(options or METHODS)
    chosen = st.selectbox(label, names, index=names.index(first), key=key, **KEEP)
    return one_of(chosen, names)


def knobs(now: Context, names: Sequence[str], prefix: str = "", columns: int = 1) -> Knobs:
    """One control for each of `names` (fields of `Knobs`) in that many columns; the other knobs keep their defaults."""
    told: dict[str, Any] = {}
    places = st.columns(columns) if names else []
    for number, name in enumerate(names):
        with places[number % columns]:
            told[name] = _KNOBS[name](now, prefix + name)
    return Knobs(**told)


def _fusion(now: Context, key: str) -> str:
    picked = st.segmented_control(
        "Head fusion", HEAD_FUSIONS, default="mean", key=key, required=True, wrap=True, **KEEP,
        help="How the heads of a layer become one matrix. After max or min each row is divided by its sum.",
    )  # fmt: skip
    return one_of(picked, HEAD_FUSIONS)


def _residual(now: Context, key: str) -> float:
    share = st.slider(
        "Residual share r", 0.0, 0.95, 0.5, 0.05, key=key, **KEEP,
        help="Share of the skip connection, r = α / (1 + α). The usual α = 1 is r = 0.5.",
    )  # fmt: skip
    return within(share, 0, 0.95)


def _discard(now: Context, key: str) -> float:
    ratio = st.slider(
        "Discard ratio", 0.0, 0.95, 0.0, 0.05, key=key, **KEEP,
        help="Share of the smallest entries of each row set to zero, special tokens excepted; rows are rescaled.",
    )  # fmt: skip
    return within(ratio, 0, 0.95)


def _start(now: Context, key: str) -> int:
    most = len(now.record.maps)
    if st.session_state.get(key, 1) != within(st.session_state.get(key, 1), 1, most):
        st.session_state.pop(key)  # left over from a model with more layers
    if most == 1:
        return 0
    first = st.slider("Start layer", 1, most, 1, key=key, **KEEP, help="1 is nearest the picture.")
    return int(within(first, 1, most)) - 1


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


_KNOBS = {"fusion": _fusion, "residual": _residual, "discard": _discard, "start": _start, "target": target}
