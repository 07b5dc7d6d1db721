"""Findings of the page on heads: their attention distance, how similar they are, whether one of them finds the object."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import NO_TRUTH, Context, Finding, Picture, Selection
from tutorials.findings.controls import HEADS, LAYERS, OUTLINES, PATCHES, WHERE, against
from visualizer.measures.distance import attention_distance, patch_distances
from visualizer.measures.ranks import rank_correlation, spearmanr
from visualizer.measures.score import mass_in_mask
from visualizer.measures.similarity import head_similarity
from visualizer.measures.summary import head_statistic

NEAR, SAME, FAR = "Smaller", "About the same (within 10 %)", "Larger"
ALIKE = 0.5
"""Median cosine below which the heads of a layer count as different."""
RISES = 0.5
"""Rank correlation with the layer number from which something rises with depth. It has no p value here: layers build on one
another, so that their order is no random draw, and the control in random order shows what luck gives."""
SURPRISING = 0.05
"""Share of chance results that may be at least as good before a finding counts."""


def chance_distance(now: Context) -> float:
    """Mean attention distance, in pixels, of a head that gives every patch the same weight."""
    return float(patch_distances(now.grid, now.patch_size).mean())


def layer_distance(now: Context, layer: int) -> NDArray[np.float64]:
    """(heads,) mean attention distance of one layer, 0 first, in pixels of the model's input."""
    return attention_distance(now.heads(layer), now.grid, now.axis.prefix, now.patch_size)


def all_distances(now: Context) -> NDArray[np.float64]:
    """(all heads,) mean attention distances of every layer, one after another."""
    return np.concatenate([layer_distance(now, layer) for layer in range(len(now.record.maps))])


def distances_elsewhere(model: Any, picture: Picture, chosen: Selection) -> NDArray[np.float64]:
    """`all_distances` of another picture under the loaded model."""
    return all_distances(Context("", picture, model.attend(picture.image, half=True), chosen))


def measured(model: Any, picture: Picture, name: str, now: Context) -> NDArray[np.float64]:
    """(layers, heads) of one statistic of a context's record."""
    layers = [layer.astype(np.float32) for layer in now.record.layers]
    return head_statistic(layers, name, now.grid, now.axis.prefix, now.patch_size)


def statistic(now: Context, name: str) -> NDArray[np.float64]:
    """(layers, heads) of one statistic of `visualizer.measures.summary.STATISTICS`."""
    return now.run(measured, now.model, now.picture, name, now=now)


def near_or_far(now: Context) -> Finding:
    """Whether most heads of the first layer have a smaller distance than evenly spread weights, about the same, or a larger one."""
    found, chance = layer_distance(now, 0), chance_distance(now)
    counts = {
        NEAR: int((found < 0.9 * chance).sum()),
        SAME: int((abs(found - chance) <= 0.1 * chance).sum()),
        FAR: int((found > 1.1 * chance).sum()),
    }
    right = tuple(option for option, count in counts.items() if count == max(counts.values()))
    return Finding(
        right,
        f"Evenly spread attention has a mean distance of {chance:.0f} pixels. Of the {len(found)} heads of layer 1, "
        f"{counts[NEAR]} have a smaller one, {counts[SAME]} about the same, {counts[FAR]} a larger one; "
        f"the smallest is {np.nanmin(found):.0f} pixels, the largest {np.nanmax(found):.0f}.",
    )


def most_local(now: Context) -> Finding:
    """Number (1 first) of the chosen layer's head with the smallest mean attention distance."""
    found = layer_distance(now, now.chosen.layer)
    order = np.argsort(found, kind="stable")
    runner_up = f"; next is head {order[1] + 1} with {found[order[1]]:.1f} pixels" if len(order) > 1 else ""
    return Finding(
        float(order[0] + 1),
        f"In layer {now.chosen.layer + 1} the most local head is head {order[0] + 1}: "
        f"its mean distance is {found[order[0]]:.1f} pixels{runner_up}.",
    )


