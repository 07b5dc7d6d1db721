"""Findings of the page on layers: what changes from the first block to the last."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tutorials.findings.context import NO_TRUTH, Context, Finding
from tutorials.findings.controls import LAYERS, OUTLINES, against
from tutorials.findings.heads import RISES
from visualizer.measures.entropy import entropy
from visualizer.measures.ranks import rank_correlation, ranks
from visualizer.measures.score import mass_in_mask

FIRST, MIDDLE, LAST, NEVER = (
    "In the first third",
    "In the middle third",
    "In the last third",
    "Never above twice chance",
)
EDGES_MATTER = 0.2
"""Rank correlation with the picture's edges from which a map counts as following them."""


def places(count: int) -> NDArray[np.intp]:
    """The third of the depth, 0 to 2, in which each of `count` layers lies.

    >>> places(4).tolist()
    [0, 0, 1, 2]
    """
    return np.arange(count) * 3 // count


def mass_by_layer(now: Context) -> NDArray[np.float64] | None:
    """(layers,) share of the asking token's patch weight on objects, in the chosen head; None without truth."""
    truth = now.truth
    return None if truth is None else mass_in_mask(now.patch_map(now.chosen_rows()), truth)


def edge_strength(now: Context) -> NDArray[np.float64]:
    """(rows, columns) mean brightness gradient of every patch of the model's input, in grey levels per pixel."""
    geometry, image = now.record.geometry, now.picture.image
    if geometry is not None:
        left, top, right, bottom = geometry.boxes_to_original([[0, 0, *geometry.seen]])[0].round().astype(int)
        image = image.crop((left, top, right, bottom)).resize(geometry.seen, Image.Resampling.BICUBIC)
    grey = np.asarray(image.convert("L"), dtype=np.float64)
    from scipy.ndimage import gaussian_gradient_magnitude

    slope = gaussian_gradient_magnitude(grey, sigma=1.0)
    rows, columns = now.grid
    return slope.reshape(rows, slope.shape[0] // rows, columns, slope.shape[1] // columns).mean(axis=(1, 3))


def edge_correlation(now: Context) -> NDArray[np.float64]:
    """(layers,) rank correlation of the asking token's map with the picture's edge strength; NaN for a flat map."""
    edges = edge_strength(now).ravel()
    maps = now.chosen_rows()[:, now.axis.prefix :]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([np.corrcoef(ranks(one), ranks(edges))[0, 1] for one in maps])


def peak(now: Context) -> Finding:
    """The third of the depth in which the asking token's weight on objects is largest, or never above twice chance."""
    mass = mass_by_layer(now)
    if mass is None or now.truth is None:
        return NO_TRUTH
    area, best = float(now.truth.mean()), int(np.nanargmax(mass))
    where = (FIRST, MIDDLE, LAST)[places(len(mass))[best]]
    return Finding(
        where if mass[best] > 2 * area else NEVER,
        f"The share peaks in layer {best + 1} of {len(mass)}: {mass[best]:.0%} of the patch weight lies on objects that cover "
        f"{area:.1%} of the picture, {mass[best] / max(area, 1e-9):.1f} times chance "
        f"({now.head_name()}, asked by {now.query_name()}).",
    )


def most_focused(now: Context) -> Finding:
    """Number (1 first) of the layer in which the asking token's attention has the lowest entropy."""
    bits = entropy(now.chosen_rows())
    best, most = int(bits.argmin()), int(bits.argmax())
    return Finding(
        float(best + 1),
        f"Attention of {now.query_name()} ({now.head_name()}): its entropy is lowest in layer {best + 1} with "
        f"{bits[best]:.2f} bits, and highest in layer {most + 1} with {bits[most]:.2f} bits.",
    )


@against(LAYERS, OUTLINES)
def edges_then_objects(now: Context) -> Finding:
    """Whether early maps follow edges more than late ones, and late maps lie on objects more than early ones."""
    edges, third = edge_correlation(now), places(len(now.record.maps))
    if np.isnan(edges).all():
        return Finding(None, "These maps are flat: they have no order that could follow the edges.")
    early, late = (float(np.nanmean(edges[third == which])) for which in (0, 2))
    text = f"Mean rank correlation with the picture's edges: {early:+.2f} in the first third of the layers, "
    text += f"{late:+.2f} in the last."
    holds = early > EDGES_MATTER and early > late
    mass = mass_by_layer(now)
    if mass is None:
        return Finding(None if holds else False, text + " Where the objects are is not known on a photograph.")
    before, after = (float(mass[third == which].mean()) for which in (0, 2))
    return Finding(
        holds and after > before,
        f"{text} Weight on objects: {before:.1%} in the first third, {after:.1%} in the last.",
    )


@against(LAYERS, OUTLINES)
def converges(now: Context) -> Finding:
    """Whether the weight on objects grows with depth: rank correlation of at least `RISES`."""
    mass = mass_by_layer(now)
    if mass is None or now.truth is None:
        return NO_TRUTH
    if len(mass) < 4 or np.ptp(mass) == 0:
        return Finding(None, "This needs at least four layers, not all with the same weight on objects.")
    rank = rank_correlation(np.arange(len(mass)), mass)
    return Finding(
        rank >= RISES,
        f"Rank correlation of layer number and weight on objects: {rank:+.2f}, where {RISES} counts as a rise. "
        f"Layer by layer: {', '.join(f'{one:.0%}' for one in mass)}; chance is {float(now.truth.mean()):.1%}.",
    )


@against(LAYERS, OUTLINES)
def last_is_best(now: Context) -> Finding:
    """Whether no layer's map lies on objects more than the last layer's."""
    mass = mass_by_layer(now)
    if mass is None:
        return NO_TRUTH
    best = int(np.nanargmax(mass))
    return Finding(
        best == len(mass) - 1,
        f"The last layer puts {mass[-1]:.1%} of its patch weight on objects; "
        f"the most of all layers is layer {best + 1} with {mass[best]:.1%}.",
    )


@against(LAYERS)
def smooth(now: Context) -> Finding:
    """Whether maps of neighbouring layers are more similar than maps of layers further apart, and similar at all."""
    maps = now.chosen_rows()[:, now.axis.prefix :]
    with np.errstate(divide="ignore", invalid="ignore"):
        likeness = np.asarray(np.corrcoef([ranks(one) for one in maps]))
    gap = np.subtract.outer(np.arange(len(maps)), np.arange(len(maps)))
    near, far = likeness[gap == 1], likeness[gap > 1]
    if not far.size or np.isnan(likeness).any():
        return Finding(None, "This needs three layers or more, none of them flat.")
    return Finding(
        bool(near.mean() > far.mean() and near.mean() > 0.5),
        f"Mean rank correlation of the maps of neighbouring layers: {near.mean():+.2f} (from {near.min():+.2f} to "
        f"{near.max():+.2f}); of layers further apart: {far.mean():+.2f}. 1 is the same order of patches.",
    )
