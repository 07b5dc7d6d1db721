"""CP-LRP: layer-wise relevance propagation for which the weights of attention are constants."""

from vit_attention.capture import Rules
from vit_attention.signals import Net, Ride
from vit_attention.signals.attnlrp import propagated

OF = ("pictures", "texts")
AIMED = True


def ride(net: Net) -> Ride:
    """(layers + 1, tokens) as `attnlrp` gives it, with no relevance for queries and keys (Ali et al. 2022, arXiv:2202.07304)."""
    return propagated(net, Rules(hold_softmax=True))
