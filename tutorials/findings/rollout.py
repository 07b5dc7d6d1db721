"""Findings of the page on rollout: does the product of all layers show what the answer rests on?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import NO_TRUTH, Context, Finding, Picture
from tutorials.findings.controls import HEADS, OUTLINES, WHERE, against, demonstration
from visualizer.measures import deletion
from visualizer.measures.controls import colour_contrast
from visualizer.measures.entropy import entropy
from visualizer.measures.ranks import spearmanr
from visualizer.measures.score import mass_in_mask
from visualizer.method import Map
from vit_attention.inputs.edited import grey_out
from vit_attention.records import Prediction
from vit_attention.records.geometry import Geometry
from worlds.scenes import coverage

PLAIN, RELEVANCE, RANDOM = "Those of the plain rollout", "Those of the relevance map", "Random ones"
GRADIENT = "Those of the gradient rollout"
CONTRAST = "Those that differ most in colour"
NO_CLASSES = Finding(None, "This model names no classes, so there is no probability that could fall.")
SATURATED = 0.9
"""Share of the largest possible entropy from which a row counts as nearly uniform."""
CLOSE = 0.02
"""Differences in probability below this count as a tie."""
DISCARDS = (0.0, 0.5, 0.9)
AT_ONCE = 4
"""Pictures sent through the model together."""


def patch_rollout(now: Context, **knobs: Any) -> NDArray[Any]:
    """(rows, columns) rollout of the class token; residual share 0.5, mean of heads and no discard unless `knobs` say so."""
    asks: dict[str, Any] = {"query": None} if now.axis.prefix else {}
    return now.answer("rollout", knobs=knobs, **asks).values


def so_far(now: Context, knobs: Mapping[str, Any] | None = None) -> list[Map]:
    """The asking token's rollout after every layer from the start layer up."""
    numbers = [one.layer for one in now.record.maps][(knobs or {}).get("start_layer", 0) :]
    return [now.answer("rollout-so-far", knobs=knobs, layer=number) for number in numbers]


def saturation(now: Context, knobs: Mapping[str, Any] | None = None) -> NDArray[np.float64]:
    """(layers,) entropy in bits of the asking token's rollout after every layer from the start layer up."""
    return entropy(np.stack([one.row for one in so_far(now, knobs)]))


def after_deletion(
    model: Any,
    picture: Picture,
    target: str,
    sets: Sequence[tuple[int, ...]],
    geometry: Geometry,
    grid: tuple[int, int],
) -> NDArray[np.float64]:
    """(sets,) probability of `target` after each set of patches is greyed out of the picture."""
    found: list[float] = []
    for first in range(0, len(sets), AT_ONCE):
        edited = [grey_out(picture.image, geometry, grid, one) for one in sets[first : first + AT_ONCE]]
        scores = model.classify(edited)
        found += [float(Prediction(model.classes, row).probabilities[model.classes.index(target)]) for row in scores]
    return np.array(found)


