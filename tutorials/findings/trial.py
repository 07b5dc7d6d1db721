"""What switching off heads says to the lesson's questions and claims: on the chosen layer, since each head costs a pass."""

from typing import Any

import numpy as np

from tutorials.findings import heads_off
from tutorials.findings.context import NO_TRUTH, Context, Finding
from tutorials.findings.controls import HEADS, OUTLINES, against, demonstration
from tutorials.findings.heads_off import NO_HEADS, Heads
from tutorials.findings.trial_measured import MEAN, ZERO, precomputed
from visualizer.measures.ranks import rank_correlation
from visualizer.measures.similarity import head_similarity

FEW, CLEAR, SAME = 3, 0.5, 0.2
"""Heads below which a layer has nothing to compare; rank correlation that counts as one; share within which two numbers
count as the same."""
LOST = 0.05
"""Fall of the accuracy, 0 to 1, that counts as one."""
QUARTERS = ("Fewer than a quarter", "A quarter to a half", "More than a half")


def _heads(now: Context) -> Heads:
    return tuple((now.chosen.layer, head) for head in range(len(now.record.maps[now.chosen.layer].weights)))


def _told(now: Context, falls: np.ndarray) -> str:
    first = int(np.argmax(falls))
    return (
        f"In layer {now.chosen.layer + 1} the {heads_off.aim(now)} falls most, by {falls[first]:.3g}, with head {first + 1} "
        f"switched off, and by {np.median(falls):.3g} with the median head ({heads_off.unit(now)})."
    )


def matters_most(now: Context) -> Finding:
    """The head of the chosen layer without which the score falls most."""
    found = heads_off.of_layer(now)
    return Finding(float(np.argmax(found)) + 1, _told(now, found))


def changes_answer(now: Context) -> Finding:
    """How many heads of the chosen layer change the likeliest class when each is switched off by itself."""
    if heads_off.target(now):
        return Finding(None, f"{now.model} names 0 classes, so there is no answer that could change.")
    found = heads_off.scores(now, heads_off.each(now, now.chosen.layer))
    likeliest = found.argmax(axis=1)
    many = int((likeliest[1:] != likeliest[0]).sum())
    return Finding(
        "None" if not many else "One or two" if many < 3 else "Three or more",
        f"{many} of the {len(found) - 1} heads of layer {now.chosen.layer + 1} change the likeliest class, each switched off by "
        f"itself. {_told(now, found[0, likeliest[0]] - found[1:, likeliest[0]])}",
    )


def layer_and_sum(now: Context) -> Finding:
    """Whether a whole layer switched off costs more or less than its heads one at a time, added up."""
    single, whole = heads_off.together(now, _heads(now))
    total = float(single.sum())
    near = abs(whole - total) <= SAME * max(abs(whole), abs(total))
    return Finding(
        "About the same (within 20 %)" if near else "More" if whole > total else "Less",
        f"One at a time, the {len(single)} heads of layer {now.chosen.layer + 1} lower the {heads_off.aim(now)} by {total:.3g} in "
        f"all; together by {whole:.3g} ({heads_off.unit(now)}).",
    )


def _looks_and_worth(now: Context) -> tuple[Any, Any] | Finding:
    """What every head of the layer has of its weight on the objects, and what its loss costs; or why that is not known."""
    if now.truth is None:
        return NO_TRUTH
    shares = heads_off.on_object(now, now.chosen.layer)
    return NO_HEADS if len(shares) < FEW else (shares, heads_off.of_layer(now))


