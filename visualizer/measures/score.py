"""Is the map where the object is? Scores against a known mask, and what chance would score."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from vit_attention.gate import GateError

# A patch counts as being on the object when more than this share of it is covered.
HIT_THRESHOLD = 0.1


class Chance(NamedTuple):
    """The scores of a uniform map; each (...) like the leading axes of the coverage.

    Attributes:
        mass: mass in the mask of a uniform map: the share of the picture that is covered.
        hit: probability that a patch picked at random is a hit.
    """

    mass: NDArray[np.float64]
    hit: NDArray[np.float64]


def pointing_hit(values: ArrayLike, coverage: ArrayLike, threshold: float = HIT_THRESHOLD) -> NDArray[np.bool_]:
    """Whether the strongest patch lies on the object: the pointing game (Zhang et al. 2016, arXiv:1608.00507).

    Of equally strong patches the first in reading order is taken, so a constant map points at the top left corner.

    Args:
        values: (..., rows, columns) patch map; NaN is never the strongest. It may be signed.
        coverage: (..., rows, columns) share of each patch that the object covers, 0 to 1.
        threshold: the covered share above which a patch counts as being on the object.

    Returns:
        (...) booleans; a map that is NaN throughout hits nothing.

    Raises:
        ValueError: grids that differ, coverage outside 0 to 1, or infinite values.

    >>> bool(pointing_hit([[0.1, 0.9]], [[0.0, 0.5]]))
    True
    """
    maps, cover = _flat(values, coverage)
    lowest = np.where(np.isnan(maps), -np.inf, maps)
    strongest = lowest.argmax(axis=-1)[..., None]
    found = np.take_along_axis(lowest, strongest, axis=-1) > -np.inf
    return np.asarray((found & (np.take_along_axis(cover, strongest, axis=-1) > threshold))[..., 0])


def mass_in_mask(values: ArrayLike, coverage: ArrayLike) -> NDArray[np.float64]:
    """Share of the map's mass that lies on the object: ``sum(values * coverage) / sum(values)``.

    Args:
        values: (..., rows, columns) patch map, at least 0; NaN counts as no mass.
        coverage: (..., rows, columns) share of each patch that the object covers, 0 to 1.

    Returns:
        (...); 0 to 1; NaN for a map without mass.

    Raises:
        ValueError: negative or infinite values, grids that differ, or coverage outside 0 to 1.

    >>> float(mass_in_mask([[1.0, 3.0]], [[0.0, 0.5]]))
    0.375
    """
    maps, cover = _flat(values, coverage)
    mass = np.where(np.isnan(maps), 0, maps)
    if (mass < 0).any():
        raise GateError("values", "0 or more", f"{mass.min()}; decide first what negative values mean")
    return undefined.ratio((mass * cover).sum(axis=-1), mass.sum(axis=-1))


def chance(coverage: ArrayLike, threshold: float = HIT_THRESHOLD) -> Chance:
    """What a uniform map would score on this mask.

    Args:
        coverage: (..., rows, columns) share of each patch that the object covers, 0 to 1.
        threshold: as in `pointing_hit`.

    Returns:
        The covered share of the picture, and the share of patches that count as hits.

    Raises:
        ValueError: coverage without rows and columns, or outside 0 to 1.

    >>> chance([[0.0, 0.5], [0.0, 0.0]])
    Chance(mass=array(0.125), hit=array(0.25))
    """
    _, cover = _flat(coverage, coverage)
    return Chance(np.asarray(cover.mean(axis=-1)), np.asarray((cover > threshold).mean(axis=-1)))


def _flat(values: ArrayLike, coverage: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both as (..., patches) of one shape, checked."""
    maps, cover = np.asarray(values, dtype=np.float64), np.asarray(coverage, dtype=np.float64)
    if maps.ndim < 2 or maps.shape[-2:] != cover.shape[-2:] or 0 in maps.shape[-2:]:
        raise GateError("values, coverage", "the same (rows, columns)", f"{maps.shape} and {cover.shape}")
    if not ((cover >= 0) & (cover <= 1)).all():
        raise GateError("coverage", "0 to 1", f"{cover.min()} to {cover.max()}")
    if np.isinf(maps).any():
        raise GateError("values", "finite numbers or NaN", "infinity")
    maps, cover = np.broadcast_arrays(maps, cover)
    return maps.reshape(*maps.shape[:-2], -1), cover.reshape(*cover.shape[:-2], -1)
