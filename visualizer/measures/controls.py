"""Maps that know no model, and the score of a map on an outline beside theirs."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.measures.masks import covered
from visualizer.measures.score import chance, iou, mass_in_mask, pointing_hit
from vit_attention.gate import GateError
from vit_attention.gate.outlines import outline_mask
from vit_attention.records import Geometry

if TYPE_CHECKING:
    from vit_attention.gate.masks import MaskSource

__all__ = ["SIGMA", "Scored", "centre_prior", "colour_contrast", "outline_mask", "score_against"]

SIGMA = 0.25
"""Standard deviation of the centre prior, as a share of each side."""

_LONGEST = 256
"""Pixels of the longer side that colours are averaged over: a patch needs no more."""

_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


class Scored(NamedTuple):
    """One map on one outline.

    Attributes:
        name: "map", "chance", "centre prior" or "colour contrast".
        inside: share of the map's weight inside the outline, 0 to 1; NaN for a map with negative values.
        hit: 1 if the strongest patch lies on the outlined thing, else 0; for chance the probability of that.
        iou: overlap of as many strongest patches as are on the outlined thing with these, 0 to 1; see `iou`.
    """

    name: str
    inside: float
    hit: float
    iou: float


def score_against(
    values: ArrayLike,
    outline: "MaskSource",
    picture: Image.Image | None = None,
    geometry: Geometry | None = None,
    sigma: float = SIGMA,
) -> tuple[Scored, ...]:
    """The share of a map inside an outline, whether it points there, its overlap, and the same for maps that know no model.

    Pointing is that of Zhang et al. 2016 (arXiv:1608.00507), see `pointing_hit`. A map deserves a sentence only where it
    beats all controls: photographers put things in the middle, and things differ in colour from what is behind them.

    Args:
        values: (rows, columns) map; it may be signed.
        outline: mask of the thing, as for `coverage`; `outline_mask` makes one of a box or polygon.
        picture: the picture, for the control by colour; None leaves that out.
        geometry: of the record; needed if the model saw only a part of the picture.
        sigma: of the centre prior, as a share of each side.

    Returns:
        The map, chance (a uniform map), the centre prior and, with a picture, the colour contrast.

    Raises:
        GateError: values that are no map, or an outline that does not fit or that the model did not see.

    >>> mask = np.zeros((20, 20), bool)
    >>> mask[:10, :10] = True
    >>> for name, inside, hit, iou in score_against([[3.0, 1.0], [0.0, 0.0]], mask):
    ...     print(f"{name}: {inside:.2f} {hit:.2f} {iou:.2f}")
    map: 0.75 1.00 1.00
    chance: 0.25 0.25 0.25
    centre prior: 0.25 1.00 1.00
    """
    found = np.asarray(values, np.float64)
    if found.ndim != 2 or not found.size:
        raise GateError("values", "(rows, columns)", f"shape {found.shape}")
    grid = (found.shape[0], found.shape[1])
    truth = covered(outline, grid, geometry)
    if not truth.any():
        raise GateError("outline", "one that covers something the model saw", "one outside of it")
    uniform = chance(truth)
    maps = {"map": found, "centre prior": centre_prior(grid, sigma)}
    if picture is not None:
        maps["colour contrast"] = colour_contrast(picture, grid, geometry)
    scored = [_scored(name, one, truth) for name, one in maps.items()]
    return (scored[0], Scored("chance", *map(float, uniform)), *scored[1:])


def _scored(name: str, values: NDArray[np.float64], truth: NDArray[np.float64]) -> Scored:
    signed = bool((values < 0).any())
    inside = np.nan if signed else float(mass_in_mask(values, truth))
    return Scored(name, inside, float(pointing_hit(values, truth)), float(iou(values, truth)))


def centre_prior(grid: tuple[int, int], sigma: float = SIGMA) -> NDArray[np.float64]:
    """A Gaussian around the middle of the picture, stretched to its shape.

    Clarke and Tatler 2014 (Vision Research 102) fitted one to where people look. The default here, a quarter of each side,
    is a choice of this project.

    Args:
        grid: (rows, columns).
        sigma: standard deviation, as a share of each side; larger than 0.

    Returns:
        (rows, columns), sums to 1.

    Raises:
        GateError: a grid without cells, or a sigma that is not larger than 0.

    >>> centre_prior((1, 3)).round(3).tolist()
    [[0.226, 0.549, 0.226]]
    """
    if min(grid) < 1 or not (np.isfinite(sigma) and sigma > 0):
        raise GateError("centre prior", "rows, columns and a sigma larger than 0", f"{grid} and {sigma:g}")
    down, across = (np.exp(-(((np.arange(n) + 0.5) / n - 0.5) ** 2) / (2 * sigma**2)) for n in grid)
    both = np.outer(down, across)
    return np.asarray(both / both.sum())


def colour_contrast(
    picture: Image.Image, grid: tuple[int, int], geometry: Geometry | None = None
) -> NDArray[np.float64]:
    """How far the mean colour of each patch is from the mean colour of all patches.

    Achanta et al. 2009 (CVPR) with patches in place of their pixels.

    Distances are Euclidean in CIE L*a*b* (D65).

    Args:
        picture: the picture the user gave.
        grid: (rows, columns) of patches over the model's input.
        geometry: from the picture to the model's input; None means that the model saw the whole.

    Returns:
        (rows, columns) in units of L*a*b*, from 0, rarely above 100; NaN for patches beside the picture.

    >>> half = Image.new("RGB", (4, 2))
    >>> half.paste("white", (2, 0, 4, 2))
    >>> colour_contrast(half, (1, 2)).round(1).tolist()
    [[50.0, 50.0]]
    """
    where = Geometry.of(*picture.size) if geometry is None else geometry
    shrink = min(1.0, _LONGEST / max(picture.size))
    size = (max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink)))
    colours = _lab(np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BOX)))
    scale = np.tile(np.array(size) / where.original, 2)
    boxes = (where.boxes_to_original(where.cells(grid)) * scale).round().astype(int)
    means = np.array([_mean(colours, *box) for box in boxes.tolist()])
    return np.asarray(np.linalg.norm(means - np.nanmean(means, axis=0), axis=1).reshape(grid))


def _mean(colours: NDArray[Any], left: int, top: int, right: int, bottom: int) -> NDArray[np.float64]:
    """Mean colour of a box, of at least one pixel; NaN beside the picture."""
    height, width = colours.shape[:2]
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return np.full(3, np.nan)
    part = colours[max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)]
    return np.asarray(part.mean(axis=(0, 1)))


def _lab(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """sRGB of 8 bits to CIE L*a*b* of the white point D65 (IEC 61966-2-1; CIE 15)."""
    coded = np.arange(256) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    ratio = linear[pixels] @ (_TO_XYZ.T / _WHITE)
    x, y, z = np.moveaxis(np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
