"""Lesson "Patches and tokens": what a token knows before and after attention."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ui import resources, tokens
from ui.experiments.context import Context, Experiment, Finding
from ui.experiments.ranks import rankdata
from visualizer.measures.similarity import position_similarity

NEAR, COLOUR, NEITHER = (
    "Its neighbours on the picture",
    "Patches of the same colour, wherever they lie",
    "Neither (both rank correlations below 0.3)",
)
WEAK = 0.3
"""A rank correlation below this is called no rule; the option above says so."""
CLOSE = 0.1
"""Two rank correlations nearer than this are called a draw."""


def most_alike_at_first(now: Context) -> Finding:
    """Does likeness before any attention follow place or colour? Rank correlations over all other patches."""
    patch = tokens.chosen_patch(now)
    others = np.arange(now.grid[0] * now.grid[1]) != patch
    alike = tokens.likeness(now, 0)[patch][others]
    colours = tokens.mean_colours(now)
    far = np.hypot(*(np.array(divmod(np.arange(len(colours)), now.grid[1])).T - divmod(patch, now.grid[1])).T)
    place = _rank_correlation(alike, -far[others])
    colour = _rank_correlation(alike, -np.linalg.norm(colours - colours[patch], axis=1)[others])
    found = {NEAR: place, COLOUR: colour}
    best = max(found.values())
    answer = tuple(name for name, value in found.items() if value >= WEAK and best - value < CLOSE)
    text = (
        "Before the first layer, likeness to this patch (cosine similarity, mean not taken off) follows closeness on "
        f"the picture with a rank correlation of {place:.2f} and closeness of mean colour with {colour:.2f} (1: the same "
        "order, 0: no rule)."
    )
    return Finding(answer or NEITHER, text)


def _rank_correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Spearman's; 0 if one side is constant."""
    a, b = rankdata(first), rankdata(second)
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else 0.0


def tokens_of_half_patches(now: Context) -> Finding:
    """Tokens if the same input were cut into patches of half the height and half the width."""
    rows, columns = now.grid
    count = now.axis.prefix + 4 * rows * columns
    text = (
        f"{2 * rows} x {2 * columns} = {4 * rows * columns} patches and {now.axis.prefix} special "
        f"token{'s' * (now.axis.prefix != 1)}: {count} tokens instead of {len(now.axis)}. One head's table of "
        f"weights grows from {len(now.axis) ** 2:,} to {count**2:,} numbers."
    )
    return Finding(float(count), text)


def only_own_patch(now: Context) -> Finding:
    """Paint the chosen patch over and count which other tokens change before and after the chosen layer."""
    depth = now.chosen.layer + 1
    before, after = (tokens.change(now)[d] > tokens.CHANGED for d in (0, depth))
    own = now.axis.prefix + tokens.chosen_patch(now)
    others = int(np.delete(after, own).sum())
    text = (
        f"With this one patch painted over, {int(before.sum())} of {len(before)} tokens that enter layer 1 change "
        f"by more than 0.01 % of their length, and {int(after.sum())} of those that leave layer {depth}."
    )
    return Finding(others == 0, text)


def one_layer_is_enough(now: Context) -> Finding:
    """After layer 1 alone, has every token changed?"""
    moved = tokens.change(now)[1]
    changed = moved > tokens.CHANGED
    text = (
        f"With this one patch painted over, {int(changed.sum())} of {len(changed)} tokens that leave layer 1 "
        f"change by more than 0.01 % of their length, but only {int((moved > 0.01).sum())} by more than 1 %; the "
        f"median change is {np.median(moved):.2%}."
    )
    return Finding(bool(changed.all()), text)


def neighbours_positions(now: Context) -> Finding:
    """Are position embeddings of touching patches more alike than those of patches further away?"""
    table = resources.model(now.model).position_table()
    if table is None or len(table) != len(now.axis):
        return Finding(None, "This model has no table with one learned position per token.")
    size = now.grid[0] * now.grid[1]
    alike = position_similarity(table, now.grid, now.axis.prefix).reshape(size, size)
    rings = np.stack([tokens.ring(now, patch) for patch in range(size)])
    near, far = float(alike[rings == 1].mean()), float(alike[rings > 1].mean())
    each = [alike[p][rings[p] == 1].mean() > alike[p][rings[p] > 1].mean() for p in range(size)]
    text = (
        f"Mean cosine similarity of the position embeddings of touching patches {near:.2f}, of all others {far:.2f}; "
        f"the touching ones are more similar for {sum(each)} of {size} patches."
    )
    return Finding(all(each), text)


def objects_gather(now: Context) -> Finding:
    """Does the gap between likeness inside objects and likeness to the ground widen with depth?"""
    truth = now.truth
    if truth is None or int((truth > 0.5).sum()) < 2:
        return Finding(None, "This needs a scene whose objects fill at least two patches.")
    inside = truth.ravel() > 0.5
    ground = truth.ravel() == 0
    depth = now.chosen.layer + 1
    gaps = [_gap(tokens.likeness(now, d, centred=True), inside, ground) for d in (0, depth)]
    (own0, other0), (own, other) = gaps
    text = (
        f"Cosine similarity with the mean taken off, before layer 1: {own0:.2f} between object patches, "
        f"{other0:.2f} from object to ground. After layer {depth}: {own:.2f} and {other:.2f}. The gap went from "
        f"{own0 - other0:.2f} to {own - other:.2f}."
    )
    return Finding(own - other > own0 - other0, text)


def _gap(alike: NDArray[np.float64], inside: NDArray[np.bool_], ground: NDArray[np.bool_]) -> tuple[float, float]:
    block = alike[np.ix_(inside, inside)]
    return float(block[~np.eye(len(block), dtype=bool)].mean()), float(alike[np.ix_(inside, ground)].mean())


EXPERIMENTS: dict[str, Experiment] = {
    "most_alike_at_first": most_alike_at_first,
    "tokens_of_half_patches": tokens_of_half_patches,
    "only_own_patch": only_own_patch,
    "one_layer_is_enough": one_layer_is_enough,
    "neighbours_positions": neighbours_positions,
    "objects_gather": objects_gather,
}
