"""The parts of page "Inside Swin": stages, windows, one cell's attention stitched and rolled, heads, bias, merging."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from tutorials.findings.page import Inside
from ui import components, controls, swin, swin_notes
from visualizer.figures import swin as swin_figures
from visualizer.figures import swin_structure
from visualizer.figures.rolled import rolled_sheet
from visualizer.figures.swin_structure import stage_lines
from visualizer.measures.swin import reached, work
from visualizer.measures.windows import window_boxes, window_entropy
from visualizer.style import theme
from visualizer.style.scale import Scale
from visualizer.words import swin as swin_words
from visualizer.words.plain import offset
from vit_attention.records.windows import FORBIDDEN, Stage

SCALES = ("raw", "log", "clipped")
TALL, ACROSS, ROOM = 560, 400, 150
"""Pixels: the tallest figure, how wide a page is drawn in a column, and what title and captions take of the height."""


@dataclass(frozen=True)
class Look:
    """How maps are drawn; only `scale` changes what a colour stands for, and it is printed on the figure."""

    scale: Scale
    colormap: str
    opacity: float


def tracker(now: Inside) -> None:
    """The stages side by side, the chosen one marked; on phones one line of text each."""
    key, said = "swin_stages", swin_words.describe_stages(now.plan, now.stage)
    if controls.on_phone():
        st.markdown("\n".join(f"- {_stage_line(one, one.number == now.stage)}" for one in now.plan))
    else:
        fig = swin_structure.stage_tracker(now.plan, now.stage, now.block, clickable=True)
        components.chart(fig, key, said, partial(swin.pick, key, swin.STAGE))
    here = now.here
    st.caption(
        f"You are in stage {now.stage + 1} of {len(now.plan)}, block {now.block + 1} of {here.blocks}: cells of "
        f"{here.cell[0]} x {here.cell[1]} pixels (height x width), {here.width} numbers each; windows of {here.window} x "
        f"{here.window} cells, " + (f"shifted by {now.shift}." if now.shift else "not shifted.")
    )


def _stage_line(one: Stage, current: bool) -> str:
    """One stage as a line of Markdown, for phones."""
    name, cells, size, parts = stage_lines(one, current, bold=False)
    return (f"**▶ {name}**" if current else name) + f": {cells}, {size}; {parts}"


def work_table(now: Inside) -> None:
    """Pairs compared in windows against all pairs, stage by stage."""
    done = [work(one) for one in now.plan]
    components.table(
        {
            "stage": [str(one.number + 1) for one in now.plan],
            "pairs in windows": [f"{one.within:,}" for one in done],
            "all pairs": [f"{one.everything:,}" for one in done],
            "times fewer": [f"{one.everything / one.within:,.0f}" for one in done],
        }
    )
    here = done[now.stage]
    st.caption(
        f"For one block of each stage. A page of twice the area would have {2 * here.within:,} pairs in the windows of stage {now.stage + 1}, but "
        f"{4 * here.everything:,} without windows. Pairs that the mask forbids are counted: they are compared, then masked."
    )


def look() -> Look:
    """Named controls of how maps are drawn."""
    with st.expander("How maps are drawn"):
        scale = controls.scale("swin", SCALES)
        left, right = st.columns(2)
        with left:
            colours = st.selectbox("Colours", theme.OFFERED, key="swin_colours", **controls.KEEP)
        with right:
            opacity = st.slider("Opacity of the map", 0.0, 1.0, 0.7, 0.05, key="swin_opacity", **controls.KEEP)
    return Look(scale, controls.one_of(colours, theme.OFFERED), controls.within(opacity, 0, 1))


def _tall(now: Inside) -> int:
    """Pixels that a figure of the whole page needs: a page that lies on its side would float in a tall one."""
    width, height = now.document.image.size
    return min(TALL, ROOM + round((350 if controls.on_phone() else ACROSS) * height / width))


def page(now: Inside) -> None:
    """The page under the windows of the chosen block."""
    compare = st.toggle(
        "Show the plain windows too", key="swin_plain", disabled=not now.shift, **controls.KEEP,
        help="In a shifted block: solid lines where the windows of an unshifted block lie.",
    )  # fmt: skip
    here, key = now.here, "swin_page"
    fig = swin_figures.page_windows(
        now.document.image, here.grid, here.cell, here.window, now.shift, now.geometry, query=now.query,
        compare=bool(compare), clickable=True, title=f"Windows of stage {now.stage + 1}, block {now.block + 1}", height=_tall(now),
    )  # fmt: skip
    said = swin_words.describe_windows(here.grid, here.window, now.shift, now.query)
    components.chart(fig, key, said, partial(swin.pick_cell, key, here.grid[1]))
    if here.grid[0] * here.grid[1] > swin_figures.CLICKS:
        st.caption(
            "Cells are too small to hit here: a click chooses the middle of a window, and the map takes it from there."
        )
    components.in_words(said)


def stitched(now: Inside, how: Look) -> None:
    """The query's attention put back on the page."""
    close = st.toggle(
        "Zoom to the window", True, key="swin_zoom", **controls.KEEP,
        help="The part of the page round the chosen cell; off: the whole page.",
    )  # fmt: skip
    here, key, block = now.here, "swin_map", now.windows
    fig = swin_figures.window_map(
        now.document.image, now.row(), here.cell, now.geometry, query=now.query, forbidden=block.forbidden(now.query),
        outside=now.outside(), margin=max(1, here.window // 2) if close else None, clickable=True, title=now.map_name().capitalize(),
        colormap=how.colormap, opacity=how.opacity, scale=how.scale, height=TALL if close else _tall(now),
    )  # fmt: skip
    said = in_words(now)
    components.chart(fig, key, said, partial(swin.pick_cell, key, here.grid[1]))
    parts = len(window_boxes(here.grid, here.window, now.shift, now.query))
    if close and parts > 1:
        st.caption(f"Its window lies in {parts} parts at the edges of the page; switch the zoom off to see them all.")
    components.in_words(said)


def in_words(now: Inside) -> str:
    """The stitched map as text."""
    barred = now.windows.forbidden(now.query)
    return swin_words.describe_window_map(now.row(), now.query, barred, now.outside(), now.map_name().capitalize())


def notes(now: Inside) -> None:
    """In words: how the page was turned, and what fell on padding."""
    here, turned = now.here, swin_notes.turned(now.geometry)
    if turned:
        st.caption(turned)
    if here.padded == here.grid:
        st.caption(f"{here.grid[0]} x {here.grid[1]} cells fill whole windows, so no cell of this stage is padding.")
        return
    st.info(
        f"{here.grid[0]} x {here.grid[1]} cells do not fill whole windows, so the block adds cells below and on the right up "
        f"to {here.padded[0]} x {here.padded[1]}. The chosen cell puts **{now.outside():.1%}** of its attention on such "
        "padding. It lies nowhere on the page: the map above shows the rest, and its values are not divided by what is left."
    )


def rolled(now: Inside, how: Look) -> None:
    """The same window as the block sees it: the page rolled, the window in one piece."""
    here, block = now.here, now.windows
    sheet = rolled_sheet(now.seen, block)
    values, query, barred = sheet.values(now.of_head(block.tile(now.query)), now.query), sheet.query(now.query), sheet.forbidden(now.query)  # fmt: skip
    fig = swin_figures.window_map(
        sheet.image, values, here.cell, query=query, forbidden=barred, margin=max(1, here.window // 2), colormap=how.colormap,
        opacity=how.opacity, scale=how.scale, title="The same window as the block sees it", height=TALL,
    )  # fmt: skip
    how_far = f"is rolled up and left by {now.shift} cells" if now.shift else "is not rolled in this block"
    cells = int(barred.sum())
    said = (
        f"The page {how_far}; the window of the chosen cell is in one piece. {cells} of its {here.window**2} places are "
        "forbidden to the cell" + (", for they come from other edges of the page." if cells else ".")
    )
    components.chart(fig, "swin_rolled", said)
    st.caption(said)


def heads(now: Inside) -> str:
    """Every head of the query at a glance; returns it in words, a line a head, for a place of full width."""
    block, key = now.windows, "swin_heads"
    tile, kinds = block.tile(now.query), block.kinds(now.query)
    bits, most = window_entropy(tile, kinds)
    place = divmod(block.partition.locate(now.query)[1], block.window)
    fig = swin_structure.window_heads(
        tile, kinds, place, block.cell, captions=[f"{one:.2f} bits" for one in bits], chosen=now.head, clickable=True,
        title=f"All {block.heads} heads of the cell", scale="shared",
    )  # fmt: skip
    peaks = np.where(kinds == FORBIDDEN, -1, tile).reshape(block.heads, -1)
    where = [divmod(int(one), block.window) for one in peaks.argmax(axis=1)]
    said = "\n".join(
        f"Head {n + 1}: {share:.1%} on its strongest cell, {offset(r - place[0], c - place[1])}; entropy "
        f"{bit:.2f} of at most {most:.2f} bits."
        for n, (share, (r, c), bit) in enumerate(zip(peaks.max(axis=1), where, bits, strict=True))
    )
    components.chart(fig, key, said, partial(swin.pick, key, swin.HEAD))
    st.caption("The window as the block sees it, rolled together. Click a head to choose it.")
    return said


def bias(now: Inside) -> None:
    """What place alone adds to the scores of one head."""
    head, table = now.head or 0, now.windows.bias
    if now.head is None:
        st.info("The menu says mean of all heads. A mean has no bias table of its own, so this is that of head 1.")
    fig = swin_structure.bias_map(
        table[head], limit=float(np.abs(table).max()) or None, title=f"Relative position bias of head {head + 1}"
    )
    said = swin_words.describe_bias(table[head], f"Relative position bias of head {head + 1}")
    components.chart(fig, "swin_bias", said)
    high, low = float(table[head].max()), float(table[head].min())
    st.caption(
        f"The largest and the smallest number lie {high - low:.2f} apart: where query and key fit equally well, a key at the "
        f"best place gets e^{high - low:.2f} = {np.exp(high - low):.3g} times the weight of one at the worst. All heads of "
        "this block share one scale of colours."
    )
    components.in_words(said)


def merging(now: Inside) -> None:
    """Four cells become one: the step out of the chosen stage, or into it if it is the last."""
    last = now.stage == len(now.plan) - 1
    number = max(now.stage - last, 0)
    if number == now.stage and last:
        st.info("This encoder has one stage, so nothing is merged.")
        return
    before, after = now.plan[number], now.plan[number + 1]
    chosen = now.query_in(number)
    fig = swin_structure.merge_picture(
        now.document.image, before.grid, before.cell, chosen, now.geometry, number=number, margin=before.window
    )
    said = swin_words.describe_merge(chosen, before.grid, number)
    components.chart(fig, "swin_merge", said)
    st.caption(
        f"{said} Four lists of {before.width} numbers, joined, are {4 * before.width}; they are normed, and a linear map makes "
        f"{after.width} of them. Cells: {before.grid[0] * before.grid[1]:,} become {after.grid[0] * after.grid[1]:,}."
    )
    if last:
        st.caption("Nothing is merged after the last stage; this is the step that made its cells.")


def reach_table(now: Inside) -> None:
    """How much of the page can have changed the cell at the chosen place, by the end of each block so far."""
    rows_columns = "rows x columns of the first stage (of {} x {})".format(*now.plan[0].grid)
    lines: dict[str, list[str]] = {"after": [], rows_columns: [], "share of the page": []}
    for one in now.plan[: now.stage + 1]:
        for block in range(one.blocks if one.number < now.stage else now.block + 1):
            rows, columns = reached(now.plan, one.number, block, now.query_in(one.number))
            shifted = ", shifted" if one.shifts[block] else ""
            cells = (f"stage {one.number + 1}, block {block + 1}{shifted}", f"{rows.sum()} x {columns.sum()}", f"{rows.mean() * columns.mean():.2%}")  # fmt: skip
            for column, cell in zip(lines.values(), cells, strict=True):
                column.append(cell)
    components.table(lines)
