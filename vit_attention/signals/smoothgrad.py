"""SmoothGrad: gradients of a score by the input, averaged over copies of the input with noise."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError, shown
from vit_attention.signals.given import Again, Reading
from vit_attention.signals.slope import chosen, counted, slope_of

OF = ("pictures", "texts")
AIMED = True


def run(again: Again | Reading, *, samples: int, noise: float, absolute: str, seed: int) -> NDArray[np.float32]:
    """(rows, columns) or (tokens,) sums of absolute values of the smoothed gradients of a patch or token.

    Smilkov et al. 2017, arXiv:1706.03825, section 3: gradients at the input plus Gaussian noise, averaged.

    Args:
        samples: number of copies.
        noise: standard deviation of the noise as a share of the input's range, its largest number minus its smallest.
        absolute: whether absolute values are taken "after" averaging or "before".
        seed: of the noise.

    Raises:
        GateError: no target, or a knob out of range.
    """
    slope = slope_of(again.slope, "smoothgrad")
    chosen("smoothgrad", "absolute", absolute, ("after", "before"))
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise < float("inf"):
        raise GateError("smoothgrad", "noise as a share from 0 up", shown(noise))
    counted("smoothgrad", "samples", samples), counted("smoothgrad", "seed", seed, 0)
    spread = noise * float(slope.start.max() - slope.start.min())
    return slope.sums(slope.mean(_noisy(slope.start, samples, spread, seed), absolute == "before").abs())


def _noisy(start: Tensor, samples: int, spread: float, seed: int) -> Iterator[Tensor]:
    """Copies of an input with noise; the generator is its own, so that threads do not mix theirs."""
    chance = torch.Generator().manual_seed(seed)
    for _ in range(samples):
        # In another precision, such as a caller's default, the same seed draws other numbers.
        noise = torch.randn(start.shape, generator=chance, dtype=torch.float32)
        yield start + spread * noise.to(start)
