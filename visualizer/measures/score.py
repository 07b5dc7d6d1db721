"""Is the map where the object is? Scores against a known mask, and what chance would score."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.agreement import chance_overlap
from visualizer.measures.deletion import strongest
from vit_attention.gate import GateError

# A patch counts as being on the object when more than this share of it is covered.
HIT_THRESHOLD = 0.1


class Chance(NamedTuple):
    """The scores of a uniform map; each (...) like the leading axes of the coverage.

    Attributes:
        mass: mass in the mask of a uniform map: the share of the picture that is covered.
        hit: probability that a patch picked at random is a hit.
        iou: expected `iou` of a map in random order.
    """

    mass: NDArray[np.float64]
    hit: NDArray[np.float64]
    iou: NDArray[np.float64]


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


def iou(values: ArrayLike, coverage: ArrayLike, threshold: float = HIT_THRESHOLD) -> NDArray[np.float64]:
    """Overlap of the map's strongest patches with the object's: patches in both over patches in either.

    Intersection over union (Jaccard 1912, New Phytologist 11). The map is cut where as many patches are left as are on the
    object, so that no threshold has to be chosen, and a map in the right order has 1 whatever its unit. Of equally strong
    patches the first in reading order count.

    Args:
        values: (..., rows, columns) patch map; NaN is never among the strongest. It may be signed.
        coverage: (..., rows, columns) share of each patch that the object covers, 0 to 1.
        threshold: the covered share above which a patch counts as being on the object.

    Returns:
        (...); 0 to 1; NaN where no patch is on the object.

    Raises:
        ValueError: grids that differ, coverage outside 0 to 1, or infinite values.

    >>> float(iou([[0.4, 0.3], [0.2, 0.1]], [[1.0, 0.0], [1.0, 0.0]])).__round__(3)
    0.333
    """
    maps, cover = _flat(values, coverage)
    there = cover > threshold
    lowest = np.where(np.isnan(maps), -np.inf, maps)
    found = np.array([_iou(one, on) for one, on in _rows(lowest, there)])
    return found.reshape(maps.shape[:-1])


def _rows(*arrays: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
    """The last axes of arrays of one shape, together."""
    return zip(*(one.reshape(-1, one.shape[-1]) for one in arrays), strict=True)


def _iou(values: NDArray[np.float64], there: NDArray[np.bool_]) -> float:
    number = int(there.sum())
    if not number:
        return float("nan")
    shared = int(there[list(strongest(values, number))].sum())
    return shared / (2 * number - shared)


def _chance_iou(there: NDArray[np.bool_]) -> float:
    return chance_overlap(int(there.sum()), len(there)) if there.any() else float("nan")


def chance(coverage: ArrayLike, threshold: float = HIT_THRESHOLD) -> Chance:
    """What a uniform map would score on this mask.

    Args:
        coverage: (..., rows, columns) share of each patch that the object covers, 0 to 1.
        threshold: as in `pointing_hit`.

    Returns:
        The covered share of the picture, the share of patches that count as hits, and the overlap that a random order has.

    Raises:
        ValueError: coverage without rows and columns, or outside 0 to 1.

    >>> chance([[0.0, 0.5], [0.0, 0.0]])
    Chance(mass=array(0.125), hit=array(0.25), iou=array(0.25))
    """
    _, cover = _flat(coverage, coverage)
    there = cover > threshold
    random = np.array([_chance_iou(on) for (on,) in _rows(there)]).reshape(there.shape[:-1])
    return Chance(np.asarray(cover.mean(axis=-1)), np.asarray(there.mean(axis=-1)), random)


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
