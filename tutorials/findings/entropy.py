"""Findings of the page on entropy: what the spread of attention shows, and what it does not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ImageEnhance

from tutorials.findings.context import NO_TRUTH, Context, Finding, Picture
from tutorials.findings.controls import LENGTHS, OUTLINES, PATCHES, SCRAMBLED, WHERE, against, demonstration
from visualizer.measures.entropy import entropy, relative_entropy
from visualizer.measures.outliers import outliers
from visualizer.measures.ranks import spearmanr
from visualizer.measures.score import HIT_THRESHOLD, mass_in_mask
from visualizer.measures.sinks import sink_share

YES, NONE, NO = (
    "Yes (rank correlation below -0.3)",
    "Hardly any relation (-0.3 to 0.3)",
    "The other way round (above 0.3)",
)
NEARLY_UNIFORM = 0.9
"""Share of log2 N from which a map counts as nearly uniform."""
POINTS = 0.1 - 1e-9
"""Rates differ if they are this far apart: 10 percentage points, less what subtracting rounds."""
CONTRASTS = (0.5, 1.0, 2.0)


def focus_and_object(now: Context) -> Finding:
    """Over all heads: does the asking token's weight on objects go with low entropy?"""
    if now.truth is None:
        return NO_TRUTH
    rows = np.concatenate(now.asking_rows())
    bits, mass = entropy(rows), mass_in_mask(now.patch_map(rows), now.truth)
    if np.ptp(bits) == 0 or np.ptp(mass) == 0:
        return Finding(None, "All heads here have the same entropy or the same weight on objects.")
    rank = float(spearmanr(bits, mass)[0])
    low = bits <= np.median(bits)
    return Finding(
        YES if rank < -0.3 else NO if rank > 0.3 else NONE,
        f"Rank correlation of entropy and share of patch weight on objects over {len(bits)} heads: {rank:+.2f}. "
        f"The more focused half puts {mass[low].mean():.1%} of its patch weight on objects, "
        f"the more spread half {mass[~low].mean():.1%}; "
        f"the objects cover {float(now.truth.mean()):.1%}.",
    )


def largest(now: Context) -> Finding:
    """log2 of the number of keys, in bits."""
    keys = len(now.record.maps[now.chosen.layer].key)
    return Finding(
        float(np.log2(keys)),
        f"A row has {keys} weights ({now.axis.prefix} special), so at most log2 {keys} = {np.log2(keys):.2f} bits.",
    )


@against(PATCHES, OUTLINES)
def low_is_found(now: Context) -> Finding:
    """Whether more of the most focused quarter of all heads than of the others look at objects more than twice chance."""
    if now.truth is None:
        return NO_TRUTH
    rows = np.concatenate(now.asking_rows())
    count, order = max(len(rows) // 4, 1), np.argsort(entropy(rows), kind="stable")
    if len(rows) < 2:
        return Finding(None, f"This model has {len(rows)} head, and comparing heads needs at least 2.")
    mass, area = mass_in_mask(now.patch_map(rows[order]), now.truth), float(now.truth.mean())
    found, others = int((mass[:count] > 2 * area).sum()), int((mass[count:] > 2 * area).sum())
    rate, base = found / count, others / (len(rows) - count)
    special = int((rows[order[:count], : now.axis.prefix].sum(axis=1) > 0.5).sum())
    return Finding(
        rate >= base + POINTS,
        f"Of the {count} heads with the lowest entropy, {found} ({rate:.0%}) put more than twice the chance share of their "
        f"patch weight on objects, of the {len(rows) - count} others {others} ({base:.0%}). Of the most focused, {special} give "
        f"more than half of their weight to special tokens, and the median share on objects is "
        f"{np.nanmedian(mass[:count]):.1%} where chance is {area:.1%}.",
    )


@demonstration
def mean_of_heads(now: Context) -> Finding:
    """The entropy of the head mean beside the mean of the heads' entropies; it is never smaller, since entropy is concave."""
    rows = now.asking_rows()[now.chosen.layer]
    of_mean, mean_of = float(entropy(rows.mean(axis=0))), float(entropy(rows).mean())
    return Finding(
        None,
        f"Layer {now.chosen.layer + 1}, asked by {now.query_name()}: the mean of the {len(rows)} entropies is "
        f"{mean_of:.2f} bits, the entropy of the mean map {of_mean:.2f} bits. The gap of {of_mean - mean_of:.2f} bits "
        "says how much the heads differ; it is 0 if all have the same map.",
    )


def contrast_rows(model: Any, picture: Picture, factor: float, queries: list[int]) -> NDArray[np.float32]:
    """(all heads, tokens) mean row of `queries` after the contrast of the picture is multiplied by `factor`."""
    record = model.attend(ImageEnhance.Contrast(picture.image).enhance(factor), queries=queries)
    return np.concatenate([layer.astype(np.float32).mean(axis=1) for layer in record.layers])


@against(SCRAMBLED)
def contrast_cures(now: Context) -> Finding:
    """Whether twice the contrast at least halves the number of nearly uniform maps."""
    rows = {factor: now.run(contrast_rows, now.model, now.picture, factor, now.asking) for factor in CONTRASTS}
    spread = {factor: relative_entropy(found) for factor, found in rows.items()}
    bits = np.log2(len(now.record.maps[0].key))
    counts = {factor: int((share >= NEARLY_UNIFORM).sum()) for factor, share in spread.items()}
    text = "; ".join(
        f"contrast x {f:g}: {counts[f]} such maps, {spread[f].mean() * bits:.2f} bits on average" for f in CONTRASTS
    )
    bar = f"Nearly uniform means at least {NEARLY_UNIFORM:.0%} of the largest entropy."
    words = f"{bar} Of {len(spread[1.0])} maps: {text}."
    if not counts[1.0]:
        return Finding(None, f"No map is nearly uniform here, so there is nothing to cure. {words}")
    return Finding(counts[2.0] <= counts[1.0] / 2, words)


@against(*WHERE, LENGTHS)
def sinks_hide(now: Context) -> Finding:
    """Whether the chosen map reaches twice chance on objects only once its sinks, long tokens off the objects, are left out."""
    if now.truth is None:
        return NO_TRUTH
    if not now.record.norms.size:
        return Finding(None, "The lengths of the tokens were not measured.")
    sinks, row = outliers(now.record.norms[-1], now.axis.prefix).tokens, now.row()
    if not sinks.any():
        return Finding(None, "0 patch tokens are unusually long on this picture, and this needs at least 1.")
    long, area = int(sinks.sum()), float(now.truth.mean())
    covered = np.concatenate([np.zeros(now.axis.prefix, bool), now.truth.ravel() > HIT_THRESHOLD])
    on_object = int((sinks & covered).sum())
    if on_object == long:
        text = f"All {long} long patch tokens lie on an object: leaving them out would take the object away. This needs at least 1"
        return Finding(None, f"{text} off the objects.")
    sinks = sinks & ~covered  # what lies on an object may well be the object
    before = float(mass_in_mask(now.patch_map(), now.truth))
    after = float(mass_in_mask(now.patch_map(np.where(sinks, 0, row)), now.truth))
    hidden = " The map was above twice chance from the start, so nothing was hidden." if before > 2 * area else ""
    return Finding(
        before <= 2 * area < after,
        f"Long patch tokens: {long}, of which {on_object} lie on an object and stay. The others hold "
        f"{float(sink_share(row, sinks)):.1%} of the row. Share of patch weight on objects with them: {before:.1%}, "
        f"without them: {after:.1%}; chance is {area:.1%}.{hidden}",
    )
