"""Gradients of a score by the input: where a small change of pixels, or of word embeddings, changes the score most."""

import numpy as np
from numpy.typing import NDArray

from vit_attention.signals.given import Again, Reading
from vit_attention.signals.slope import chosen, slope_of

OF = ("pictures", "texts")
AIMED = True


def run(again: Again | Reading, *, times_input: str) -> NDArray[np.float32]:
    """(rows, columns) or (tokens,) gradients of the target's score, summed over what a patch or token is made of.

    Simonyan et al. 2014, arXiv:1312.6034, section 3, there the largest of a pixel's channels; here absolute values are summed,
    since a sum of signed gradients would cancel. Times the input they are signed, the first order of the score.

    Args:
        times_input: "no" sums absolute gradients, "yes" gradients times prepared pixels, or times word embeddings.

    Raises:
        GateError: no target, or another word.
    """
    slope = slope_of(again.slope, "input-gradients")
    found = slope.mean([slope.start])
    if chosen("input-gradients", "times_input", times_input, ("no", "yes")) == "no":
        return slope.sums(found.abs())
    return slope.sums(found * slope.start[0].cpu().double())