def probabilities(now: Context, target: str, sets: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
    """(sets,) probability of `target` after each set of patches is greyed out of the picture.

    Raises:
        ValueError: a record without a picture's geometry, or a class the model does not know.
    """
    geometry = now.record.geometry
    if geometry is None or target not in now.record.prediction.labels:
        raise ValueError(f"deletion: want a picture and a class that {now.model} knows, got {target!r}")
    return now.run(after_deletion, now.model, now.picture, target, tuple(sets), geometry=geometry, grid=now.grid)


def costs(now: Context) -> dict[str, float | NDArray[np.float64]] | None:
    """Probability of the likeliest class as it is, and after each deletion; None for a model without classes."""
    if not now.record.prediction.labels or now.record.geometry is None:
        return None
    label, before = now.record.prediction.top(1)[0]
    number = deletion.count(now.grid)
    maps = patch_rollout(now), *(now.answer(name, label).values for name in ("relevance", "gradient-rollout"))
    sets = [*(deletion.strongest(one, number) for one in maps), *deletion.random_sets(now.grid)]
    after = probabilities(now, label, sets)
    found: dict[str, Any] = dict(zip((PLAIN, RELEVANCE, GRADIENT), map(float, after), strict=False))
    return {"before": before, **found, RANDOM: after[3:]}


def _spoken(now: Context, found: dict[str, Any]) -> str:
    label, number = now.record.prediction.top(1)[0][0], deletion.count(now.grid)
    return (
        f"The probability of {label} is {found['before']:.1%}. With {number} patches painted over it is "
        f"{found[PLAIN]:.1%} for those strongest in the plain rollout, {found[RELEVANCE]:.1%} for those strongest in "
        f"the relevance map, {found[GRADIENT]:.1%} for those strongest in the gradient rollout, and "
        f"{found[RANDOM].mean():.1%} on average for random ones (from "
        f"{found[RANDOM].min():.1%} to {found[RANDOM].max():.1%} in {len(found[RANDOM])} draws)."
    )


def most_costly(now: Context) -> Finding:
    """Which patches cost the likeliest class most probability when greyed out; ties within 2 points all count."""
    found = costs(now)
    if found is None:
        return NO_CLASSES
    left = {PLAIN: found[PLAIN], RELEVANCE: found[RELEVANCE], RANDOM: float(np.mean(found[RANDOM]))}
    least = min(left.values())
    return Finding(tuple(name for name, one in left.items() if one - least < CLOSE), _spoken(now, found))


def saturation_layer(now: Context) -> Finding:
    """Number (1 first) of the layer after which the rollout first reaches 90 % of the largest entropy; 0 for never."""
    bits, most = saturation(now), float(np.log2(len(now.axis)))
    reached = np.flatnonzero(bits >= SATURATED * most)
    first = int(reached[0]) + 1 if reached.size else 0
    where = f"first after layer {first}, with {bits[first - 1]:.2f} bits" if first else "never; so the answer is 0"
    return Finding(
        float(first),
        f"The largest entropy of {len(now.axis)} tokens is {most:.2f} bits, and 90 % of it {SATURATED * most:.2f}. "
        f"Asked by {now.query_name()} (residual share 0.5, mean of heads), the rollout reaches that {where}. At the "
        f"end it has {bits[-1]:.2f} bits.",
    )


@against(*WHERE)
def rests_on(now: Context) -> Finding:
    """Whether greying out rollout's patches costs more than every random draw, and as much as those of the relevance map."""
    found = costs(now)
    if found is None:
        return NO_CLASSES
    beats_chance = found[PLAIN] < np.min(found[RANDOM])
    colour = of_contrast(now)
    text = (
        f"{_spoken(now, found)} Random patches are scattered, and that makes them an easy rival: with the {deletion.count(now.grid)} "
        f"patches painted over that differ most from the mean colour, which takes no model to find, it is {colour:.1%}."
    )
    return Finding(bool(beats_chance and found[PLAIN] <= float(found[RELEVANCE]) + CLOSE), text)


def of_contrast(now: Context) -> float:
    """Probability of the likeliest class after the patches of most colour contrast, which know no model, are greyed out."""
    values = np.nan_to_num(colour_contrast(now.picture.image, now.grid, now.record.geometry))
    chosen = deletion.strongest(values, deletion.count(now.grid))
    return float(probabilities(now, now.record.prediction.top(1)[0][0], [chosen])[0])


def classes(now: Context) -> tuple[str, str] | None:
    """Two classes to ask about: the two objects of a scene if the model knows them, else its two likeliest."""
    known, scene = now.record.prediction.labels, now.picture.scene
    there = [thing.shape for thing in scene.things if thing.shape in known] if scene else []
    names = dict.fromkeys([*there, *(label for label, _ in now.record.prediction.top(2))])
    both = tuple(names)[:2]
    return (both[0], both[1]) if len(both) == 2 else None


def masses(now: Context, values: NDArray[Any]) -> dict[str, float]:
    """Share of a map's patch weight on every object of the scene, by shape; {} without truth."""
    scene = now.picture.scene
    if scene is None or now.truth is None:
        return {}
    return {thing.shape: float(mass_in_mask(values, coverage(thing.mask, now.grid))) for thing in scene.things}


@demonstration
def why_this_class(now: Context) -> Finding:
    """How far apart maps of two classes are; rollout, which is not told the class, has one map for both."""
    asked, scene = classes(now), now.picture.scene
    if asked is None:
        return NO_CLASSES
    if scene is not None and len(scene.things) < 2:
        seen = f"This scene shows {len(scene.things)} object, and a map of what is not there has nothing to find"
        return Finding(None, f"{seen}. Choose a scene of 2 objects.")
    maps = [now.answer("relevance", name).values for name in asked]
    rank = float(spearmanr(maps[0].ravel(), maps[1].ravel()).statistic)
    text = (
        f"Asked about {asked[0]} or {asked[1]}, the rollout is the same map: no class enters its formula. "
        f"The relevance maps for the two have a rank correlation of {rank:+.2f}."
    )
    plain, other = masses(now, patch_rollout(now)), [masses(now, one) for one in maps]
    if len(plain) == 2 and set(asked) <= set(plain):
        text += "".join(
            f" On the {name}: {plain[name]:.1%} of the rollout, whichever is asked about, {found[name]:.1%} of the "
            f"relevance map when asked about the {name}, {missed[name]:.1%} when asked about the other."
            for name, found, missed in ((asked[0], other[0], other[1]), (asked[1], other[1], other[0]))
        )
    return Finding(None, text)


def sharpened(values: NDArray[Any], bits: float) -> NDArray[np.float64]:
    """`values` raised to the power of at least 1 that brings their entropy down to `bits`, or as near as 64 does."""
    flat = np.asarray(values, np.float64) / np.max(values)
    low, high = 1.0, 64.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if entropy((flat**middle).ravel()) > bits else (low, middle)
    return flat**low


@against(*WHERE, OUTLINES)
def discard(now: Context) -> Finding:
    """Whether weight on objects grows with the discard ratio beyond what sharpening alone gives."""
    if now.truth is None:
        return NO_TRUTH
    maps = [patch_rollout(now, discard_ratio=ratio) for ratio in DISCARDS]
    mass = [float(mass_in_mask(one, now.truth)) for one in maps]
    bits = [float(entropy(one.ravel())) for one in maps]
    merely = float(mass_in_mask(sharpened(maps[0], bits[-1]), now.truth))
    return Finding(
        bool(mass[0] < mass[1] < mass[2] and mass[2] > merely),
        f"Weight on objects at discard 0, 0.5 and 0.9: {mass[0]:.1%}, {mass[1]:.1%}, {mass[2]:.1%}; by chance "
        f"{float(now.truth.mean()):.1%}. The entropy goes from {bits[0]:.2f} to {bits[2]:.2f} bits. The map without "
        f"discard, only raised to a power until it is as sharp, has {merely:.1%}: the power adds no knowledge.",
    )


@against(HEADS)
def max_fusion(now: Context) -> Finding:
    """Whether mean and max fusion order the patches almost equally and choose the same strongest ones."""
    mean, largest = patch_rollout(now), patch_rollout(now, head_fusion="max")
    rank = float(spearmanr(mean.ravel(), largest.ravel()).statistic)
    number = deletion.count(now.grid)
    common = len(set(deletion.strongest(mean, number)) & set(deletion.strongest(largest, number)))
    text = (
        f"Rank correlation of the mean-fused and the max-fused rollout: {rank:+.3f}; {common} of their {number} "
        "strongest patches are the same."
    )
    if now.truth is not None:
        mass = [float(mass_in_mask(one, now.truth)) for one in (mean, largest)]
        text += f" Weight on objects: {mass[0]:.1%} with mean, {mass[1]:.1%} with max."
    return Finding(bool(rank > 0.95 and common >= 0.9 * number), text)


@demonstration
def deeper_is_sharper(now: Context) -> Finding:
    """How spread the rollout is after the first and the last layer, beside the last layer alone.

    After the first it is sharp by construction: half of it, the residual share, is the asking token.
    """
    bits = saturation(now)
    own = float(entropy(now.heads(len(now.record.maps) - 1).mean(axis=0)[now.asking].mean(axis=0)))
    return Finding(
        bool(bits[-1] < bits[0] and bits[-1] < own),
        f"Entropy of the rollout: {bits[0]:.2f} bits after the first layer, {bits[-1]:.2f} after the last; of the last "
        f"layer's own weights (mean of heads): {own:.2f}. The largest possible is {np.log2(len(now.axis)):.2f} bits.",
    )
