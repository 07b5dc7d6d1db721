"""Findings of page "Inside Swin": windows, shift, mask, bias and reach, all from the live encoder."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Finding
from tutorials.findings.controls import BIASES, STAGES, against, demonstration
from tutorials.findings.page import BUNDLED, Inside
from visualizer.measures import swin
from visualizer.words.plain import offset
from vit_attention.records.windows import FORBIDDEN, PADDING, Windows

SHARES = ("Less than 1 %", "1 % to 10 %", "10 % to 50 %", "More than half")
BOUNDS = (0.01, 0.1, 0.5)
FIXED = 0.9
"""Correlation from which a row is called the bias's doing."""
INKED = 0.25
"""Share of the windows that is looked at for ink: those of the highest contrast."""
TAUGHT = (
    "In receipt-donut each head began training with a preference for one neighbour, set by hand, and was free to lose it. "
    "That a head still looks there is no discovery; a published Donut starts without it."
)
NO_SHIFT = "No block of this stage is shifted"


def _shifted(now: Inside) -> int | None:
    """The chosen block if it is shifted, else the first shifted one of the stage."""
    if now.shift:
        return now.block
    return next((number for number, shift in enumerate(now.here.shifts) if shift), None)


def _elsewhere(now: Inside) -> Finding:
    stages = [str(one.number + 1) for one in now.plan if any(one.shifts)]
    where = f"choose stage {' or '.join(stages)}" if stages else "this encoder has 0 shifted blocks"
    return Finding(None, f"{NO_SHIFT}: {where}.")


def _scope(blocks: Sequence[Windows]) -> str:
    """A warning where only some windows of a large reader were looked at."""
    if all(len(one.kept) == one.partition.count for one in blocks):
        return ""
    return " Attention is that of the window at the chosen place alone: this reader is too large to keep all."


def compared(now: Inside) -> Finding:
    """Which share of all pairs of cells one block of the chosen stage compares."""
    done, rows_columns = swin.work(now.here), now.here.grid
    share = done.within / done.everything
    text = (
        f"Stage {now.stage + 1} has {rows_columns[0]} rows x {rows_columns[1]} columns = {rows_columns[0] * rows_columns[1]:,} cells, so "
        f"{done.everything:,} pairs. Its {done.windows:,} windows of {now.here.window**2} cells compare {done.within:,} of "
        f"them, {share:.2%}."
    )
    return Finding(SHARES[int(np.searchsorted(BOUNDS, share, side="right"))], text)


def allowed(now: Inside) -> Finding:
    """How many cells of the page the query may read."""
    kinds = now.windows.kinds(now.query)
    barred, beyond = int((kinds == FORBIDDEN).sum()), int((kinds == PADDING).sum())
    count = kinds.size - barred - beyond
    text = (
        f"The window has {kinds.size} places. For the cell in row {now.query // now.here.grid[1] + 1}, column "
        f"{now.query % now.here.grid[1] + 1}, the mask forbids {barred}, {beyond} are padding, and {count} may be read."
    )
    return Finding(float(count), text)


@demonstration
def shift_joins(now: Inside) -> Finding:
    """Whether every two touching cells that plain windows part may read each other in the shifted block."""
    block = _shifted(now)
    if block is None:
        return _elsewhere(now)
    parted = joined = 0
    for side, across in ((0, 1), (1, 0)):
        plain, moved = (
            swin.groups(now.here.grid[side], now.here.window, shift) for shift in (0, now.here.shifts[block])
        )
        apart = plain[1:] != plain[:-1]
        parted += int(apart.sum()) * now.here.grid[across]
        joined += int((apart & (moved[1:] == moved[:-1])).sum()) * now.here.grid[across]
    if not parted:
        return Finding(None, f"Stage {now.stage + 1} has 1 window, so its windows part no cells.")
    made = now.windows_of(now.stage, block)
    taken, even = swin.crossing(made, now.here.window)
    text = (
        f"Stage {now.stage + 1}: plain windows part {parted:,} pairs of touching cells; in block {block + 1} {joined:,} of "
        f"them ({joined / parted:.0%}) may read each other. What that block makes of it: {taken:.1%} of the attention goes "
        f"to cells of another plain window, where an even spread would give {even:.1%} (mean of all heads).{_scope([made])}"
    )
    return Finding(None, text)


