"""Findings of the page on sanity checks: which maps agree, which notice what the network loses, and which notice the class."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import NO_TRUTH, Context, Finding
from tutorials.findings.rollout import classes
from tutorials.findings.several import Change, Maps, about, fitting, maps_of, steps, titles
from visualizer.measures.agreement import rank_agreement
from visualizer.measures.ranks import rank_correlation
from visualizer.measures.score import pointing_hit
from visualizer.method import methods
from vit_attention.records import Similar

FEW = ("raw", "rollout", "relevance", "gradient-rollout", "grad-cam", "input-gradients")
"""Methods of six kinds that take one or two passes; what takes a run for every step shows these."""
PAIRS = {
    "Raw attention and rollout": ("raw", "rollout"),
    "Relevance and gradient rollout": ("relevance", "gradient-rollout"),
    "Grad-CAM and input gradients": ("grad-cam", "input-gradients"),
}
TIE = 0.02
"""Rank correlations that differ by less count as equal."""
ALIKE, STEADY = 0.5, 0.9
"""Rank correlations from which one map resembles another, and from which it is nearly the same."""
SAME = 1 - 1e-9
"""From here on the order of the patches is the same, but for the rounding of the sum."""
DRAWS, NOISE = 3, 5.0
"""Draws of noise, and its standard deviation in grey levels of 0 to 255."""


def few(now: Context) -> list[str]:
    """Those of `FEW` that have a map here."""
    there = fitting(now)
    return [name for name in FEW if name in there]


def after(own: Maps, other: Maps) -> dict[str, float]:
    """The rank correlation of every map with the one of the same name; NaN for a constant one."""
    return {name: rank_correlation(one, other[name]) for name, one in own.items()}


def targets(now: Context) -> tuple[str, str]:
    """Two things to ask about: two classes, or, where none are named, the similarity to the chosen patch and to the one opposite."""
    if found := classes(now):
        return found
    (rows, columns), row, column = now.grid, now.chosen.row, now.chosen.column
    there = (rows - 1 - row, columns - 1 - column)
    other = there if there != (row, column) else (0, 0)
    return about(now), str(Similar(to=other))


def by_target(now: Context, first: str, second: str) -> dict[str, float]:
    """The rank correlation of every map about one thing with the same about another."""
    names = fitting(now)
    own, asking = maps_of(now, names, first), [name for name in names if methods()[name].asks_class]
    return after(own, own | maps_of(now, asking, second))


def under_noise(now: Context, names: Sequence[str], deviation: float = NOISE) -> dict[str, NDArray[np.float64]]:
    """(draws,) rank correlations of every map with that of the same picture under noise; the same noise on every run."""
    own = maps_of(now, names)
    noisy = [after(own, maps_of(now, names, change=Change(seed=n, noise=deviation))) for n in range(1, DRAWS + 1)]
    return {name: np.array([one[name] for one in noisy]) for name in own}


def through_steps(now: Context, step: int) -> dict[str, float]:
    """The rank correlation of each of a `few` maps with that of the trained network, after one step of the cascade."""
    names = few(now)
    return after(maps_of(now, names), maps_of(now, names, change=Change(step=step)))


def most_alike(now: Context) -> Finding:
    """Which of three pairs has the highest rank correlation; ties within 0.02 all count."""
    own = maps_of(now, few(now))
    found = {pair: rank_correlation(own[a], own[b]) for pair, (a, b) in PAIRS.items() if a in own and b in own}
    text = "; ".join(f"{pair}: {rank:+.2f}" for pair, rank in found.items())
    if len(found) < len(PAIRS):
        return Finding(None, f"Rank correlations: {text}. The other pairs have no map of this model.")
    return Finding(
        tuple(pair for pair, rank in found.items() if rank > max(found.values()) - TIE), f"Rank correlations: {text}."
    )


def first_change(now: Context) -> Finding:
    """Number of the step of the cascade that first changes the chosen layer's raw attention."""
    named, own = steps(now), maps_of(now, ["raw"])

    def changed(step: int) -> bool:
        return not np.array_equal(own["raw"], maps_of(now, ["raw"], change=Change(step=step))["raw"])

    step = bisect_left(range(1, len(named)), True, key=changed) + 1
    layer = now.chosen.layer + 1
    return Finding(
        float(step),
        f"The raw attention of layer {layer} stays bit for bit the same through {step - 1} steps, and first changes at step {step}, "
        f"which draws this: {named[step]}. What lies above a layer cannot reach its weights.",
    )


def unmoved(now: Context) -> Finding:
    """How many maps keep the order of all patches when another class is asked about."""
    first, second = targets(now)
    found = by_target(now, first, second)
    still = [name for name, rank in found.items() if rank >= SAME]
    moved = {name: rank for name, rank in found.items() if name not in still}
    ranks = "; ".join(f"{methods()[name].label} {rank:+.2f}" for name, rank in moved.items())
    return Finding(
        float(len(still)),
        f"Asked about {first} and then about {second}, {len(still)} of {len(found)} maps stay the same: {', '.join(titles(still))}. "
        f"No class enters them. Rank correlations of the others: {ranks or 'there are none'}.",
    )


def half_lost(now: Context) -> Finding:
    """Whether no map resembles the trained one once the upper half of the blocks is random."""
    named = steps(now)
    step = 1 + (len(named) - 3) // 2
    found = through_steps(now, step)
    said = "; ".join(f"{methods()[name].label} {rank:+.2f}" for name, rank in found.items())
    return Finding(
        bool(all(abs(rank) < ALIKE for rank in found.values())),
        f"With everything drawn anew from the head down to {named[step]}, the rank correlations with the trained maps are: {said}. "
        f"From {ALIKE} on, a map counts as similar.",
    )


def right_together(now: Context) -> Finding:
    """Whether the two maps that agree most both point at an object."""
    if now.truth is None:
        return NO_TRUTH
    own = maps_of(now, few(now))
    names, ranks = list(own), rank_agreement(list(own.values()))
    pairs = list(combinations(range(len(names)), 2))
    first, second = max(pairs, key=lambda pair: np.nan_to_num(ranks[pair], nan=-2))
    hits = [bool(pointing_hit(own[names[n]], now.truth)) for n in (first, second)]
    both = titles([names[first], names[second]])
    where = " and ".join(f"{name} points {'at' if hit else 'beside'} one" for name, hit in zip(both, hits, strict=True))
    return Finding(
        all(hits),
        f"Of {len(pairs)} pairs, {both[0]} and {both[1]} agree most, with a rank correlation of {ranks[first, second]:+.2f}. Of the "
        f"objects, {where}. A patch picked at random is on one in {float((now.truth > 0.1).mean()):.0%} of draws.",
    )


def steady(now: Context) -> Finding:
    """Whether every map is nearly the same under noise that is hardly seen."""
    found = {name: float(np.mean(ranks)) for name, ranks in under_noise(now, few(now)).items()}
    said = "; ".join(f"{methods()[name].label} {rank:+.2f}" for name, rank in found.items())
    return Finding(
        bool(all(rank >= STEADY for rank in found.values())),
        f"Mean rank correlations over {DRAWS} draws of noise with a standard deviation of {NOISE:g} grey levels: {said}. From {STEADY} on, "
        "a map counts as nearly the same.",
    )
