"""The parts of page "Inside Swin": stages, windows, one cell's attention stitched and rolled, heads, bias, merging."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings.page import Inside
from ui.parts import components, controls, parts
from ui.parts.controls import KEEP
from ui.read import swin
from visualizer.figures import swin as swin_figures
from visualizer.figures import swin_structure
from visualizer.figures.rolled import rolled_sheet
from visualizer.figures.swin_structure import stage_lines
from visualizer.measures.swin import reached, work
from visualizer.measures.windows import window_boxes, window_entropy
from visualizer.style import theme
from visualizer.words import swin as swin_words
from visualizer.words.plain import offset
from vit_attention.records.windows import FORBIDDEN

TALL, ACROSS, ROOM = 560, 400, 150
"""Pixels: the tallest figure, how wide a page is drawn in a column, and what title and captions take of the height."""
STAGES, PAGE, MAP, HEADS = "swin_stages", "swin_page", "swin_map", "swin_heads"


def tracker(now: Inside) -> None:
    """The stages side by side, the chosen one marked; on phones one line of text each."""
    here = now.here
    if controls.on_phone():
        lines = ("{}: {}, {}; {}".format(*stage_lines(one, one is here, bold=False)) for one in now.plan)
        marked = (f"**▶ {line.replace(':', '**:', 1)}" if at == now.stage else line for at, line in enumerate(lines))
        st.markdown("\n".join(f"- {line}" for line in marked))
    else:
        components.chart(
            swin_structure.stage_tracker(now.plan, now.stage, now.block, clickable=True),
            STAGES,
            swin_words.describe_stages(now.plan, now.stage),
            partial(parts.choose_clicked, STAGES, swin.STAGE, str),
        )
    st.caption(
        f"You are in stage {now.stage + 1} of {len(now.plan)}, block {now.block + 1} of {here.blocks}: cells of "
        f"{here.cell[0]} x {here.cell[1]} pixels (height x width), {here.width} numbers each; windows of {here.window} x "
        f"{here.window} cells, " + (f"shifted by {now.shift}." if now.shift else "not shifted.")
    )


def work_table(now: Inside) -> None:
    """Pairs compared in windows against all pairs, stage by stage."""
    done = [work(one) for one in now.plan]
    components.table(
        {
            "stage": parts.counted(len(done)),
            "pairs in windows": [f"{one.within:,}" for one in done],
            "all pairs": [f"{one.everything:,}" for one in done],
            "times fewer": [f"{one.everything / one.within:,.0f}" for one in done],
        }
    )
    here = done[now.stage]
    st.caption(
        f"For one block of each stage. A page of twice the area would have {2 * here.within:,} pairs in the windows of stage "
        f"{now.stage + 1}, but {4 * here.everything:,} without windows. Pairs that the mask forbids are counted: they are "
        "compared, then masked."
    )


def look() -> dict[str, Any]:
    """How maps are drawn, as figures take it; only the scale changes what a colour stands for, and it is printed."""
    with st.expander("How maps are drawn"):
        scale = controls.scale("swin", ("raw", "log", "clipped"))
        left, right = st.columns(2)
        with left:
            colours = controls.menu("Colours", theme.OFFERED, "swin_colours")
        opacity = right.slider("Opacity of the map", 0.0, 1.0, 0.7, 0.05, key="swin_opacity", **KEEP)
    return {"scale": scale, "colormap": colours, "opacity": controls.within(opacity, 0, 1)}


def _tall(now: Inside) -> int:
    """Pixels that a figure of the whole page needs: a page that lies on its side would float in a tall one."""
    width, height = now.document.image.size
    return min(TALL, ROOM + round((350 if controls.on_phone() else ACROSS) * height / width))


def page(now: Inside) -> None:
    """The page under the windows of the chosen block."""
    here, tip = now.here, "In a shifted block: solid lines where the windows of an unshifted block lie."
    compare = st.toggle("Show the plain windows too", key="swin_plain", disabled=not now.shift, help=tip, **KEEP)
    components.panel(
        swin_figures.page_windows(
            now.document.image,
            here.grid,
            here.cell,
            here.window,
            now.shift,
            now.geometry,
            query=now.query,
            compare=bool(compare),
            clickable=True,
            title=f"Windows of stage {now.stage + 1}, block {now.block + 1}",
            height=_tall(now),
        ),
        PAGE,
        swin_words.describe_windows(here.grid, here.window, now.shift, now.query),
        partial(swin.choose_clicked_cell, PAGE, here.grid[1]),
        caption="Cells are too small to hit here: a click chooses the middle of a window, and the map takes it from there."
        * (here.grid[0] * here.grid[1] > swin_figures.CLICKS),
    )


def stitched(now: Inside, how: dict[str, Any]) -> None:
    """The query's attention put back on the page."""
    close = st.toggle(
        "Zoom to the window",
        True,
        key="swin_zoom",
        help="The part of the page round the chosen cell; off: the whole page.",
        **KEEP,
    )
    here, title, barred = now.here, now.map_name().capitalize(), now.windows.forbidden(now.query)
    pieces = len(window_boxes(here.grid, here.window, now.shift, now.query))
    components.panel(
        swin_figures.window_map(
            now.document.image,
            now.row(),
            here.cell,
            now.geometry,
            query=now.query,
            forbidden=barred,
            outside=now.outside(),
            margin=max(1, here.window // 2) if close else None,
            clickable=True,
            title=title,
            height=TALL if close else _tall(now),
            **how,
        ),
        MAP,
        swin_words.describe_window_map(now.row(), now.query, barred, now.outside(), title),
        partial(swin.choose_clicked_cell, MAP, here.grid[1]),
        caption=f"Its window lies in {pieces} parts at the edges of the page; switch the zoom off to see them all."
        * (bool(close) and pieces > 1),
    )


def notes(now: Inside) -> None:
    """In words: how the page was turned, and what fell on padding."""
    here, turned = now.here, swin.turned(now.geometry)
    if turned:
        st.caption(turned)
    cells = f"{here.grid[0]} x {here.grid[1]} cells"
    if here.padded == here.grid:
        st.caption(f"{cells} fill whole windows, so no cell of this stage is padding.")
        return
    st.info(
        f"{cells} do not fill whole windows, so the block adds cells below and on the right up "
        f"to {here.padded[0]} x {here.padded[1]}. The chosen cell puts **{now.outside():.1%}** of its attention on such "
        "padding. It lies nowhere on the page: the map above shows the rest, and its values are not divided by what is left."
    )


def rolled(now: Inside, how: dict[str, Any]) -> None:
    """The same window as the block sees it: the page rolled, the window in one piece."""
    here, block, query = now.here, now.windows, now.query
    sheet = rolled_sheet(now.seen, block)
    barred = sheet.forbidden(query)
    how_far = f"is rolled up and left by {now.shift} cells" if now.shift else "is not rolled in this block"
    cells = int(barred.sum())
    said = (
        f"The page {how_far}; the window of the chosen cell is in one piece. {cells} of its {here.window**2} places are "
        "forbidden to the cell" + (", for they come from other edges of the page." if cells else ".")
    )
    components.panel(
        swin_figures.window_map(
            sheet.image,
            sheet.values(now.of_head(block.tile(query)), query),
            here.cell,
            query=sheet.query(query),
            forbidden=barred,
            margin=max(1, here.window // 2),
            title="The same window as the block sees it",
            height=TALL,
            **how,
        ),
        "swin_rolled",
        said,
        caption=said,
        below=False,
    )


def heads(now: Inside) -> str:
    """Every head of the query at a glance; returns it in words, a line a head, for a place of full width."""
    block, tile, kinds = now.windows, now.windows.tile(now.query), now.windows.kinds(now.query)
    bits, most = window_entropy(tile, kinds)
    row, column = divmod(block.partition.locate(now.query)[1], block.window)
    peaks = np.where(kinds == FORBIDDEN, -1, tile).reshape(block.heads, -1)
    where = [divmod(int(one), block.window) for one in peaks.argmax(axis=1)]
    said = "\n".join(
        f"Head {n + 1}: {share:.1%} on its strongest cell, {offset(r - row, c - column)}; entropy "
        f"{bit:.2f} of at most {most:.2f} bits."
        for n, (share, (r, c), bit) in enumerate(zip(peaks.max(axis=1), where, bits, strict=True))
    )
    components.panel(
        swin_structure.window_heads(
            tile,
            kinds,
            (row, column),
            block.cell,
            captions=[f"{one:.2f} bits" for one in bits],
            chosen=now.head,
            clickable=True,
            title=f"All {block.heads} heads of the cell",
            scale="shared",
        ),
        HEADS,
        said,
        partial(parts.choose_clicked, HEADS, swin.HEAD, str),
        caption="The window as the block sees it, rolled together. Click a head to choose it.",
        below=False,
    )
    return said


def bias(now: Inside) -> None:
    """What place alone adds to the scores of one head."""
    head, biases = now.head or 0, now.windows.bias
    if now.head is None:
        st.info("The menu says mean of all heads. A mean has no bias table of its own, so this is that of head 1.")
    table, title = biases[head], f"Relative position bias of head {head + 1}"
    apart = float(table.max()) - float(table.min())
    components.panel(
        swin_structure.bias_map(table, limit=float(np.abs(biases).max()) or None, title=title),
        "swin_bias",
        swin_words.describe_bias(table, title),
        caption=f"The largest and the smallest number lie {apart:.2f} apart: where query and key fit equally well, a key at the "
        f"best place gets e^{apart:.2f} = {np.exp(apart):.3g} times the weight of one at the worst. All heads of "
        "this block share one scale of colours.",
    )


def merging(now: Inside) -> None:
    """Four cells become one: the step out of the chosen stage, or into it if it is the last."""
    last = now.stage == len(now.plan) - 1
    if len(now.plan) == 1:
        st.info("This encoder has one stage, so nothing is merged.")
        return
    number = now.stage - last
    before, after, chosen = now.plan[number], now.plan[number + 1], now.query_in(number)
    said = swin_words.describe_merge(chosen, before.grid, number)
    components.panel(
        swin_structure.merge_picture(
            now.document.image, before.grid, before.cell, chosen, now.geometry, number=number, margin=before.window
        ),
        "swin_merge",
        said,
        caption=(
            f"{said} Four lists of {before.width} numbers, joined, are {4 * before.width}; they are normed, and a linear map makes "
            f"{after.width} of them. Cells: {before.grid[0] * before.grid[1]:,} become {after.grid[0] * after.grid[1]:,}."
        ),
        below=False,
    )
    if last:
        st.caption("Nothing is merged after the last stage; this is the step that made its cells.")


def reach_table(now: Inside) -> None:
    """How much of the page can have changed the cell at the chosen place, by the end of each block so far."""
    blocks = [(one, block) for one in now.plan[: now.stage + 1] for block in range(one.blocks)]
    blocks = [(one, block) for one, block in blocks if one.number < now.stage or block <= now.block]
    found = [reached(now.plan, one.number, block, now.query_in(one.number)) for one, block in blocks]
    components.table(
        {
            "after": (
                [
                    f"stage {one.number + 1}, block {block + 1}" + ", shifted" * bool(one.shifts[block])
                    for one, block in blocks
                ]
            ),
            "rows x columns of the first stage (of {} x {})".format(*now.plan[0].grid): [
                f"{rows.sum()} x {columns.sum()}" for rows, columns in found
            ],
            "share of the page": [f"{rows.mean() * columns.mean():.2%}" for rows, columns in found],
        }
    )