@against(BIASES)
def fixed_neighbour(now: Inside) -> Finding:
    """Whether the bias alone predicts the rows of every head of the first block, where there is ink."""
    block = now.windows_of(0, 0)
    ink = swin.contrast(now.seen, block)
    inked = np.argsort(-ink, kind="stable")[: max(1, round(INKED * len(ink)))]
    rows = swin.agreement(block)
    heads = [float(np.nanmedian(one)) if np.isfinite(one).any() else 0.0 for one in rows[inked].swapaxes(0, 1)]
    steady = sum(one >= FIXED for one in heads)
    each = "; ".join(
        f"head {n + 1} {one:.2f} (bias highest for keys {_highest(table)})"
        for n, (one, table) in enumerate(zip(heads, block.bias, strict=True))
    )
    text = (
        f"Median correlation of a row with what the bias alone would give, in the {len(inked)} windows of most contrast of "
        f"{len(ink)}: {each}. 1: place alone decides; 0: it has no part. {steady} of {len(heads)} heads reach {FIXED}.{_scope([block])}"
        + f" {TAUGHT}"
        * (now.model == BUNDLED)
    )
    return Finding(steady == len(heads), text)


def _highest(table: NDArray[np.float32]) -> str:
    """Where from a query its bias table is highest, in words."""
    row, column = np.unravel_index(int(table.argmax()), table.shape)
    return offset(int(row) - len(table) // 2, int(column) - len(table) // 2)


@demonstration
def half_forbidden(now: Inside) -> Finding:
    """Whether the mask forbids 40 to 60 % of the pairs in the last row of windows."""
    block = _shifted(now)
    if block is None:
        return _elsewhere(now)
    cut = now.here.partition(block)
    share = swin.forbidden_below(cut)
    touched = cut.tiles[0] + cut.tiles[1] - 1
    text = (
        f"Stage {now.stage + 1}, block {block + 1}: in the last row of windows the mask forbids {share:.1%} of the pairs of "
        f"cells. It acts in {touched} of {cut.count} windows: the last row and the last column."
    )
    return Finding(None, text)


@against(STAGES)
def deeper_spreads(now: Inside) -> Finding:
    """Whether relative entropy rises from each stage to the next, over the last block of each."""
    blocks = [now.windows_of(one.number, one.blocks - 1) for one in now.plan]
    found = [swin.spread(one) for one in blocks]
    each = "; ".join(f"stage {n + 1}: {share:.0%}, {far:.1f} pixels" for n, (share, far) in enumerate(found))
    shares = [share for share, _ in found]
    text = (
        f"Entropy as a share of the largest possible, and mean distance read, in the last block of each: {each}. A cell "
        f"doubles its side from stage to stage, so the distance doubles even where the spread stays the same.{_scope(blocks)}"
    )
    return Finding(all(deeper > before for before, deeper in pairwise(shares)), text)


@demonstration
def whole_page(now: Inside) -> Finding:
    """Whether the whole page can have changed the cell at the chosen place by the end of the encoder."""
    last = now.plan[-1]
    rows, columns = swin.reached(now.plan, last.number, last.blocks - 1, now.query_in(last.number))
    share = float(rows.mean() * columns.mean())
    text = (
        f"By the end of stage {last.number + 1}, {int(rows.sum())} of {len(rows)} rows and {int(columns.sum())} of "
        f"{len(columns)} columns of the first stage can have changed the cell at the chosen place: {share:.0%} of the page."
    )
    return Finding(None, text)


def share_reached(now: Inside, stage: int) -> list[float]:
    """For every block of a stage, the share of the page that can have changed the cell at the chosen place by its end."""
    sides = [swin.reached(now.plan, stage, block, now.query_in(stage)) for block in range(now.plan[stage].blocks)]
    return [float(rows.mean() * columns.mean()) for rows, columns in sides]


NEVER = "Never"


def complete(now: Inside) -> Finding:
    """The stage by whose end the whole page can have changed the cell at the chosen place."""
    shares = {one.number + 1: share_reached(now, one.number)[-1] for one in now.plan}
    first = next((stage for stage, share in shares.items() if share == 1), None)
    each = ", ".join(f"stage {stage} {share:.2%}" for stage, share in shares.items())
    text = f"Share of the page that can have changed the cell at the chosen place, by the end of each stage: {each}."
    return Finding(NEVER if first is None else f"By the end of stage {first}", text)


def joined(now: Inside) -> Finding:
    """How many numbers describe the whole page after the merging that follows the chosen stage, as a share of those before."""
    number = min(now.stage, len(now.plan) - 2)
    if number < 0:
        return Finding(None, "This encoder has 1 stage, so nothing is merged.")
    before, after = now.plan[number], now.plan[number + 1]
    counts = [one.grid[0] * one.grid[1] * one.width for one in (before, after)]
    text = (
        f"Stage {number + 1}: {before.grid[0] * before.grid[1]:,} cells of {before.width} numbers are {counts[0]:,}. Stage "
        f"{number + 2}: {after.grid[0] * after.grid[1]:,} cells of {after.width} numbers are {counts[1]:,}, "
        f"{counts[1] / counts[0]:.0%} of them."
    )
    return Finding(100 * counts[1] / counts[0], text)
