"""Page "What reaches a cell": stages, merging, what place alone adds, and what can have changed a cell."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from tutorials.findings.page import Inside
from tutorials.findings.swin import share_reached
from ui.frame import state
from ui.parts import components, controls, lesson
from ui.parts.lesson import View
from ui.read import reading, swin, swin_proof, swin_view
from ui.read.swin_view import HEIGHT
from visualizer.figures import overlay, swin_structure
from visualizer.figures.swin_structure import stage_lines
from visualizer.measures.swin import reached
from visualizer.words import swin as swin_words


def stages(now: Inside) -> None:
    """The stages side by side, the chosen one marked; a click chooses one."""
    if controls.on_phone():  # side by side they would be too small to tell apart
        lines = ("{}: {}, {}; {}".format(*stage_lines(one, one is now.here, bold=False)) for one in now.plan)
        marked = (f"**▶ {line.replace(':', '**:', 1)}" if at == now.stage else line for at, line in enumerate(lines))
        st.markdown("\n".join(f"- {line}" for line in marked))
        return
    components.kept(now, "swin_stages", _stages, pick=partial(components.pick_number, swin.STAGE))


def _stages(now: Inside) -> tuple[Any, str, str]:
    here = now.here
    return (
        swin_structure.stage_tracker(now.plan, now.stage, now.block, clickable=True),
        swin_words.describe_stages(now.plan, now.stage),
        f"Stage {now.stage + 1} of {len(now.plan)}, block {now.block + 1} of {here.blocks}: cells of {here.cell[0]} x "
        f"{here.cell[1]} pixels (height x width), {here.width} numbers each.",
    )


def merge(now: Inside) -> tuple[Any, ...]:
    """Four cells become one: the step out of the chosen stage, or into it if it is the last."""
    if len(now.plan) == 1:
        return ("This encoder has one stage, so nothing is merged.",)
    last = now.stage == len(now.plan) - 1
    number = now.stage - last
    before, after, chosen = now.plan[number], now.plan[number + 1], now.query_in(number)
    said = swin_words.describe_merge(chosen, before.grid, number)
    return (
        swin_structure.merge_picture(
            now.document.image,
            before.grid,
            before.cell,
            chosen,
            now.geometry,
            number=number,
            margin=before.window,
            height=HEIGHT,
        ),
        said,
        f"{said} Cells: {before.grid[0] * before.grid[1]:,} become {after.grid[0] * after.grid[1]:,}."
        + " Nothing is merged after the last stage; this is the step that made its cells." * last,
    )


def bias(now: Inside) -> tuple[Any, str, str]:
    """What place alone adds to the scores of one head."""
    head, biases = now.head or 0, now.windows.bias
    table, title = biases[head], f"Relative position bias of head {head + 1}"
    apart = float(table.max()) - float(table.min())
    return (
        swin_structure.bias_map(table, limit=float(np.abs(biases).max()) or None, title=title, height=HEIGHT),
        swin_words.describe_bias(table, title),
        "A mean of heads has no bias table: this is that of head 1. "
        * (now.head is None)
        + f"Largest minus smallest: {apart:.2f}. Where query and key fit equally well, a key at the best place gets "
        f"e^{apart:.2f} = {np.exp(apart):.3g} times the weight of one at the worst.",
    )


def reach(now: Inside, height: int) -> tuple[Any, str, str]:
    """The part of the page that can have changed the chosen cell by the end of the chosen block."""
    rows, columns = reached(now.plan, now.stage, now.block, now.query)
    values = np.where(np.outer(rows, columns), 1.0, np.nan)
    after = f"by the end of stage {now.stage + 1}, block {now.block + 1}"
    said = (
        f"{rows.sum()} of {len(rows)} rows and {columns.sum()} of {len(columns)} columns of the first stage's cells: "
        f"{rows.mean() * columns.mean():.2%} of the page."
    )
    return (
        overlay.overlay(
            now.document.image,
            values,
            now.geometry,
            query=[now.query_in(0)],
            outlined="the chosen place",
            opacity=0.45,
            unit="reach (1: can have changed the cell)",
            title=f"Reach, stage {now.stage + 1}, block {now.block + 1}",
            height=height,
        ),
        f"What can have reached the cell {after}: {said}",
        said,
    )


def growth(now: Inside) -> None:
    """The share of the page that can have changed the cell at the chosen place, by the end of every block."""
    found = [
        (f"stage {one.number + 1}, block {block + 1}" + ", shifted" * bool(one.shifts[block]), 100 * share)
        for one in now.plan
        for block, share in enumerate(share_reached(now, one.number))
    ]
    title = "Page that can have reached the cell"
    ends = (f"{title}, by the end of each block: ", ".")
    components.bar_chart("swin_growth", found, "% of the page", "{} {:.2f} %", ends, title=title)


PAGE = lesson.Page(
    "merging",
    {
        "stages": View(stages, ("layer",)),
        "merge": View(components.shown("swin_merge", merge), ("layer", "query")),
        "bias": View(components.shown("swin_bias", bias), ("layer", "head")),
        "reach": View(components.shown("swin_reach", reach, swin_view.tall), ("layer", "query")),
        "growth": View(growth, ("query",)),
    },
    lambda now: swin_proof.below(now, swin_view.drawn()),
    reading.choose,
    swin.context,
    swin.remarks,
    state.DOCUMENT,
)
