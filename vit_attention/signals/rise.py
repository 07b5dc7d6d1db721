"""RISE: the mean score of a picture under random masks, among those that leave a patch to be seen."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError, shown
from vit_attention.signals.given import Again
from vit_attention.signals.parts import batches, in_patches
from vit_attention.signals.slope import chances, counted, no_target

OF = ("pictures",)
AIMED = True


def run(again: Again, *, masks: int, cells: int, kept: float, seed: int) -> NDArray[np.float32]:
    """(rows, columns) expected probability of the class, or similarity, if a patch is seen: the mean over its pixels.

    Petsiuk et al. 2018, arXiv:1806.07421, section 3, equation 6: scores weighted by masks, over what the masks weigh. Equation 6
    divides by the weight that they are expected to have, `kept`; here it is the one that they have, so that a score that
    never changes gives a map without a pattern, however few the masks are.

    Args:
        masks: how many.
        cells: rows and columns of the coarse grid that a mask is enlarged from.
        kept: probability that a cell is kept.
        seed: of the masks.

    Raises:
        GateError: no target, or a knob out of range.
    """
    if again.target is None:
        raise no_target("rise")
    counted("rise", "masks", masks), counted("rise", "cells", cells, 2), counted("rise", "seed", seed, 0)
    if isinstance(kept, bool) or not isinstance(kept, (int, float)) or not 0 < kept < 1:
        raise GateError("rise", "kept as a probability between 0 and 1", shown(kept))
    pixels = again.ready.pixels
    size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
    total, weight = torch.zeros(2, *size, dtype=torch.float64)
    for some in batches(drawn(masks, cells, kept, seed, size)):
        seen = torch.stack(some)
        scores = chances(again.scores(pixels * seen[:, None].to(pixels)), again.target, again.similar)
        total += torch.einsum("n,nhw->hw", scores, seen.double())
        weight += seen.double().sum(dim=0)
    # What no mask left to be seen has no expected score; with few masks that can be a pixel.
    mean = total / weight.clamp(min=torch.finfo(torch.float64).tiny)
    return in_patches(mean, again.grid, again.patch).mean(dim=-1).float().numpy()


def drawn(masks: int, cells: int, kept: float, seed: int, size: tuple[int, int]) -> Iterator[Tensor]:
    """Masks of (height, width) numbers from 0 to 1: coarse grids, enlarged bilinearly and shifted by less than a cell."""
    chance = torch.Generator().manual_seed(seed)
    sides = [-(-side // cells) for side in size]
    for _ in range(masks):
        coarse = (torch.rand((1, 1, cells, cells), generator=chance, dtype=torch.float32) < kept).float()
        large = [(cells + 1) * side for side in sides]
        fine = torch.nn.functional.interpolate(coarse, large, mode="bilinear", align_corners=False)[0, 0]
        top, left = (int(torch.randint(side, (), generator=chance)) for side in sides)
        yield fine[top : top + size[0], left : left + size[1]]
