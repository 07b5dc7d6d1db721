"""Integrated gradients: the input's difference from a baseline, times the mean gradient on the way from there."""

import numpy as np
import torch
from numpy.typing import NDArray

from vit_attention.signals.given import Again, Reading
from vit_attention.signals.slope import chosen, counted, slope_of

OF = ("pictures", "texts")
AIMED = True


def run(again: Again | Reading, *, steps: int, baseline: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(rows, columns) or (tokens,) contributions to the score's difference from the baseline's, and (2,) the two scores.

    Sundararajan et al. 2017, arXiv:1703.01365, equations 1 and 3; the integral is a sum of `steps` gradients in the middle of
    equal steps on the straight line from the baseline. By completeness (proposition 1) all contributions together are the
    difference of the two scores, the baseline's and the input's, but for the error of the sum.

    Args:
        steps: number of gradients.
        baseline: "zero" of prepared pixels or word embeddings; "blank", the picture's mean colour, or in texts the mask token.
            Special tokens stay what they are, so that words share the whole difference.

    Raises:
        GateError: no target, or a knob out of range.
    """
    slope = slope_of(again.slope, "integrated-gradients")
    counted("integrated-gradients", "steps", steps)
    start, blank = slope.start, slope.blanks[chosen("integrated-gradients", "baseline", baseline, slope.blanks)]
    way = start - blank
    mean = slope.mean(blank + (n + 0.5) / steps * way for n in range(steps))
    ends = slope.gradient(torch.cat([blank, start]))[0]
    return slope.sums(mean * way[0].cpu().double()), ends.float().numpy()
