"""Which part of the page is shown: zoom, pan and reset, and the minimap that says where one is."""

from __future__ import annotations

import numpy as np
import streamlit as st

from tutorials.findings.page import Reading
from ui import controls, parts
from visualizer.figures.reading import minimap
from visualizer.measures.pointing import Box, centred, say_window, viewport

ZOOM, ACROSS, DOWN = "zoom", "across", "down"
"""Keys of the widgets and names in the address; zoom is a factor, across and down are percent."""
MOST_ZOOM = 8.0


def choose(now: Reading) -> Box:
    """The controls and the minimap; returns what part of the page to draw, in its own pixels."""
    size = page_size(now)
    wanted = st.slider("Zoom", 1.0, MOST_ZOOM, 1.0, 0.5, key=ZOOM, format="%.1f ×", **controls.KEEP)
    zoom = controls.within(wanted, 1, MOST_ZOOM)
    left, right = st.columns(2)
    off = zoom == 1
    across = left.slider("Pan left to right (%)", 0, 100, 50, 1, key=ACROSS, disabled=off, **controls.KEEP)
    down = right.slider("Pan top to bottom (%)", 0, 100, 50, 1, key=DOWN, disabled=off, **controls.KEEP)
    window = viewport(size, zoom, controls.within(across, 0, 100) / 100, controls.within(down, 0, 100) / 100)
    with st.container(horizontal=True):
        st.button("Reset the view", key="reading_reset", on_click=_reset, disabled=off)
        peak = strongest_place(now)
        st.button(
            "Go to the strongest cell",
            key="reading_centre",
            on_click=_centre,
            args=(size, peak),
            disabled=peak is None,
            help="Zooms in three times, if the whole page is shown, with that cell in the middle.",
        )
    said = say_window(size, window)
    parts.figure(minimap(now.document.image, window, size), "reading_minimap", said, caption=said)
    return window


def _reset() -> None:
    st.session_state[ZOOM], st.session_state[ACROSS], st.session_state[DOWN] = 1.0, 50, 50


def _centre(size: tuple[int, int], point: tuple[float, float]) -> None:
    zoom = controls.within(st.session_state.get(ZOOM, 1), 1, MOST_ZOOM)
    st.session_state[ZOOM] = zoom if zoom > 1 else 3.0
    x, y = centred(size, st.session_state[ZOOM], point)
    st.session_state[ACROSS], st.session_state[DOWN] = round(100 * x), round(100 * y)


def page_size(now: Reading) -> tuple[int, int]:
    """(width, height) of the original page in pixels."""
    found = now.record.geometry.original if now.record.geometry else now.document.image.size
    return int(found[0]), int(found[1])


def page_shape(now: Reading) -> float:
    """Height over width of the page."""
    width, height = page_size(now)
    return height / width


def figure_height(now: Reading) -> int:
    """Height in pixels of a figure that shows the page: just what its width leaves to be filled, and at most 620."""
    across = 342 if controls.on_phone() else 468
    return min(620, round(across * page_shape(now)) + 100)


def strongest_place(now: Reading) -> tuple[float, float] | None:
    """Middle of the strongest cell in pixels of the original page; None where the model's page is not known."""
    geometry, heat = now.record.geometry, now.heat()
    if geometry is None or not np.isfinite(heat).any():
        return None
    row, column = divmod(int(np.nanargmax(heat)), heat.shape[1])
    at = [(column + 0.5) / heat.shape[1] * geometry.seen[0], (row + 0.5) / heat.shape[0] * geometry.seen[1]]
    x, y = geometry.to_original([at])[0]
    return float(x), float(y)
