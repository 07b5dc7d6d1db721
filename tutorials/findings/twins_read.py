"""Answers to the questions before and after the lessons on a reader and its encoder, each from the numbers of the page shown."""

from dataclasses import replace

import numpy as np

from tutorials.findings.context import Finding
from tutorials.findings.fields import NOTHING_RIGHT, scores
from tutorials.findings.page import Inside, Reading
from tutorials.findings.reading import FEW, HALF, NO_TRUTH, TWICE, page_sample
from visualizer.measures import swin
from vit_attention.records.windows import FORBIDDEN

RANDOM, SELDOM, MOSTLY = (
    "About as seldom as for a cell picked at random",
    "More often, but for fewer than half of them",
    "For half of them, or for more",
)
WORST = 3
"""How many fields count as the ones whose boxes fit worst."""
NONE, SOME, ALL = "None of the three", "One or two of them", "All three of them"
SHARE_HALF, SHARE_SOME, SHARE_NONE = "About half of it", "Some of it, but less than a quarter", "None of it"
SHARE_QUARTER = "A quarter to a half of it"
OWN, BEYOND, WHOLE = (
    "Its own window, and nothing else",
    "More than its window, but not the whole page",
    "The whole page",
)


def ends_of_words(now: Reading) -> Finding:
    """How often the strongest cell of a piece that completes a word lies on that piece's own print, over all layers and heads."""
    if now.document.truth is None:
        return NO_TRUTH
    found = page_sample(now)
    later = int(found.tokens[1])
    if later < FEW:
        return Finding(
            None, f"{later} pieces that go on with a word were read right here, and this needs at least {FEW}."
        )
    rate = found.rate(("later",), None, None)
    answer = RANDOM if rate <= TWICE * found.chance else MOSTLY if rate >= HALF else SELDOM
    return Finding(
        answer,
        f"Mean of all layers and heads: for {rate:.0%} of {later} pieces that go on with a word, the strongest cell lies on their own "
        f"print; a cell picked at random would for {found.chance:.1%}. A model that only guessed how the words end would be "
        "near that. That it looked does not show that it had to.",
    )


def worst_boxes(now: Reading) -> Finding:
    """How many of the three fields whose proposed boxes fit worst were read right, over all layers and heads."""
    if now.document.truth is None:
        return NO_TRUTH
    known = [one for one in scores(replace(now, layer=None, head=None)) if np.isfinite(one.iou)]
    if len(known) < WORST:
        return (
            NOTHING_RIGHT if not known else Finding(None, f"{len(known)} fields have a box here; this needs {WORST}.")
        )
    worst = sorted(known, key=lambda one: one.iou)[:WORST]
    right = sum(one.right for one in worst)
    listed = "; ".join(f"{one.path} {one.iou:.2f}, read {'right' if one.right else 'wrong'}" for one in worst)
    return Finding(
        ALL if right == WORST else SOME if right else NONE,
        f"Mean of all layers and heads, overlap (IoU) of the proposed with the true box: {listed}. Of all {len(known)} fields, "
        f"{sum(one.right for one in known)} were read right. A box shows where attention was strongest, and not what was taken "
        "from there.",
    )


def across_the_page(now: Inside) -> Finding:
    """How much of its attention the chosen cell gives to cells of its window that lie at the other end of the page."""
    kinds, shape = now.windows.kinds(now.query), now.here.window**2
    barred = int((kinds == FORBIDDEN).sum())
    if not barred:
        return Finding(None, f"Of the {shape} cells of this window 0 lie at another end of the page.")
    given = float(np.nansum(np.where(now.windows.forbidden(now.query), now.row(), 0)))
    answer = (
        SHARE_NONE if given < 0.005 else SHARE_SOME if given < 0.25 else SHARE_QUARTER if given < 0.4 else SHARE_HALF
    )
    return Finding(
        answer,
        f"{now.map_name().capitalize()}: {barred} of the {kinds.size} cells of the window come from another end of the page, since "
        f"the grid was rolled. The chosen cell gives them {given:.1%} of its attention: the mask subtracts 100 from their scores. "
        "That two cells share a window does not mean that they read each other.",
    )


def behind_the_cell(now: Inside) -> Finding:
    """Which part of the page can have changed the chosen cell by the end of its stage."""
    stage = now.here
    rows, columns = swin.reached(now.plan, stage.number, stage.blocks - 1, now.query)
    share = float(rows.mean() * columns.mean())
    window = min(stage.window, stage.grid[0]) * min(stage.window, stage.grid[1]) / (stage.grid[0] * stage.grid[1])
    return Finding(
        WHOLE if share == 1 else BEYOND if share > window else OWN,
        f"A window of stage {stage.number + 1} covers {window:.1%} of the page. By the end of the stage, {share:.0%} of the "
        "page can have changed the marked cell: what it reads in its window was merged from cells that had read other windows "
        "before.",
    )
