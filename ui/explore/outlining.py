"""An outline of one's own, where a picture has none: a box that is dragged, or corners that are clicked one after the other."""

import re
from functools import partial
from typing import Any

import streamlit as st

from tutorials.findings import Context
from ui.frame import address, texts
from ui.parts import components, script, widgets
from ui.store import pictures
from visualizer.figures import overlay

CELLS, MOST = 32, 60
"""Cells along each side of the picture that clicks and boxes are rounded to; corners of an outline."""


def control(now: Context) -> bool:
    """Draw the switch, for pictures whose truth nobody knows; whether the reader is drawing."""
    if not now.picture.is_photograph or pictures.outlines(now.picture.id) or now.picture.id.startswith("bundle"):
        return False
    key = _key(now)
    address.take(key, "", _read, "the outline")
    address.note(key, st.session_state[key], "")
    drawing = widgets.toggle(texts.say("draw_outline"), "draw_outline", help=texts.say("draw_outline_help"))
    if st.session_state[key]:
        st.button(texts.say("clear_outline"), on_click=st.session_state.update, args=({key: ""},), key="clear_outline")
    return drawing


def _key(now: Context) -> str:
    return f"{pictures.DRAWN}-{now.picture.id}"


def _read(text: str) -> str:
    """Corners as the address carries them, in thousandths of the picture: ``120,80 400,80 400,510``."""
    corner = r"(1000|\d{1,3}),(1000|\d{1,3})"
    if not re.fullmatch(rf"{corner}( {corner}){{0,{MOST - 1}}}", text, re.ASCII):
        raise ValueError(f"Want corners of an outline such as 120,80 400,80 400,510, got {widgets.quoted(text)}")
    return text


def picture(now: Context) -> None:
    """The picture on squared paper, with the corners so far."""
    corners = str(st.session_state[_key(now)])
    outline = pictures.drawn(now.picture.id)
    figure = overlay.bare(
        now.picture.image,
        (CELLS, CELLS),
        query=[_cell(corner) for corner in corners.split()],
        truth=None if outline is None else outline.mask(),
        box=True,
        outlined="corner of the outline",
        title=texts.say("outline_title"),
        height=440,
    )
    components.chart(
        figure, "outline_picture", texts.say("outline_alt", corners=corners or "-"), partial(_pick, _key(now))
    )
    st.caption(texts.say("outline_caption"))


def _cell(corner: str) -> int:
    column, row = (min(int(part) * CELLS // 1000, CELLS - 1) for part in corner.split(","))
    return row * CELLS + column


def _pick(key: str, points: list[Any]) -> None:
    """One cell: another corner, its middle. Several, from a box: their rim."""
    cells = [divmod(n, CELLS) for point in points for n in script.numbers([point])[:1] if 0 <= n < CELLS**2]
    if len(cells) > 1:
        (top, *_, bottom), (left, *_, right) = (sorted(one) for one in zip(*cells, strict=True))
        ends = [(left, top), (right + 1, top), (right + 1, bottom + 1), (left, bottom + 1)]
        corners = [(1000 * x // CELLS, 1000 * y // CELLS) for x, y in ends]
    else:
        before = str(st.session_state.get(key, "")).split()[: MOST - len(cells)]
        corners = [(int(x), int(y)) for x, _, y in (one.partition(",") for one in before)]
        corners += [((2 * x + 1) * 500 // CELLS, (2 * y + 1) * 500 // CELLS) for y, x in cells]
    st.session_state[key] = " ".join(f"{x},{y}" for x, y in corners)
    st.session_state["outlined"] = True
