"""AttnLRP: the share of every token in the target's score, by layer-wise relevance propagation through attention."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from vit_attention.capture import Rules, listening
from vit_attention.signals import After, Net, Ride

OF = ("pictures", "texts")
AIMED = True


def ride(net: Net) -> Ride:
    """(layers + 1, tokens) relevance of the tokens that enter the first block and of those that leave every block.

    Achtibat et al. 2024, arXiv:2402.05602, in the form input x gradient of section 3.4, by the rules of `capture.Rules`.
    """
    return propagated(net, Rules())


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
