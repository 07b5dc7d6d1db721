"""Findings of the page on attention flow: who ties, where the network is narrowest, and which layers the values depend on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tutorials.findings import flow as toy
from tutorials.findings.context import Context, Finding
from tutorials.findings.controls import Control, against
from tutorials.findings.pipes import (
    Array,
    Maps,
    alike,
    flow_maps,
    followed,
    live,
    live_cut,
    live_moved,
    live_shuffled,
    tied,
    unfit,
)
from tutorials.findings.rollout import NO_CLASSES, probabilities
from visualizer.measures import deletion
from visualizer.measures.controls import colour_contrast
from visualizer.method.flow import SATURATED

FIRST, BETWEEN, LAST = "The first layer", "A layer in between", "The last layer"
HOW_MANY = ("Fewer than a tenth", "A tenth to two thirds", "More than two thirds")
MOVED = ("Flow alone", "Rollout alone", "Both", "Neither")
CHANGED = 0.01
"""A flow that differs by more has changed."""


def toy_value(now: Any) -> Finding:
    """The most that can flow to patch 2 of the toy."""
    found = toy.between(2)
    parts = " + ".join(f"{pipe.capacity:.1f}" for pipe in found.cut)
    return Finding(
        found.value,
        f"{found.value:.1f}: the pipes of the narrowest cut carry {parts}. Half goes from the class token straight to patch 4 and is "
        "not held back there; of the half that the class token keeps, layer 2 lets only 0.3 through.",
    )


def toy_residual(now: Any) -> Finding:
    """What becomes of the toy's flows as nearly everything stays where it is."""
    at = {share: toy.between(2, share).value for share in (0.5, 0.9, 0.99)}
    told = ", ".join(f"{value:.3f} at r = {share:g}" for share, value in at.items())
    return Finding(
        "It goes to 0",
        f"To patch 2 flow at most {told}. Whatever arrives at another token has to leave its own once, through pipes that carry "
        "1 - r together in each layer: over three layers that cannot exceed 3 (1 - r).",
    )


def ties(now: Context) -> Finding:
    """How many patches tie at 1.0."""
    if why := unfit(now):
        return Finding(None, f"There is no flow here: {why}.")
    values = live(now).flow
    many, share = tied(values), tied(values) / values.size
    below = values[values < SATURATED]
    rest = f" The others receive {below.min():.2f} to {below.max():.2f}." if below.size else ""
    return Finding(
        HOW_MANY[0] if share < 0.1 else HOW_MANY[1] if share <= 2 / 3 else HOW_MANY[2],
        f"With residual share 0.5, {many} of {values.size} patches ({share:.0%}) receive 1.0, all that leaves the class token.{rest}",
    )


def bottleneck(now: Context) -> Finding:
    """Which layer holds most of the narrowest cut between the class token and the chosen patch."""
    if why := unfit(now):
        return Finding(None, f"There is no flow here: {why}.")
    found = live_cut(now)
    layer = int(found.argmax())
    where = FIRST if layer == 0 else LAST if layer == len(found) - 1 else BETWEEN
    return Finding(
        where,
        f"To the patch in row {now.chosen.row + 1}, column {now.chosen.column + 1} at most {found.sum():.3f} can flow; of the "
        f"narrowest cut, {found[layer]:.3f} lies in layer {layer + 1} of {len(found)}.",
    )


def same_order(now: Context) -> Finding:
    """The rank correlation of attention flow and rollout, as one of three ranges."""
    if why := unfit(now):
        return Finding(None, f"There is no flow here: {why}.")
    rank = alike(*live(now))
    return Finding(
        "Above 0.8" if rank > 0.8 else "0.4 to 0.8" if rank >= 0.4 else "Below 0.4",
        f"Rank correlation of attention flow and rollout over {live(now).flow.size} patches: {rank:+.2f}.",
    )


def moves_along(now: Context) -> Finding:
    """Which of the two maps follows when the picture is moved by whole patches."""
    if why := unfit(now):
        return Finding(None, f"There is no flow here: {why}.")
    if now.picture.scene is None:
        return Finding(
            None,
            "A photograph that is moved around its edges gets seams; this needs one of the drawn scenes, such as scene 24.",
        )
    (flow, stayed), (rolled, left) = followed(live(now), live_moved(now))
    which = {(True, False): MOVED[0], (False, True): MOVED[1], (True, True): MOVED[2]}
    return Finding(
        which.get((flow > stayed, rolled > left), MOVED[3]),
        f"Rank correlation with the old map moved along, and with it left where it was: flow {flow:+.2f} and {stayed:+.2f}, "
        f"rollout {rolled:+.2f} and {left:+.2f}.",
    )


