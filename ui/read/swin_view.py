"""Page "Windows and shifted windows": windows on the page, one cell's attention stitched and rolled, work, and heads."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings.page import Inside
from ui.frame import state
from ui.parts import components, controls, lesson, widgets
from ui.parts.lesson import View
from ui.read import reading, swin, swin_proof
from visualizer.figures import swin as swin_figures
from visualizer.figures import swin_structure
from visualizer.figures.rolled import rolled_sheet
from visualizer.measures.swin import work
from visualizer.measures.windows import window_boxes, window_entropy
from visualizer.style import theme
from visualizer.words import swin as swin_words
from visualizer.words.plain import offset
from vit_attention.records.windows import FORBIDDEN

HEIGHT, ACROSS, ROOM = 370, 560, 150
"""Pixels: of a figure beside a step, how wide a page is drawn there, and what title and captions take of the height."""
MODES = ("raw", "log", "clipped")


def tall(now: Inside) -> int:
    """Pixels that a figure of the whole page needs: a page that lies on its side would float in a tall one."""
    width, height = now.document.image.size
    return min(HEIGHT, ROOM + round((350 if controls.on_phone() else ACROSS) * height / width))


def drawn(**defaults: Any) -> dict[str, Any]:
    """How maps are drawn, as figures take it; only the scale changes what a colour stands for, and it is printed."""
    colours = str(st.session_state.get("swin_colours", theme.OFFERED[0]))
    colours = colours if colours in theme.OFFERED else theme.OFFERED[0]
    return {
        "scale": controls.scale_shown("swin", MODES),
        "colormap": colours,
        "opacity": controls.opacity_shown("swin_opacity", 0.7),
        **defaults,
    }


def _look(_now: Inside) -> None:
    controls.scale("swin", MODES)
    widgets.menu("Colours", theme.OFFERED, "swin_colours")
    widgets.slider("Opacity of the map", 0.0, 1.0, "swin_opacity", 0.7, 0.05)


def windows(now: Inside) -> None:
    """The page under the windows of the chosen block."""
    plain = bool(st.session_state.get("swin_plain"))
    components.kept(now, "swin_page", _windows, plain, tall(now), pick=partial(swin.pick_cell, now.here.grid))


def _windows(now: Inside, plain: bool, height: int) -> tuple[Any, str, str]:
    here = now.here
    small = here.grid[0] * here.grid[1] > swin_figures.CLICKS
    return (
        swin_figures.page_windows(
            now.document.image,
            here.grid,
            here.cell,
            here.window,
            now.shift,
            now.geometry,
            query=now.query,
            compare=plain,
            clickable=True,
            title=f"Windows of stage {now.stage + 1}, block {now.block + 1}",
            height=height,
        ),
        swin_words.describe_windows(here.grid, here.window, now.shift, now.query),
        "Cells are too small to be hit here: a click chooses the middle of a window." * small,
    )


def _windows_look(now: Inside) -> None:
    tip = "In a shifted block: solid lines where the windows of an unshifted block lie."
    widgets.toggle("Show the plain windows too", "swin_plain", disabled=not now.shift, help=tip)


def stitched(now: Inside) -> None:
    """The query's attention put back on the page."""
    pick = partial(swin.pick_cell, now.here.grid)
    components.kept(now, "swin_map", _stitched, _close(now), tall(now), drawn(), pick=pick)


def _stitched(now: Inside, close: bool, height: int, look: dict[str, Any]) -> tuple[Any, str, str]:
    here, title, barred = now.here, now.map_name().capitalize(), now.windows.forbidden(now.query)
    pieces = len(window_boxes(here.grid, here.window, now.shift, now.query))
    return (
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
            height=HEIGHT if close else height,
            **look,
        ),
        swin_words.describe_window_map(now.row(), now.query, barred, now.outside(), title),
        f"Its window lies in {pieces} parts at the edges of the page; switch the zoom off (“How it is drawn”) to see them all."
        * (close and pieces > 1),
    )


def _close(_now: Inside) -> bool:
    return bool(st.session_state.get("swin_zoom", True))


def _map_look(now: Inside) -> None:
    tip = "The part of the page round the chosen cell; off: the whole page."
    widgets.toggle("Zoom to the window", "swin_zoom", True, help=tip)
    _look(now)


def rolled(now: Inside, close: bool, look: dict[str, Any]) -> tuple[Any, str, str]:
    """The same window as the block sees it: the page rolled, the window in one piece."""
    here, block, query = now.here, now.windows, now.query
    sheet = rolled_sheet(now.seen, block)
    barred = sheet.forbidden(query)
    how_far = f"is rolled up and left by {now.shift} cells" if now.shift else "is not rolled in this block"
    cells = int(barred.sum())
    said = (
        f"The page {how_far}; the window of the chosen cell is in one piece. {cells} of its {here.window**2} places are "
        "forbidden to the cell" + (", since they come from other edges of the page." if cells else ".")
    )
    return (
        swin_figures.window_map(
            sheet.image,
            sheet.values(now.of_head(block.tile(query)), query),
            here.cell,
            query=sheet.query(query),
            forbidden=barred,
            margin=max(1, here.window // 2) if close else None,
            title="The same window as the block sees it",
            height=HEIGHT,
            **look,
        ),
        said,
        said,
    )


def pairs(now: Inside) -> None:
    """Pairs compared in windows against all pairs, stage by stage."""
    done = [work(one) for one in now.plan]
    fewer = [(f"stage {n + 1}", one.everything / one.within) for n, one in enumerate(done)]
    title = "How many times fewer pairs windows compare"
    components.bar_chart("swin_pairs", fewer, "times fewer", "{} {:,.0f}", (f"{title}: ", "."), title=title)
    components.table(
        {
            "stage": [str(n + 1) for n in range(len(done))],
            "pairs in windows": [f"{one.within:,}" for one in done],
            "all pairs": [f"{one.everything:,}" for one in done],
        }
    )
    here = done[now.stage]
    st.caption(
        f"For one block of each stage. A page of twice the area would have {2 * here.within:,} pairs in the windows of stage "
        f"{now.stage + 1}, but {4 * here.everything:,} without windows. Pairs that the mask forbids are counted: they are "
        "compared, then masked."
    )


def heads(now: Inside) -> tuple[Any, str, str]:
    """Every head of the query at a glance; a click chooses a head."""
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
    return (
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
            height=HEIGHT,
        ),
        said,
        "The window as the block sees it, rolled together. Click a head to choose it.",
    )


def below(now: Inside) -> None:
    """What can be checked, the code and the files of the cell's map."""
    title, barred = now.map_name().capitalize(), now.windows.forbidden(now.query)
    components.in_words(swin_words.describe_window_map(now.row(), now.query, barred, now.outside(), title))
    swin_proof.below(now, drawn())


PAGE = lesson.Page(
    "swin",
    {
        "windows": View(windows, ("layer", "query"), _windows_look),
        "map": View(stitched, look=_map_look),
        "rolled": View(components.shown("swin_rolled", rolled, _close, lambda now: drawn()), look=_map_look),
        "pairs": View(pairs, ("layer",)),
        "heads": View(components.shown("swin_heads", heads, pick=partial(components.pick_number, state.HEAD))),
    },
    below,
    reading.choose,
    swin.context,
    swin.remarks,
    state.DOCUMENT,
)