@against(PATCHES)
def differ(now: Context) -> Finding:
    """Whether the heads of the chosen layer have different maps: median cosine of all pairs below `ALIKE`."""
    likeness = head_similarity(now.heads(now.chosen.layer))
    first, second = np.triu_indices(len(likeness), 1)
    if not len(first):
        return Finding(None, "This layer has a single head.")
    pairs = likeness[first, second]
    most, least = int(pairs.argmax()), int(pairs.argmin())
    return Finding(
        bool(np.median(pairs) < ALIKE),
        f"Median cosine similarity over the {len(pairs)} pairs of heads in layer {now.chosen.layer + 1}: "
        f"{np.median(pairs):.2f} (1 is the same map). Most similar: heads {first[most] + 1} and {second[most] + 1} "
        f"({pairs[most]:.2f}); least: heads {first[least] + 1} and {second[least] + 1} ({pairs[least]:.2f}).",
    )


@against(LAYERS)
def local_first(now: Context) -> Finding:
    """Whether the heads' mean distance grows with depth: rank correlation of at least `RISES`."""
    means = np.array([np.nanmean(layer_distance(now, layer)) for layer in range(len(now.record.maps))])
    if len(means) < 4 or np.ptp(means) == 0:
        return Finding(None, "This needs at least four layers, not all with the same distance.")
    rank = rank_correlation(np.arange(len(means)), means)
    return Finding(
        rank >= RISES,
        f"Rank correlation of layer number and mean distance: {rank:+.2f}, where {RISES} counts as a rise. "
        f"Mean distance in layer 1: {means[0]:.0f} pixels, in layer {len(means)}: {means[-1]:.0f}; "
        f"evenly spread attention would give {chance_distance(now):.0f}.",
    )


@against(*WHERE, OUTLINES)
def finds_object(now: Context) -> Finding:
    """Whether the best of all heads is on the objects more than the best of all heads is on moved outlines.

    Choosing the best of many is itself a reason for a high score. The comparison makes the same choice anew for every
    place to which the true mask can be moved (wrapping round the rim), so the choice costs both sides the same.
    """
    if now.truth is None:
        return NO_TRUTH
    rows = now.asking_rows()
    maps = now.patch_map(np.concatenate(rows))
    found, area = mass_in_mask(maps, now.truth), float(now.truth.mean())
    best = int(np.nanargmax(found))
    elsewhere = _best_elsewhere(maps, now.truth)
    share = float((elsewhere >= found[best] - 1e-9).mean())
    many = int((found > 2 * area).sum())
    counts = np.cumsum([len(layer) for layer in rows])
    layer = int(np.searchsorted(counts, best, side="right"))
    head = best - (counts[layer - 1] if layer else 0)
    return Finding(
        bool(share < SURPRISING and found[best] > 2 * area),
        f"The best of {len(found)} heads is layer {layer + 1}, head {head + 1}: {found[best]:.0%} of its patch weight "
        f"is on objects that cover {area:.1%} of the picture. With the outline moved to each of {elsewhere.size} places, "
        f"its own included, some head does at least as well at {share:.1%} of them. Heads above twice chance: {many}.",
    )


def _best_elsewhere(maps: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """(places,) the best head's share of weight inside the mask, for every place to which the mask can be moved."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    shares = flat / np.maximum(flat.sum(axis=1, keepdims=True), 1e-12)
    rows, columns = truth.shape
    moved = [np.roll(truth, (down, right), (0, 1)).ravel() for down in range(rows) for right in range(columns)]
    return np.asarray((shares @ np.stack(moved, axis=1)).max(axis=0))


@against(HEADS)
def stays_itself(now: Context) -> Finding:
    """Whether heads keep their distances on another picture: rank correlation over all heads of at least 0.7."""
    if now.picture.scene is None:
        other = Picture.photograph("cat" if now.picture.id != "cat" else "coffee")
    else:
        other = Picture.drawn("scene-11" if now.picture.id != "scene-11" else "scene-2")
    here, away = all_distances(now), now.run(distances_elsewhere, now.model, other, chosen=now.chosen)
    rank = float(spearmanr(here, away)[0])
    return Finding(
        rank >= 0.7,
        f"Rank correlation of the {len(here)} heads' distances here and on {other.title}: {rank:+.2f}. "
        f"Between the two pictures a head's distance changes by {np.median(abs(here - away)):.1f} pixels (median).",
    )
