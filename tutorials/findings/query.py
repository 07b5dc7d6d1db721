"""Lesson "One query": where a row of attention goes, and the arithmetic that makes it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Finding, Picture
from tutorials.findings.controls import OUTLINES, PAIRS, PATCHES, against, demonstration
from visualizer.measures.arithmetic import RowSteps, row_steps
from visualizer.measures.entropy import entropy
from worlds.scenes import coverage

ITSELF, NEIGHBOUR, FURTHER = "The asking token itself", "One of its 8 neighbours", "Any other patch"
SPECIAL = "The class token or another special token"
HALF = 0.5
"""A patch belongs to an object that covers more than this share of it."""
SYMMETRIC = 0.9
"""Correlation of A with its mirror image from which on it is called symmetric."""
TINY = 1e-6
"""Smaller weights count as this one in ratios: the record's half precision knows no finer."""


def arithmetic_head(now: Context) -> int:
    """The head whose numbers are shown: the chosen one, or the first, since a mean of heads has no q and k."""
    return now.chosen.head or 0


def queries_and_keys(model: Any, picture: Picture, layer: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Query and key vectors of one layer (0 first), two arrays of (heads, tokens, head width)."""
    return model.queries_and_keys(picture.image, layer)


def head_vectors(now: Context) -> tuple[NDArray[Any], NDArray[Any]]:
    """(tokens, head width) queries and keys of the chosen layer and `arithmetic_head`."""
    queries, keys = now.run(queries_and_keys, now.model, now.picture, now.chosen.layer)
    return queries[arithmetic_head(now)], keys[arithmetic_head(now)]


def live_steps(now: Context, stretch: float = 1.0) -> RowSteps:
    """Every step of the chosen query's row in the chosen layer and `arithmetic_head`."""
    queries, keys = head_vectors(now)
    return row_steps(queries[now.chosen.query], keys, stretch)


def strongest_key(now: Context) -> Finding:
    """What kind of token gets the largest weight of the row on the page."""
    row = now.row()
    best = int(row.argmax())
    text = (
        f"Layer {now.chosen.layer + 1}, {now.head_name()}, asked by {now.query_name()}: the largest weight, "
        f"{row[best]:.1%}, goes to the {now.axis.name(best)}{_lies_on(now, best)}. Equal shares would be "
        f"{1 / len(row):.1%}."
    )
    return Finding(_kinds(now, best), text)


def _kinds(now: Context, best: int) -> tuple[str, ...]:
    """Every option that describes token `best`."""
    prefix = now.axis.prefix
    asking = now.asking
    kinds = [ITSELF] if best in asking else []
    if best < prefix:
        return (*kinds, SPECIAL)
    if not kinds:
        place = np.array(divmod(best - prefix, now.grid[1]))
        near = [np.abs(place - divmod(a - prefix, now.grid[1])).max() == 1 for a in asking if a >= prefix]
        kinds.append(NEIGHBOUR if any(near) else FURTHER)
    return tuple(kinds)


def _lies_on(now: Context, token: int) -> str:
    """Where a patch of a scene lies, in words; "" without truth."""
    truth = now.truth
    if truth is None or token < now.axis.prefix:
        return ""
    share = float(truth.ravel()[token - now.axis.prefix])
    return f" ({share:.0%} of it covered by an object)"


def second_to_first(now: Context) -> Finding:
    """Weight of the second key of the table divided by the weight of the first."""
    steps = live_steps(now)
    first, second = (float(v) for v in steps.scaled[steps.strongest(2)])
    ratio = float(np.exp(second - first))
    text = (
        f"The scaled products are {first:.3f} and {second:.3f}. The second is {first - second:.3f} smaller, so the "
        f"ratio is e to the power of −{first - second:.3f} = {ratio:.3f}: softmax turns differences of products "
        "into ratios of weights."
    )
    return Finding(ratio, text)


@against(PATCHES)
def most_to_itself(now: Context) -> Finding:
    """For how many patches of the chosen layer and head is the largest weight their own?"""
    prefix, weights = now.axis.prefix, now.weights()
    own = weights[prefix:].argmax(axis=1) == np.arange(prefix, len(weights))
    mean = float(np.diagonal(weights)[prefix:].mean())
    text = (
        f"Layer {now.chosen.layer + 1}, {now.head_name()}: {int(own.sum())} of {len(own)} patches give their "
        f"largest weight to themselves; on average a patch gives itself {mean:.1%} (equal shares: "
        f"{1 / len(weights):.1%})."
    )
    return Finding(bool(own.mean() > 0.5), text)


@against(*PAIRS, OUTLINES)
def object_to_object(now: Context) -> Finding:
    """Do patches on an object give its other patches more weight than ground patches give the object?"""
    things, weights = _things(now), now.weights()
    if now.truth is None:
        return Finding(None, "This needs an outline of the objects, and this picture has 0.")
    ground = now.axis.prefix + np.flatnonzero(now.truth.ravel() == 0)
    lines, holds = [], []
    for name, cover in things.items():
        on = now.axis.prefix + np.flatnonzero(cover.ravel() > HALF)
        if len(on) < 2 or not len(ground):
            continue
        inside, outside = (float(weights[np.ix_(rows, on)].sum(axis=1).mean()) for rows in (on, ground))
        others = inside - float(weights[on, on].mean())  # what a patch gives itself would make a mirror pass
        equal = (len(on) - 1) / len(weights)
        holds.append(others > max(outside, equal))
        lines.append(
            f"Patches on the {name} give its {len(on)} patches {inside:.1%} of their weight, "
            f"{others:.1%} without what each gives itself; ground patches give them {outside:.1%}, and equal shares for the "
            f"{len(on) - 1} others would be {equal:.1%}."
        )
    if not lines:
        return Finding(None, "No object here covers two patches by more than half.")
    return Finding(all(holds), " ".join(lines))


def _things(now: Context) -> dict[str, NDArray[Any]]:
    """What is outlined, by name, and the share of every patch that it covers."""
    scene, truth = now.picture.scene, now.truth
    if scene is not None:
        return {f"{thing.colour} {thing.shape}": coverage(thing.mask, now.grid) for thing in scene.things}
    return {} if truth is None else {"outlined object": truth}


@against(PATCHES)
def symmetric(now: Context) -> Finding:
    """Correlation of the patch-to-patch weights with their mirror image."""
    prefix = now.axis.prefix
    square = now.weights()[prefix:, prefix:].astype(np.float64)
    there, back = _pairs(square)
    if not np.ptp(there):
        return Finding(None, "All patches give one another the same weight here, so nothing can be correlated.")
    correlation = float(np.corrcoef(there, back)[0, 1])
    big = np.maximum(np.maximum(there, back), TINY) / np.maximum(np.minimum(there, back), TINY)
    text = (
        f"Layer {now.chosen.layer + 1}, {now.head_name()}, over {len(there) // 2:,} pairs of different patches: "
        f"correlation of A-reads-B with B-reads-A {correlation:.2f} (symmetric: 1). In the median pair one "
        f"direction is {np.median(big):.1f} times the other (weights below {TINY:.4%} count as that)."
    )
    return Finding(correlation > SYMMETRIC, text)


def _pairs(square: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Every off-diagonal entry, and the one across the diagonal from it."""
    off = ~np.eye(len(square), dtype=bool)
    return square[off], square.T[off]


@demonstration
def scale_softens(now: Context) -> Finding:
    """How spread the row is with and without the division by the root of the head width; with it more, by arithmetic."""
    with_it = live_steps(now)
    width = round(float(1 / with_it.factor**2))
    without = live_steps(now, stretch=float(np.sqrt(width)))
    bits, bits_without = float(entropy(with_it.weights)), float(entropy(without.weights))
    text = (
        f"Layer {now.chosen.layer + 1}, head {arithmetic_head(now) + 1}: with the division by the root of {width} "
        f"the row has an entropy of {bits:.2f} bits and a largest weight of {with_it.weights.max():.1%}; without "
        f"it {bits_without:.2f} bits and {without.weights.max():.1%}. The order of the keys is the same."
    )
    return Finding(None, text)