@against()
def all_layers(now: Context) -> Finding:
    """Whether a tenth of the flows change if every layer but the first and the last is replaced by one that knows nothing."""
    if why := unfit(now):
        return Finding(None, f"There is no flow here: {why}.")
    if len(now.record.layers) < 3:
        return Finding(None, f"{now.model} has {len(now.record.layers)} layers, so that none lies in between.")
    before, after = live(now), live_shuffled(now)
    apart = np.abs(before.flow - after.flow)
    many = int((apart > CHANGED).sum())
    return Finding(
        bool(many >= apart.size / 10),
        f"With the weights of every row of layers 2 to {len(now.record.layers) - 1} shuffled, the flow to {many} of {apart.size} patches "
        f"changes by more than {CHANGED:g}; the largest change is {apart.max():.3f}. The rank correlation of the rollout with its "
        f"former self is {alike(before.rollout, after.rollout):+.2f}.",
    )


def costs(now: Context) -> dict[str, Array] | None:
    """Probability of the likeliest class after each choice of patches is painted over; None for a model without classes.

    Of patches that tie, which one counts among the strongest is drawn by lot, ten times.
    """
    if not now.record.prediction.labels or now.record.geometry is None:
        return None
    label, before = now.record.prediction.top(1)[0]
    maps = live(now)
    contrast = np.nan_to_num(colour_contrast(now.picture.image, now.grid, now.record.geometry))
    chosen = {
        "attention flow": by_lot(maps.flow),
        "rollout": by_lot(maps.rollout)[:1],
        "colour contrast (no model)": by_lot(contrast)[:1],
        "random": deletion.random_sets(now.grid),
    }
    after = iter(probabilities(now, label, [one for sets in chosen.values() for one in sets]))
    return {
        "nothing painted over": np.array([before]),
        **{n: np.array([next(after) for _ in s]) for n, s in chosen.items()},
    }


def by_lot(values: Array) -> list[tuple[int, ...]]:
    """Ten choices of the strongest patches, ties decided by lot; the same ones on every run."""
    number, rng = deletion.count((values.shape[0], values.shape[1])), np.random.default_rng(0)
    level = np.where(values >= SATURATED * values.max(), values.max(), values).ravel()  # capacities are rounded down
    orders = [np.lexsort((rng.random(level.size), -level)) for _ in range(deletion.DRAWS)]
    return [tuple(sorted(order[:number].tolist())) for order in orders]


def _showing(name: str, make: Callable[[Context, np.random.Generator], Array]) -> Control:
    """The control whose attention flow is this map."""

    def change(now: Context, rng: np.random.Generator) -> Context:
        values = make(now, rng)

        def run(work: Any, *args: Any, **given: Any) -> Any:
            return Maps(values, values) if work is flow_maps else now.run(work, *args, **given)

        return replace(now, run=run)

    return Control(name, change)


def _contrast(now: Context, rng: np.random.Generator) -> Array:
    return np.nan_to_num(colour_contrast(now.picture.image, now.grid, now.record.geometry))


def _shuffled(now: Context, rng: np.random.Generator) -> Array:
    values = live(now).flow
    return rng.permutation(values.ravel()).reshape(values.shape)


@against(_showing("colour contrast", _contrast), _showing("map shuffled", _shuffled))
def rests_on(now: Context) -> Finding:
    """Whether painting over the patches of the largest flow costs more probability than every random choice."""
    if why := unfit(now):
        return Finding(None, f"There is no flow here: {why}.")
    found = costs(now)
    if found is None:
        return NO_CLASSES
    left, label = {name: float(values.mean()) for name, values in found.items()}, now.record.prediction.top(1)[0][0]
    listed = "; ".join(f"{name} {value:.1%}" for name, value in left.items())
    return Finding(
        bool(left["attention flow"] < found["random"].min()),
        f"Probability of {label} that is left with {deletion.count(now.grid)} patches painted over: {listed}. The random choices leave "
        f"{found['random'].min():.1%} to {found['random'].max():.1%}; ties of the flow were decided by lot, {deletion.DRAWS} times.",
    )
