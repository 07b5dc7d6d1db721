"""Decision flow: what every token puts, in every block, into the features that raise the target's score."""

from contextlib import nullcontext

import torch
from torch import Tensor

from vit_attention.capture import CaptureError, Seen
from vit_attention.gate import GateError, shown
from vit_attention.signals.given import After, Net, Ride

OF = ("pictures", "texts")
AIMED = True
EFFECTS = ("positive", "all")


def ride(net: Net, *, effects: str) -> Ride:
    """(layers, tokens) weight x value x effect of a feature on the target's score, summed over the features of all heads.

    Liao, Gao & Zhang 2025, arXiv:2503.14640 (Dynamic Accumulated Attention Map), section 3. What attention puts into the
    class token is a sum over tokens of weight x value; taken apart, it is a map for every feature of the joined heads. The effect of
    a feature is the gradient of the score by that sum, before the output projection. There is no mean over places, as the sum is
    of one token, and the positive part of the map is left to the method.

    The rows taken are those of the tokens that the score is read off: the last block's with a gradient. That is the class token
    where a head reads it, the token that a similarity is about, and every token that a head averages or pools, summed.

    Args:
        effects: "positive", features whose effect is negative are left out, as the paper does for classifiers; "all", they count
            with their sign, as the authors' code does for networks without classes.

    Raises:
        GateError: other effects; or a block whose weights are not in the graph.
        CaptureError: values that cannot be seen.
    """
    if effects not in EFFECTS:
        raise GateError("decision-flow", f"effects of {' or '.join(EFFECTS)}", shown(effects))

    def after(passed: After) -> Tensor:
        blocks = passed.of_blocks(net)
        wanted = [one.mixed for one in blocks if one.mixed is not None]
        gradients = torch.autograd.grad(passed.asked, wanted, materialize_grads=True)
        slopes = [one.lined(gradient) for one, gradient in zip(blocks, gradients, strict=True)]
        read = slopes[-1].ne(0).any(dim=(1, 3))  # (batch, tokens)
        return torch.stack([_put(one, slope, read, effects) for one, slope in zip(blocks, slopes, strict=True)], dim=1)

    return Ride(nullcontext(), after, probes=True)


def _put(one: Seen, slope: Tensor, read: Tensor, effects: str) -> Tensor:
    """(batch, tokens) of one block, for the rows that are read."""
    if one.probe is None or "value" not in one.parts:
        raise CaptureError(f"{one.name}: want values that can be seen, got an attention that hides them")
    value, effect = one.parts["value"].to(slope), slope.relu() if effects == "positive" else slope
    weights = one.probe.detach().to(slope) * read[:, None, :, None]
    return torch.einsum("bhqk,bhqk->bk", weights, effect @ value.mT)
