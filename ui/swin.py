"""What page "Inside Swin" looks at: reader, page, stage, block, head and cell, all checked. The decoder never runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from ui import readers, reading, swin_notes
from ui.components import chosen_points
from ui.controls import KEEP
from ui.documents import Document
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Stage, Windows

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


@dataclass(frozen=True)
class Inside:
    """One block of the encoder on one page, as the student sees it now.

    Attributes:
        model: name of the reader.
        document: the page.
        plan: every stage of the encoder.
        stage, block: 0 first.
        head: 0 first, or None for the mean of all.
        place: (down, right) of the query in heights and widths of the model's input, the same in every stage.
        geometry: from the page to the model's input.
        seen: the model's input, made small.
    """

    model: str
    document: Document
    plan: tuple[Stage, ...]
    stage: int
    block: int
    head: int | None
    place: tuple[float, float]
    geometry: Geometry
    seen: Image.Image
    _kept: dict[str, Windows] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def view(self) -> tuple[object, ...]:
        """What is looked at: two contexts of the same view give the same findings."""
        return (self.model, self.document.key, self.stage, self.block, self.head, self.place)

    @property
    def here(self) -> Stage:
        """The chosen stage."""
        return self.plan[self.stage]

    @property
    def shift(self) -> int:
        """Cells by which the chosen block rolls the grid."""
        return self.here.shifts[self.block]

    @property
    def query(self) -> int:
        """Number of the chosen cell on the grid of the chosen stage."""
        return self.query_in(self.stage)

    def query_in(self, stage: int) -> int:
        """Number of the cell of any stage that lies where the chosen one lies."""
        grid = self.plan[stage].grid
        row, column = cell_at(self.place, grid)
        return row * grid[1] + column

    def windows_of(self, stage: int, block: int) -> Windows:
        """The windows of any block; for large readers only the one at the chosen place."""
        cut, query = self.plan[stage].partition(block), self.query_in(stage)
        mates = cut.order([cut.locate(query)[0]])
        # All cells of a window ask by its first one, so that another of them is answered from the cache.
        return readers.windows(self.model, self.document, stage, block, int(mates[mates >= 0].min()))

    @property
    def windows(self) -> Windows:
        """The windows of the chosen block."""
        if "windows" not in self._kept:
            self._kept["windows"] = self.windows_of(self.stage, self.block)
        return self._kept["windows"]

    def of_head(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The chosen head's part of something with heads in front; the mean of all if no head is chosen."""
        return np.asarray(values.mean(axis=0) if self.head is None else values[self.head], np.float32)

    def row(self) -> NDArray[np.float32]:
        """(rows, columns) the query's attention, stitched; NaN off its window."""
        return self.of_head(self.windows.row(self.query))

    def outside(self) -> float:
        """Share of the query's attention that fell on padding."""
        return float(self.of_head(self.windows.outside(self.query)))

    def head_name(self) -> str:
        return "mean of all heads" if self.head is None else f"head {self.head + 1}"

    def map_name(self) -> str:
        """Stage, block and head in words."""
        return f"stage {self.stage + 1}, block {self.block + 1}, {self.head_name()}"


def cell_at(place: tuple[float, float], grid: tuple[int, int]) -> tuple[int, int]:
    """(row, column), 0 first, of the cell that holds a place.

    >>> cell_at((0.5, 0.99), (8, 12))
    (4, 11)
    """
    row, column = (min(max(int(at * side), 0), side - 1) for at, side in zip(place, grid, strict=True))
    return row, column


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
        now = Inside(name, document, plan, *_menus(plan, top, below), geometry, seen)
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
