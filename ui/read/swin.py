"""What the pages about an encoder look at: stage, block, head and cell, all checked. The decoder never runs."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from tutorials.findings.page import Document, Inside, cell_at
from ui.frame import address, state
from ui.parts import parts, pickers, script, widgets
from ui.read.reading import Looked
from ui.store import documents, readers, resources
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Stage

# Keys of the widgets and names in the address; all count from 1 there.
STAGE, BLOCK, ROW, COLUMN = "stage", "block", "swin_row", "swin_column"
# Stage shown first, if there are so many: its windows are large enough to see, and it has a shifted block.
FIRST_STAGE = 3
# Where the first query lies, in heights and widths of the model's input.
START = (0.36, 0.3)
# Longest side of the kept picture of what the model saw, in pixels.
LARGEST_VIEW = 640
# Pixels of a picker, so that several stand in one row beside a step.
NARROW = 150
# Session key: the grid of the last run, and where on it the query lay.
PLACE = "swin_place"


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


def context(looked: Looked, needs: Sequence[str]) -> Inside:
    """Draw the pickers of stage and block ("layer"), head and cell ("query") that a figure needs; the block as it is seen now.

    Stops the page if it cannot be read.
    """
    with parts.or_stop(f"{looked.reader} cannot show this page", "reader or page"):
        with st.spinner("The encoder is running ..."):
            plan = readers.stages(looked.reader)
        chosen = _pickers(plan, needs)  # first, so that what a link asks for is kept while the page waits
        if looked.reader != readers.BUNDLED:
            parts.agree(tuple(looked), lambda: _takes(looked.reader, plan), "Look inside", "swin_now")
        now = made(looked, *chosen)
        with st.spinner("The encoder is running ..."):
            _ = now.windows
    return now


def made(looked: Looked, stage: int, block: int, head: int | None, place: tuple[float, float]) -> Inside:
    """The block of names and numbers alone, its windows from the store or run anew."""
    document, plan = documents.get(looked.document), readers.stages(looked.reader)
    geometry, seen = _seen(looked.reader, document)
    again = partial(made, looked, stage, block, head, place)
    return Inside(looked.reader, document, plan, stage, block, head, place, geometry, seen, resources.run, again)


def _takes(name: str, plan: Sequence[Stage]) -> str:
    """What looking into one block of a published reader's encoder takes, in words."""
    high, wide = (cells * size for cells, size in zip(plan[0].grid, plan[0].cell, strict=True))
    windows = [one.heads * one.window**4 for one in plan]  # weights of one window
    all_of_them = sum(n * one.partition(0).count * one.blocks for n, one in zip(windows, plan, strict=True))
    return (
        f"This encoder works on {high:,} x {wide:,} pixels. Every look at another window or block runs it up to that block, "
        f"which can take a minute on two processor cores and needs about 0.7 GB of memory beside the loaded weights. Only the "
        f"window of the chosen cell is kept, at most {max(windows) * 2 / 1e6:.2f} MB; all windows of all blocks would be "
        f"{all_of_them * 2 / 1e9:.2f} GB."
    )


def _pickers(plan: Sequence[Stage], needs: Sequence[str]) -> tuple[int, int, int | None, tuple[float, float]]:
    """The pickers; what they choose as (stage, block, head, place)."""
    row_of = st.container(horizontal=True) if {"layer", "head"} & set(needs) else None
    place = row_of if "layer" in needs else None
    tip = "1 is nearest the page."
    first = min(FIRST_STAGE, len(plan))
    stage = widgets.slider("Stage", 1, len(plan), STAGE, first, place=place, width=NARROW, help=tip) - 1
    here = plan[stage]
    shifted = [n + 1 for n, shift in enumerate(here.shifts) if shift]
    tip = f"Shifted blocks of this stage: {', '.join(map(str, shifted)) or 'none'}."
    first = (shifted or [1])[0]
    block = widgets.slider("Block", 1, here.blocks, BLOCK, first, place=place, width=NARROW, help=tip) - 1
    head = pickers.one_or_mean("Head", state.HEAD, here.heads, place=row_of if "head" in needs else None)
    return stage, block, head, _place(here.grid, st.container(horizontal=True) if "query" in needs else None)


def _place(grid: tuple[int, int], drawn: Any) -> tuple[float, float]:
    """Where the query lies, from its row and column; another grid gets the cell at the same place of the page."""
    before, first = _of_this_grid(grid), cell_at(START, grid)
    row = widgets.number("Row", 1, grid[0], ROW, first[0] + 1, place=drawn, width=NARROW) - 1
    column = widgets.number("Column", 1, grid[1], COLUMN, first[1] + 1, place=drawn, width=NARROW) - 1
    place = ((row + 0.5) / grid[0], (column + 0.5) / grid[1])
    if before is not None and cell_at(before, grid) == (row, column):
        place = before
    st.session_state[PLACE] = (grid, place)
    return place


def _of_this_grid(grid: tuple[int, int]) -> tuple[float, float] | None:
    """Where the query lay; the row and column of another grid become those of this one, unless they were chosen since."""
    given = st.session_state
    if PLACE not in given:
        return None
    before, place = given[PLACE]
    kept = tuple(given.get(key, 0) - 1 for key in (ROW, COLUMN)) == cell_at(place, before)
    if before != grid and kept and not (address.wanted(ROW) or address.wanted(COLUMN)):
        _ask(*cell_at(place, grid), grid)
    return (float(place[0]), float(place[1]))


def _ask(row: int, column: int, grid: tuple[int, int]) -> None:
    """Make a cell, 0 first, the query, or the one nearest to it on the grid."""
    for key, at, most in ((ROW, row, grid[0]), (COLUMN, column, grid[1])):
        st.session_state[key] = min(max(at, 0), most - 1) + 1


def pick_cell(grid: tuple[int, int], points: list[Any]) -> None:
    """A click on a cell makes it the query."""
    for number in script.numbers(points)[:1]:
        if 0 <= number < grid[0] * grid[1]:
            _ask(*divmod(number, grid[1]), grid)


def remarks(now: Inside) -> None:
    """How the page was turned, and what fell on padding."""
    here, turned_round = now.here, turned(now.geometry)
    for note in (*now.document.notes, turned_round):
        if note:
            st.caption(note)
    cells = f"{here.grid[0]} x {here.grid[1]} cells"
    if here.padded == here.grid:
        return
    st.info(
        f"{cells} do not fill whole windows, so the block adds cells below and on the right up "
        f"to {here.padded[0]} x {here.padded[1]}. The chosen cell puts **{now.outside():.1%}** of its attention on such "
        "padding. It lies nowhere on the page: the map shows the rest, and its values are not divided by what is left."
    )


def turned(geometry: Geometry) -> str:
    """How rows and columns of the model run on a page that it turned; "" if it did not.

    >>> turned(Geometry.of(4, 3))
    ''
    >>> turned(Geometry.of(4, 3).turn(1))
    'The model turns this page before it reads it: on the page as shown here, its rows count to the left and its columns \
count down.'
    """
    linear = np.asarray(geometry.matrix)[:, :2]
    if not linear[0, 1] and not linear[1, 0]:
        return ""
    origin, right, down = geometry.to_original([[0, 0], [1, 0], [0, 1]])
    return (
        f"The model turns this page before it reads it: on the page as shown here, its rows count {_way(down - origin)} and "
        f"its columns count {_way(right - origin)}."
    )


def _way(step: Sequence[float]) -> str:
    x, y = step
    if abs(x) > abs(y):
        return "to the right" if x > 0 else "to the left"
    return "down" if y > 0 else "up"