@against(HEADS, OUTLINES)
def most_looking_matters_most(now: Context) -> Finding:
    """Whether the head of the layer that has most of its weight on the objects is the one whose loss costs most."""
    both = _looks_and_worth(now)
    if isinstance(both, Finding):
        return both
    shares, found = both
    looks, matters = int(np.argmax(shares)), int(np.argmax(found))
    place = int((found > found[looks]).sum()) + 1
    return Finding(
        looks == matters,
        f"In layer {now.chosen.layer + 1} head {looks + 1} looks most at the object ({shares[looks]:.0%} of its patch weight). "
        f"Without it the score falls by {found[looks]:.3g}, place {place} of {len(found)}; without head {matters + 1} by "
        f"{found[matters]:.3g} ({heads_off.unit(now)}).",
    )


@against(HEADS, OUTLINES)
def looking_predicts(now: Context) -> Finding:
    """Whether a head's weight on the objects says how much its loss costs: rank correlation in the layer of at least `CLEAR`."""
    both = _looks_and_worth(now)
    if isinstance(both, Finding):
        return both
    shares, found = both
    rank = rank_correlation(shares, found)
    if np.isnan(rank):
        return Finding(None, f"All {len(shares)} heads look at the object alike, so that there is nothing to compare.")
    return Finding(
        rank >= CLEAR,
        f"Rank correlation over the {len(shares)} heads of layer {now.chosen.layer + 1}, of the share of patch weight on the "
        f"object and the fall of the score without the head: {rank:+.2f}, where {CLEAR} counts.",
    )


@against(HEADS)
def alike_replace(now: Context) -> Finding:
    """Whether the two heads of the layer that look most alike stand in for one another, more than the two least alike.

    Heads that do the same cost little one at a time and much together: the excess over the sum of the two is then positive.
    """
    weights = now.heads(now.chosen.layer)
    if len(weights) < FEW:
        return NO_HEADS
    alike = head_similarity(weights)
    alike[np.tril_indices(len(alike))] = np.nan
    flat = (np.nanargmax(alike), np.nanargmin(alike))
    pairs = [tuple(int(n) for n in np.unravel_index(one, alike.shape)) for one in flat]
    excess = []
    for pair in pairs:
        single, both = heads_off.together(now, tuple((now.chosen.layer, head) for head in pair))
        excess.append(both - float(single.sum()))
    named = [f"heads {one + 1} and {two + 1} (cosine similarity {alike[one, two]:.2f})" for one, two in pairs]
    return Finding(
        excess[0] > max(excess[1], 0),
        f"Layer {now.chosen.layer + 1}: switched off together, {named[0]} cost {excess[0]:+.3g} more than one at a time, "
        f"added up; {named[1]}, the least alike, {excess[1]:+.3g} ({heads_off.unit(now)}).",
    )


@against()
def same_by_mean(now: Context) -> Finding:
    """Whether zeros and mean outputs in a head's place name the same head of the layer as the one that matters most."""
    zero, mean = (heads_off.of_layer(now, how) for how in (ZERO, MEAN))
    if len(zero) < FEW:
        return NO_HEADS
    first, other = int(np.argmax(zero)), int(np.argmax(mean))
    return Finding(
        first == other,
        f"Layer {now.chosen.layer + 1}: with zeros in its place, head {first + 1} costs most ({zero[first]:.3g}); with its mean "
        f"output in its place, head {other + 1} ({mean[other]:.3g}, {heads_off.unit(now)}). Rank correlation over the "
        f"{len(zero)} heads: {rank_correlation(zero, mean):+.2f}.",
    )


@demonstration
def can_go(now: Context) -> Finding:
    """How many heads of the model can go, weakest first, before its accuracy on many scenes has fallen by more than `LOST`."""
    found = precomputed(now.model)
    if found is None:
        return Finding(None, f"The heads of 1 bundled model were measured, scene-vit, and not those of {now.model}.")
    many, of = found.can_go(LOST), found.fall[ZERO].size
    return Finding(
        QUARTERS[0] if many < of / 4 else QUARTERS[1] if many <= of / 2 else QUARTERS[2],
        f"Weakest first, {many} of {of} heads can go before the accuracy on {found.count} other scenes has fallen by more than "
        f"{LOST:.0%} of the scenes.",
    )
