"""What page "Inside Swin" looks at: reader, page, stage, block, head and cell, all checked. The decoder never runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from tutorials.findings.page import Document, Inside, cell_at
from ui import readers, reading, resources, swin_notes
from ui.components import chosen_points
from ui.controls import KEEP
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Stage

STAGE, BLOCK, HEAD, ROW, COLUMN = "stage", "block", "swin_head", "swin_row", "swin_column"
"""Keys of the widgets and names in the address; all count from 1 there."""

MEAN = "mean"
FIRST_STAGE = 3
"""Stage shown first, if there are so many: its windows are large enough to see, and it has a shifted block."""
START = (0.36, 0.3)
"""Where the first query lies, in heights and widths of the model's input."""
LARGEST_VIEW = 640
"""Longest side of the kept picture of what the model saw, in pixels."""
_PLACE = "swin_place"


def middle_of(row: int, column: int, grid: tuple[int, int]) -> tuple[float, float]:
    """(down, right) of the middle of a cell, in heights and widths of the grid."""
    return (row + 0.5) / grid[0], (column + 0.5) / grid[1]


@st.cache_resource(max_entries=16, show_spinner=False)
def _seen(name: str, key: str, _document: Document) -> tuple[Geometry, Image.Image]:
    # `_document` is not part of the cache's key: `key` stands for its pixels.
    loaded = readers.model(name)
    ready = loaded.prepare(_document.image)
    std, mean = (np.asarray(v, np.float32)[:, None, None] for v in (loaded.recipe.std, loaded.recipe.mean))
    bright = np.clip(ready.pixels[0].numpy() * std + mean, 0, 1) * 255
    image = Image.fromarray(bright.round().astype(np.uint8).transpose(1, 2, 0))
    image.thumbnail((LARGEST_VIEW, LARGEST_VIEW), Image.Resampling.LANCZOS)
    return ready.geometry, image


def context(top: DeltaGenerator, below: DeltaGenerator) -> Inside:
    """Draw the menus and return what they choose; stops the page if it cannot be read.

    Args:
        top: where stage, block and head are chosen.
        below: where the cell is chosen.
    """
    name, document = reading.chosen()
    try:
        with st.spinner("The encoder is running ..."):
            plan = readers.stages(name)
        swin_notes.ask_before(name, document, plan)
        with st.spinner("The encoder is running ..."):
            geometry, seen = _seen(name, document.key, document)
        now = Inside(name, document, plan, *_menus(plan, top, below), geometry, seen, resources.run)
        with st.spinner("The encoder is running ..."):
            _ = now.windows
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{name} cannot show this page: {error}")
        st.info("Choose another reader or page in the sidebar; everything else is as you left it.")
        st.stop()
    return now


def _menus(
    plan: tuple[Stage, ...], top: DeltaGenerator, below: DeltaGenerator
) -> tuple[int, int, int | None, tuple[float, float]]:
    """The menus; what they choose as (stage, block, head, place)."""
    left, middle, right = top.columns([3, 3, 2])
    with left:
        stage = _one_of("Stage", STAGE, len(plan), min(FIRST_STAGE, len(plan)), "1 is nearest the page.")
    here = plan[stage]
    with middle:
        shifted = [str(n + 1) for n, shift in enumerate(here.shifts) if shift]
        words = f"Shifted blocks of this stage: {', '.join(shifted)}." if shifted else "No block of this stage shifts."
        block = _one_of("Block", BLOCK, here.blocks, 1, words)
    with right:
        options = [MEAN, *(str(n + 1) for n in range(here.heads))]
        if st.session_state.get(HEAD, MEAN) not in options:
            st.session_state[HEAD] = MEAN
        head = st.selectbox("Head", options, key=HEAD, help="mean: the mean of all heads of this block.", **KEEP)
    with below:
        place = _cell_menu(here.grid)
    return stage, block, int(head) - 1 if head in options[1:] else None, place


def _one_of(label: str, key: str, most: int, first: int, words: str) -> int:
    """A row of numbers to choose from; returns the choice, 0 first."""
    options = [str(n + 1) for n in range(most)]
    if str(st.session_state.get(key, first)) not in options:  # left over from a stage or reader with more of them
        st.session_state[key] = options[-1]
    chosen = st.segmented_control(
        label, options, default=str(first), key=key, required=True, wrap=True, help=words, **KEEP
    )
    return options.index(str(chosen)) if chosen in options else first - 1


def _cell_menu(grid: tuple[int, int]) -> tuple[float, float]:
    """Row and column of the query; another grid gets the cell at the same place of the page."""
    before = st.session_state.get(_PLACE)
    if before is not None and before[0] != grid:
        row, column = cell_at(before[1], grid)
        st.session_state[ROW], st.session_state[COLUMN] = row + 1, column + 1
    chosen = []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for label, key, most, first in zip(
            ("Row of the cell", "Column of the cell"), (ROW, COLUMN), grid, cell_at(START, grid), strict=True
        ):
            if not 1 <= _whole(st.session_state.get(key, 1)) <= most:
                st.session_state[key] = min(max(_whole(st.session_state[key]), 1), most)
            told = st.number_input(f"{label} (1 to {most})", 1, most, first + 1, key=key, width=170, **KEEP)
            chosen.append(min(max(_whole(told), 1), most) - 1)
        _arrows(grid)
    row, column = chosen
    same = before is not None and cell_at(before[1], grid) == (row, column)
    place = before[1] if before is not None and same else middle_of(row, column, grid)
    st.session_state[_PLACE] = (grid, place)
    return place


def _arrows(grid: tuple[int, int]) -> None:
    """Buttons that move the query: the twin of clicking, for keyboard and touch."""
    moves = (("←", "left", 0, -1), ("↑", "up", -1, 0), ("↓", "down", 1, 0), ("→", "right", 0, 1))
    with st.container(horizontal=True, width="content"):  # together: they wrap as one
        for sign, word, down, right in moves:
            st.button(sign, key=f"swin_{word}", on_click=_move, args=(down, right, grid), help=f"Ask the cell {word}")


def _move(down: int, right: int, grid: tuple[int, int]) -> None:
    for key, step, most in ((ROW, down, grid[0]), (COLUMN, right, grid[1])):
        st.session_state[key] = min(max(_whole(st.session_state[key]) + step, 1), most)


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 1


def pick_cell(key: str, columns: int) -> None:
    """Make the clicked cell the query; for callbacks."""
    points = chosen_points(key)
    if points:
        row, column = divmod(_number(points[0]), columns)
        st.session_state[ROW], st.session_state[COLUMN] = row + 1, column + 1


def pick(key: str, shared: str) -> None:
    """Make the clicked stage or head, numbered from 0, the chosen one; for callbacks."""
    points = chosen_points(key)
    if points:
        st.session_state[shared] = str(_number(points[0]) + 1)


def _number(point: Any) -> int:
    return int(point[0] if isinstance(point, (list, tuple)) else point)
