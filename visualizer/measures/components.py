"""Principal components of patch features: the directions in which the patches of pictures differ most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import arguments, undefined
from vit_attention.gate import GateError

NOTHING = 1e-12
"""A component with less than this share of the variance is rounding."""
LARGEST = 1e100
"""A number whose square, and sums of it, a float holds."""


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of the patches they were fitted on.

    Attributes:
        mean: (width,) mean of the features.
        axes: (count, width) directions of unit length, the largest variance first; zeros where the features have no
            further direction.
        explained: (count,) share of the variance along each.
        low, high: (count,) smallest and largest projection of the patches.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def project(self, features: ArrayLike) -> NDArray[np.float64]:
        """(patches, count) coordinates of (patches, width) features along the components.

        Raises:
            GateError: features of another width, or numbers that are not finite.
        """
        values = _features(features)
        if values.shape[1] != len(self.mean):
            raise GateError("features", f"(patches, {len(self.mean)})", f"shape {values.shape}")
        return (values - self.mean) @ self.axes.T

    def colours(self, features: ArrayLike) -> NDArray[np.float64]:
        """(patches, count) projections scaled to 0..1: 0 is the smallest and 1 the largest of the patches fitted on.

        Other patches are clamped to this range; a component without variance is 0.5 everywhere.
        """
        spread = self.high - self.low
        share = (self.project(features) - self.low) / np.where(spread > 0, spread, 1)
        return np.where(spread > 0, np.clip(share, 0, 1), 0.5)


def principal_components(features: ArrayLike | Sequence[ArrayLike], count: int = 3) -> Components:
    """The principal components of the patch features of one picture, or of several together.

    As in Oquab et al. 2023, arXiv:2304.07193, figure 1: components that are fitted on several pictures together give
    parts with similar features similar colours in all of them.

    Args:
        features: (patches, width), special tokens left out, or a list of these; pictures may have different grids.
        count: number of components, 1 or more.

    Returns:
        The components. An axis and its opposite are the same component: of the two, the one whose entry of largest size
        is positive is taken, so that the result does not depend on the machine.

    Raises:
        GateError: features of different widths or other axes, numbers that are not finite, or `count` below 1.

    >>> found = principal_components([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]], count=2)
    >>> found.axes.tolist(), found.explained.tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [0.8, 0.2])
    """
    count = arguments.whole("count", count, 1)
    parts = _parts(features)
    patches = sum(len(part) for part in parts)
    mean = np.add.reduce([part.sum(axis=0, dtype=np.float64) for part in parts]) / patches
    spread = np.zeros((len(mean), len(mean)))
    for part in parts:  # one by one, since many pictures in double precision at once are large
        spread += (part - mean).T @ (part - mean) / patches
    variances, vectors = (found[..., ::-1] for found in np.linalg.eigh(spread))  # the largest last
    total = float(np.trace(spread))
    size = total + float((mean**2).sum())
    axes, explained = np.zeros((count, len(mean))), np.zeros(count)
    # Equal features differ from their own mean by rounding, which is no variance.
    known = min(count, int((variances > max(NOTHING * total, NOTHING**2 * size)).sum()))
    if known:
        axes[:known], explained[:known] = _turned(vectors.T[:known]), variances[:known] / total
    projected = [(part - mean) @ axes.T for part in parts]
    low, high = (
        np.min([one.min(axis=0) for one in projected], axis=0),
        np.max([one.max(axis=0) for one in projected], axis=0),
    )
    return Components(mean, axes, explained, low, high)


def _turned(axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each axis, or its opposite, so that its entry of largest size is positive."""
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return axes * np.sign(largest) + 0.0


def _parts(features: ArrayLike | Sequence[ArrayLike]) -> list[NDArray[Any]]:
    """The features of each picture, checked."""
    given: Any = features
    several = isinstance(given, (list, tuple)) and len(given) > 0 and np.ndim(given[0]) == 2
    parts = [_features(one) for one in (given if several else [given])]
    widths = sorted({part.shape[1] for part in parts})
    if len(widths) > 1:
        raise GateError("features", "one width in all pictures", " and ".join(map(str, widths)))
    return parts


def _features(given: ArrayLike) -> NDArray[Any]:
    values = undefined.at_least_single(undefined.shaped(given, "features", "(patches, width)"))
    if not float(np.abs(values).max()) <= LARGEST:  # false for NaN, too
        raise GateError("features", "finite numbers", "infinite or undefined ones, or such as have no square")
    return values
