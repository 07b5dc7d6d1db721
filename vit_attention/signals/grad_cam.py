"""Grad-CAM on tokens: which tokens of a late layer have features that raise the target's score."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vit_attention.capture import FewTokens, leaf_at
from vit_attention.gate import GateError, shown
from vit_attention.signals.given import After, Net, Ride

OF = ("pictures", "texts")
AIMED = True
PLACES = ("norm", "output")


def ride(net: Net, *, at: str, above: int) -> Ride:
    """(tokens,) positive part of the sum over features of a feature times the mean of its gradient over the tokens.

    Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2, with the tokens that are not special in the place of pixels.

    Args:
        at: "norm", what leaves a block's first norm, or "output", what leaves the block.
        above: how many blocks lie above it; 0 is the last block.

    Raises:
        GateError: no such place; or tokens there that the score no longer depends on.
    """
    whole = isinstance(above, int) and not isinstance(above, bool)
    if at not in PLACES or not whole or not 0 <= above < len(net.blocks):
        want = f"one of {', '.join(PLACES)} and 0 to {len(net.blocks) - 1} blocks above"
        raise GateError("grad-cam", want, shown(f"{at}, {above}"))
    number, found = len(net.blocks) - 1 - above, list[Tensor]()
    place = net.blocks[number] if at == "output" else first_norm(net.blocks[number])

    def after(passed: After) -> Tensor:
        features, inner = found[-1], passed.inner[..., None]  # the last, of a block that is used again and again
        (gradient,) = torch.autograd.grad(passed.asked, features, materialize_grads=True)
        gradient = gradient * inner
        if not bool(gradient.flatten(1).any(dim=1).all()):
            got = f"the {at} of layer {number + 1}, behind which only special tokens count: the gradient of all others is 0"
            want = "a place from which tokens still have an effect on the score"
            advice = f"Take above={above + 1}." * (number > 0)
            raise GateError("grad-cam", want, got, advice=advice)
        mean = gradient.sum(dim=1, keepdim=True) / inner.sum(dim=1, keepdim=True)
        return (mean * features.detach()).sum(dim=-1).relu()

    @contextmanager
    def during() -> Iterator[None]:
        with leaf_at(place, found.append), FewTokens():
            yield

    return Ride(during(), after)


def first_norm(block: nn.Module) -> nn.Module:
    """The norm that stands first in a block; raises GateError if there is none."""
    for part in block.modules():
        if "Norm" in type(part).__name__ and not list(part.children()):
            return part
    raise GateError("grad-cam", "a block with a norm", type(block).__name__)
