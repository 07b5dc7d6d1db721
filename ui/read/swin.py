"""What page "Inside Swin" looks at: reader, page, stage, block, head and cell, all checked. The decoder never runs."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from tutorials.findings.page import Document, Inside, cell_at
from ui.parts import parts
from ui.parts.controls import KEEP
from ui.read import readers, reading
from ui.store import resources
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Stage

STAGE, BLOCK, HEAD, ROW, COLUMN = "stage", "block", "swin_head", "swin_row", "swin_column"
"""Keys of the widgets and names in the address; all count from 1 there."""
FIRST_STAGE = 3
"""Stage shown first, if there are so many: its windows are large enough to see, and it has a shifted block."""
START = (0.36, 0.3)
"""Where the first query lies, in heights and widths of the model's input."""
LARGEST_VIEW = 640
"""Longest side of the kept picture of what the model saw, in pixels."""
PLACE = "swin_place"
"""Session key: the grid of the last run, and where on it the query lay."""


# A page's key stands for its pixels.
@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs={Document: lambda page: page.key})
def _seen(name: str, document: Document) -> tuple[Geometry, Image.Image]:
    """The model's input, small, and how the page lies in it."""
    loaded = readers.model(name)
    ready = loaded.prepare(document.image)
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
    with parts.or_stop(f"{name} cannot show this page", "reader or page"):
        with st.spinner("The encoder is running ..."):
            plan = readers.stages(name)
        if name != readers.BUNDLED:
            parts.agree((name, document.key), lambda: _takes(name, plan), "Look inside", "swin_now")
        with st.spinner("The encoder is running ..."):
            geometry, seen = _seen(name, document)
        now = Inside(name, document, plan, *_menus(plan, top, below), geometry, seen, resources.run)
        with st.spinner("The encoder is running ..."):
            _ = now.windows
    return now


def _takes(name: str, plan: Sequence[Stage]) -> str:
    """What looking into one block of a published reader's encoder takes, in words."""
    high, wide = (cells * size for cells, size in zip(plan[0].grid, plan[0].cell, strict=True))
    windows = [one.heads * one.window**4 for one in plan]  # weights of one window
    all_of_them = sum(n * one.partition(0).count * one.blocks for n, one in zip(windows, plan, strict=True))
    return (
        f"{name} works on {high:,} x {wide:,} pixels. Every look at another window or block runs the encoder up to that block, "
        f"which can take a minute on two processor cores and needs about 0.7 GB of memory beside the loaded weights. Only the "
        f"window of the chosen cell is kept, at most {max(windows) * 2 / 1e6:.2f} MB; all windows of all blocks would be "
        f"{all_of_them * 2 / 1e9:.2f} GB."
    )


def _menus(
    plan: Sequence[Stage], top: DeltaGenerator, below: DeltaGenerator
) -> tuple[int, int, int | None, tuple[float, float]]:
    """The menus; what they choose as (stage, block, head, place)."""
    left, middle, right = top.columns([3, 3, 2])
    stage = _row_of_numbers(left, "Stage", STAGE, len(plan), min(FIRST_STAGE, len(plan)), "1 is nearest the page.")
    here = plan[stage]
    shifted = ", ".join(str(n + 1) for n, shift in enumerate(here.shifts) if shift)
    tip = f"Shifted blocks of this stage: {shifted}." if shifted else "No block of this stage shifts."
    block = _row_of_numbers(middle, "Block", BLOCK, here.blocks, 1, tip)
    tip = "mean: the mean of all heads of this block."
    head = parts.number_menu("Head", HEAD, here.heads, place=right, help=tip, **KEEP)
    with below:
        return stage, block, head, _cell_menu(here.grid)


def _row_of_numbers(place: DeltaGenerator, label: str, key: str, most: int, first: int, tip: str) -> int:
    """A row of numbers to choose from; returns the choice, 0 first."""
    options = parts.counted(most)
    if str(st.session_state.get(key, first)) not in options:  # left over from a stage or reader with more of them
        st.session_state[key] = options[-1]
    chosen = place.segmented_control(
        label, options, default=str(first), key=key, required=True, wrap=True, help=tip, **KEEP
    )
    return options.index(str(chosen)) if chosen in options else first - 1


def _cell_menu(grid: tuple[int, int]) -> tuple[float, float]:
    """Row and column of the query, and buttons that move it; another grid gets the cell at the same place of the page."""
    before = st.session_state.get(PLACE)
    if before is not None and before[0] != grid:
        _ask(*cell_at(before[1], grid))
    names, first = ("Row of the cell", "Column of the cell"), cell_at(START, grid)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        row, column = (
            parts.number(f"{name} (1 to {most})", key, 1, most, start + 1, width=170)
            for name, key, most, start in zip(names, (ROW, COLUMN), grid, first, strict=True)
        )
        moves = (("←", "left", 0, -1), ("↑", "up", -1, 0), ("↓", "down", 1, 0), ("→", "right", 0, 1))
        with st.container(horizontal=True, width="content"):  # together: they wrap as one
            for sign, word, down, right in moves:
                tip, way = f"Ask the cell {word}", (down, right, grid)
                st.button(sign, key=f"swin_{word}", on_click=_move, args=way, help=tip)
    place = ((row + 0.5) / grid[0], (column + 0.5) / grid[1])
    if before is not None and cell_at(before[1], grid) == (row, column):
        place = before[1]
    st.session_state[PLACE] = (grid, place)
    return place


def _move(down: int, right: int, grid: tuple[int, int]) -> None:
    for key, step, most in ((ROW, down, grid[0]), (COLUMN, right, grid[1])):
        st.session_state[key] = parts.whole(st.session_state[key] + step, 1, most)


def _ask(row: int, column: int) -> None:
    """Make a cell, 0 first, the query."""
    st.session_state.update({ROW: row + 1, COLUMN: column + 1})


def choose_clicked_cell(key: str, columns: int) -> None:
    """Make the cell that was clicked on the chart of this key the query; for callbacks."""
    for number in parts.clicked(key)[:1]:
        _ask(*divmod(number, columns))


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
