"""Named controls that change how a map looks or which head is looked at, shared by several pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from numpy.typing import ArrayLike

from tutorials.findings import Context
from ui import components, state
from visualizer.export.files import overlay_png
from visualizer.style.scale import MODES, Scale

COMPARING = ("shared", "per map", "log", "clipped")
"""Colour scales for figures of several maps, where "raw" would mean "shared"."""


def scale(page: str, modes: Sequence[str] = COMPARING) -> Scale:
    """Let the reader choose the colour scale of the page's maps, the first of `modes` unless changed."""
    left, right = st.columns(2, vertical_alignment="bottom")
    mode = left.selectbox(
        "Colour scale", modes, key=f"{page}_scale", bind="query-params", persist_state="session",
        help="; ".join(f"{name}: {MODES[name]}" for name in modes) + ".",
    )  # fmt: skip
    chosen = mode if mode in modes else modes[0]
    if chosen != "clipped":
        right.caption(f"{chosen}: {MODES[chosen]}.")
        return Scale(chosen)
    percentile = right.slider(
        "Percentile that keeps its colour",
        80,
        100,
        99,
        key=f"{page}_clip",
        bind="query-params",
        persist_state="session",
    )
    return Scale(chosen, clip_percentile=float(min(max(int(percentile), 1), 100)))


def steps(now: Context, page: str) -> None:
    """Buttons to the next layer and head: the twin of clicking, for keyboard and touch."""
    layers, heads = len(now.record.maps), len(now.record.maps[now.chosen.layer].weights)
    moves = (("Layer −", -1, 0), ("Layer +", 1, 0), ("Head −", 0, -1), ("Head +", 0, 1))
    with st.container(horizontal=True):
        for name, deeper, further in moves:
            ends = deeper and not 0 <= now.chosen.layer + deeper < layers
            st.button(name, key=f"{page}_{name}", on_click=_step, args=(deeper, further, heads), disabled=bool(ends))


def _step(deeper: int, further: int, heads: int) -> None:
    st.session_state[state.LAYER] = max(1, int(st.session_state[state.LAYER]) + deeper)
    if further:
        head = str(st.session_state[state.HEAD])
        at = int(head) if head.isdigit() else 0  # 0 is the mean of all heads
        place = (at + further) % (heads + 1)
        st.session_state[state.HEAD] = str(place) if place else "mean"


def map_name(now: Context) -> str:
    """Where the chosen map comes from, in words: layer, head and who asks."""
    return f"layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}"


def overlay(now: Context, values: ArrayLike, caption: str, **look: Any) -> bytes:
    """A map over the page's picture, as the bytes of a PNG; `look` as `overlay_png` takes it."""
    return overlay_png(now.picture.image, values, now.record.geometry, caption, **look)


def pick_number(key: str, shared: str, first: int = 0) -> None:
    """Make the clicked map of a mosaic, numbered from 0, the shared layer or head; for callbacks."""
    points = components.chosen_points(key)
    if points and isinstance(points[0], int):
        number = first + points[0] + 1
        st.session_state[shared] = number if shared == state.LAYER else str(number)
