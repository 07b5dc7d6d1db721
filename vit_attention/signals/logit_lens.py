"""Logit lens: the class that every token between the blocks would be called if it were all that the head could see."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError
from vit_attention.signals.given import Again, Behind, Reading

OF = ("pictures", "texts")
AIMED = True
STATES = True
AT_ONCE = 256
"""Tokens that go through the head together."""


def run(again: Again | Reading) -> NDArray[np.float32]:
    """(layers + 1, 5, tokens) what the final norm and the head make of each token by itself, before the first block and after every one.

    Vilas et al. 2023, arXiv:2310.18969, section 3; nostalgebraist 2020, "interpreting GPT: the logit lens". For each token: the
    raw score of the target's class, its probability (softmax), its rank among all classes, 1 first, the number of the class with
    the highest score, and that class's probability. With a similarity as the target, (layers + 1, 1, tokens): the cosine.

    Raises:
        GateError: no target, or a model without classes and no similarity.
    """
    behind = again.behind
    if again.target is None or behind is None or behind.tail is None:
        raise GateError("logit-lens", "a class or a similarity as the target", "none")
    with torch.inference_mode():
        return np.stack([_read(behind, tokens, again.target) for tokens in behind.states])


def _read(behind: Behind, tokens: Tensor, target: int) -> NDArray[np.float32]:
    """(5, tokens) of the tokens of one place, or (1, tokens) of a similarity."""
    scores = torch.cat([*_scores(behind, tokens)]).float()
    own = scores[:, target]
    found = [own]
    if not behind.similar:
        chances, rank = scores.softmax(dim=1), 1 + (scores > own[:, None]).sum(dim=1)
        best, winner = chances.max(dim=1)
        found += [chances[:, target], rank.float(), winner.float(), best]
    numbers: NDArray[np.float32] = torch.stack(found).cpu().numpy()
    return numbers


def _scores(behind: Behind, tokens: Tensor) -> Iterator[Tensor]:
    """(some, classes) of some tokens at a time, each in the place of all tokens: whatever the head pools, it sees that one alone."""
    assert behind.tail is not None, "was looked for"
    for some in tokens.split(AT_ONCE):
        yield behind.tail(some[:, None].expand(-1, behind.prefix + 1, -1))
