"""The refiner's layers, early and late: how far regions look at one another, and how evenly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Finding
from visualizer.measures.entropy import relative_entropy
from visualizer.measures.regions import region_boxes
from visualizer.measures.undefined import mean, padded, ratio

FIRST, SAME, LAST = "The first", "About the same (within 10 %)", "The last"
CLOSE = 0.1
"""Two layers whose means differ by less than this share of the larger are about the same."""
NO_REFINER = Finding(None, "This captioner has no refiner of two layers or more.")
NO_PLACES = Finding(None, "Where the regions of this picture lie is not known, so no distance can be measured.")


@dataclass(frozen=True, eq=False)
class ByLayer:
    """One number per head of every refiner layer, and what evenly spread weights would have.

    Attributes:
        values: (layers, heads).
        even: the number of a uniform map.
        unit: of both.
    """

    values: NDArray[np.float64]
    even: float
    unit: str

    @property
    def layers(self) -> NDArray[np.float64]:
        """(layers,) means over heads, as a figure of curves takes them."""
        return mean(self.values)


def evenness(now: Captioning) -> ByLayer:
    """Entropy of a region's attention as a share of the largest possible, mean over regions: 1 is evenly spread."""
    rows = [mean(relative_entropy(one.single)) for one in now.refiner]
    return ByLayer(np.asarray(padded(rows), np.float64), 1.0, "share of the largest entropy")


def distance(now: Captioning) -> ByLayer | None:
    """Mean attention distance in pixels of the picture, from the middle of a region's box to the middles of those it reads.

    None if it is not known where the regions lie.
    """
    boxes = region_boxes(now.axis, now.record.geometry)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    if np.isnan(middles).any():
        return None
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=-1)
    rows = [ratio((one.single * apart).sum(axis=(1, 2)), one.single.sum(axis=(1, 2))) for one in now.refiner]
    return ByLayer(np.asarray(padded(rows), np.float64), float(apart.mean()), "pixels")


def looks_farther(now: Captioning) -> Finding:
    """Which of the first and the last refiner layer has the larger region distance."""
    found = distance(now) if len(now.refiner) > 1 else None
    if found is None:
        return NO_REFINER if len(now.refiner) < 2 else NO_PLACES
    return _first_or_last(found, "Region distance", "{:.0f} pixels")


def more_even(now: Captioning) -> Finding:
    """Which of the first and the last refiner layer spreads its attention more evenly."""
    if len(now.refiner) < 2:
        return NO_REFINER
    return _first_or_last(evenness(now), "Entropy as a share of the largest possible", "{:.0%}")


def _first_or_last(found: ByLayer, name: str, form: str) -> Finding:
    first, *_, last = found.layers
    same = abs(first - last) <= CLOSE * max(first, last)
    each = ", ".join(f"{form.format(value)} in layer {n + 1}" for n, value in enumerate(found.layers))
    ends = (form.format(end(found.values[-1])) for end in (np.nanmin, np.nanmax))
    return Finding(
        SAME if same else FIRST if first > last else LAST,
        f"{name}, mean over regions and heads of the refiner: {each}; evenly spread weights have {form.format(found.even)}. "
        f"Heads of the last layer: {' to '.join(ends)}.",
    )
