"""AttnLRP: the share of every token in the target's score, by layer-wise relevance propagation through attention."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.capture import Rules, listening
from vit_attention.signals.given import After, Net, Ride, Said

OF = ("pictures", "texts", "pages")
AIMED = True


def ride(net: Net) -> Ride:
    """(layers + 1, tokens) relevance of the tokens that enter the first block and of those that leave every block.

    Achtibat et al. 2024, arXiv:2402.05602, as input x gradient by the rules of `capture.Rules`.
    """
    return propagated(net, Rules())


def run(again: Said) -> NDArray[np.float32]:
    """(1, cells) relevance of the cells that a decoder reads, for one token that it said."""
    return handed_back(again, Rules())


def propagated(net: Net, rules: Rules) -> Ride:
    """The sum over a token's features of each times its gradient, which flows by `rules`."""
    stages: list[Tensor] = []
    notes: list[str] = []

    def hear(tokens: Tensor) -> None:
        # Parameters are frozen, so that the graph begins at the tokens which enter the first block.
        stages.append(tokens if stages else tokens.requires_grad_())

    @contextmanager
    def during() -> Iterator[None]:
        with listening(net.blocks, hear, before_first=True), rules:
            yield

    def after(passed: After) -> Tensor:
        with rules:  # the final norm and the length of a similarity are to be held constant as well
            score = passed.of_tokens(stages[-1]) if passed.similar else passed.asked
        gradients = torch.autograd.grad(score, stages, materialize_grads=True)
        if rules.plain:
            notes.append(
                f"Relevance went by the plain gradient through {', '.join(rules.plain)}, which no rule is for."
            )
        return torch.stack([(one.detach() * by).sum(-1) for one, by in zip(stages, gradients, strict=True)], dim=1)

    return Ride(during(), after, notes=notes)


def handed_back(again: Said, rules: Rules) -> NDArray[np.float32]:
    """The same for the cells of a page, to which a decoder's cross-attention leads; its own tokens keep their share."""
    cells = again.memory.requires_grad_()
    with rules:
        score = again.score(cells)
    (gradient,) = torch.autograd.grad(score, cells)
    again.notes.extend(_noted(rules))
    found: NDArray[np.float32] = (cells.detach() * gradient).sum(-1).float().cpu().numpy()
    return found


def _noted(rules: Rules) -> list[str]:
    """What there is to say of functions that no rule is for."""
    named = ", ".join(rules.plain)
    return [f"Relevance went by the plain gradient through {named}, which no rule is for."] if named else []
