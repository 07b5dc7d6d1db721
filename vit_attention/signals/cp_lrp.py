"""CP-LRP: layer-wise relevance propagation for which the weights of attention are constants."""

import numpy as np
from numpy.typing import NDArray

from vit_attention.capture import Rules
from vit_attention.signals.attnlrp import handed_back, propagated
from vit_attention.signals.given import Net, Ride, Said

OF = ("pictures", "texts", "pages")
AIMED = True


def ride(net: Net) -> Ride:
    """(layers + 1, tokens) as `attnlrp` gives it, with no relevance for queries and keys (Ali et al. 2022, arXiv:2202.07304)."""
    return propagated(net, Rules(hold_softmax=True))


def run(again: Said) -> NDArray[np.float32]:
    """(1, cells) likewise of the cells that a decoder reads."""
    return handed_back(again, Rules(hold_softmax=True))
