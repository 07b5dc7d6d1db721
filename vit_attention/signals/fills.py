"""What stands in place of the covered parts of a prepared picture."""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vit_attention.signals.slope import chosen

FILLS = ("mean", "zero", "blur", "road")
"""The mean of every channel over the prepared picture; 0, the middle of what most models take; the picture, blurred; and noisy
linear imputation."""
BLUR = 1.0
"""Standard deviation of the blur, in patches: what is smaller than a patch cannot be seen any more."""
NOISE = 0.01
"""Standard deviation of the noise of "road", in units of the prepared pixels."""
_NEIGHBOURS = tuple(
    (down, across, 1 / 12 if down and across else 1 / 6)
    for down in (-1, 0, 1)
    for across in (-1, 0, 1)
    if down or across
)
"""Steps to the eight neighbours of a pixel, and how much each counts in Rong et al. 2022, arXiv:2202.00449, appendix."""


def filler(pixels: Tensor, fill: str, patch: tuple[int, int], seed: int = 0) -> Callable[[Tensor], Tensor]:
    """From (height, width) booleans, whether a pixel is covered, to the (1, channels, height, width) picture so covered.

    "road" is the noisy linear imputation of Rong et al. 2022, arXiv:2202.00449, section 5: every covered pixel is the mean of its
    neighbours, direct ones counted 1/6 and diagonal ones 1/12, plus a little noise; at the picture's edge the weights of those
    that are there are scaled to a sum of 1, and a picture that is covered whole becomes the mean of every channel.

    Args:
        pixels: (1, channels, height, width) prepared picture.
        fill: one of `FILLS`.
        patch: (height, width) of a patch in pixels.
        seed: of the noise, which is the same for every cover.

    Raises:
        GateError: another fill.
    """
    if chosen("covers", "fill", fill, FILLS) == "road":
        chance = torch.Generator().manual_seed(seed)
        noise = NOISE * torch.randn(pixels.shape, generator=chance, dtype=torch.float64).to(pixels)
        return lambda cover: torch.where(cover, imputed(pixels, cover) + noise, pixels)
    ground = _blurred(pixels, patch) if fill == "blur" else plain(pixels, fill)
    return lambda cover: torch.where(cover, ground, pixels)


def plain(pixels: Tensor, fill: str) -> Tensor:
    """(1, channels, 1, 1) the colour of "mean", or of "zero"."""
    return pixels.mean(dim=(-2, -1), keepdim=True) if fill == "mean" else torch.zeros_like(pixels[..., :1, :1])


def _blurred(pixels: Tensor, patch: tuple[int, int]) -> Tensor:
    """The picture under a Gaussian; beyond its edge lie copies of its outermost pixels."""
    found = pixels
    for axis, side in ((-2, patch[0]), (-1, patch[1])):
        reach = math.ceil(3 * BLUR * side)
        weights = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float64) ** 2) / (2 * (BLUR * side) ** 2))
        kernel = (weights / weights.sum()).to(pixels).reshape((1, 1, -1, 1) if axis == -2 else (1, 1, 1, -1))
        edges = (0, 0, reach, reach) if axis == -2 else (reach, reach, 0, 0)
        wide = functional.pad(found, edges, mode="replicate")
        found = functional.conv2d(wide.transpose(0, 1), kernel).transpose(0, 1)
    return found


def imputed(pixels: Tensor, cover: Tensor) -> Tensor:
    """(1, channels, height, width) the picture whose covered pixels are the weighted means of their neighbours, without noise."""
    hidden = cover.cpu().numpy()
    if hidden.all() or not hidden.any():
        return torch.where(cover, plain(pixels, "mean"), pixels)
    seen = pixels[0].cpu().double().numpy().copy()
    seen[:, hidden] = _solved(seen, hidden).T
    return torch.from_numpy(seen)[None].to(pixels)


def _solved(seen: NDArray[np.float64], hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(covered pixels, channels) the solution of their linear equations, sparse and positive definite."""
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import splu

    (rows, columns), (height, width) = np.nonzero(hidden), hidden.shape
    count = len(rows)
    unknown = np.full(hidden.shape, -1)
    unknown[hidden] = np.arange(count)
    here, there, weights = [np.arange(count)], [np.arange(count)], [np.zeros(count)]
    right = np.zeros((count, len(seen)))
    for down, across, weight in _NEIGHBOURS:
        y, x = rows + down, columns + across
        inside = np.flatnonzero((y >= 0) & (y < height) & (x >= 0) & (x < width))
        weights[0][inside] += weight
        number = unknown[y[inside], x[inside]]
        known = inside[number < 0]
        right[known] += weight * seen[:, y[known], x[known]].T
        here.append(inside[number >= 0])
        there.append(number[number >= 0])
        weights.append(np.full(int((number >= 0).sum()), -weight))
    parts = (np.concatenate(weights), (np.concatenate(here), np.concatenate(there)))
    # Symmetric and diagonally dominant: no pivots are needed, which halves the time.
    options = {"SymmetricMode": True}
    matrix = csc_array(parts, shape=(count, count))
    return np.asarray(splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options).solve(right))
