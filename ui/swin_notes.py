"""What page "Inside Swin" says before a large encoder runs, and about pages that the model turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from tutorials.findings.page import Document
from ui import readers
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Stage

_AGREED = "agreed_encoder"


def ask_before(name: str, document: Document, plan: Sequence[Stage]) -> None:
    """State what the encoder of a published reader takes, and wait for a click; stops the page until then."""
    wish = (name, document.key)
    if name == readers.BUNDLED or st.session_state.get(_AGREED) == wish:
        return
    st.info(estimate(name, plan))
    if st.button("Look inside", key="swin_now"):
        st.session_state[_AGREED] = wish
        st.rerun()
    st.stop()


def estimate(name: str, plan: Sequence[Stage]) -> str:
    """What looking into one block takes, in words."""
    first = plan[0]
    high, wide = (cells * size for cells, size in zip(first.grid, first.cell, strict=True))
    kept = max(one.heads * one.window**4 for one in plan) * 2 / 1e6
    every = sum(one.heads * one.window**4 * one.partition(0).count * one.blocks for one in plan) * 2 / 1e9
    return (
        f"{name} works on {high:,} x {wide:,} pixels. Every look at another window or block runs the encoder up to that block, "
        f"which can take a minute on two processor cores and needs about 0.7 GB of memory beside the loaded weights. Only the "
        f"window of the chosen cell is kept, at most {kept:.2f} MB; all windows of all blocks would be {every:.2f} GB."
    )


def turned(geometry: Geometry) -> str:
    """How rows and columns of the model run on a page that it turned; "" if it did not.

    >>> turned(Geometry.of(4, 3))
    ''
    >>> turned(Geometry.of(4, 3).turn(1))
    'The model turns this page before it reads it: on the page as shown here, its rows count to the left and its columns \
count down. The arrow buttons go by its rows and columns.'
    """
    linear = np.asarray(geometry.matrix)[:, :2]
    if not linear[0, 1] and not linear[1, 0]:
        return ""
    origin, right, down = geometry.to_original([[0, 0], [1, 0], [0, 1]])
    return (
        f"The model turns this page before it reads it: on the page as shown here, its rows count {_way(down - origin)} and "
        f"its columns count {_way(right - origin)}. The arrow buttons go by its rows and columns."
    )


def _way(step: Sequence[float]) -> str:
    x, y = step
    if abs(x) > abs(y):
        return "to the right" if x > 0 else "to the left"
    return "down" if y > 0 else "up"
