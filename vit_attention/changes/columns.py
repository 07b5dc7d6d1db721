"""Tokens that no other may look at: their columns of attention emptied and the rows divided by what is left."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from vit_attention.capture import Edit, editing
from vit_attention.changes.base import Change, Inside, listed, numbers


class WithoutColumns(Change):
    """Nobody looks at some tokens: as if their scores were minus infinity in the softmax, so that rows still sum to 1.

    A row that looked at nothing else becomes 0. In contrast to leaving a sink out of a drawing, this changes what the network
    computes (attention sinks: Darcet et al. 2023, arXiv:2309.16588).

    Args:
        tokens: numbers of the tokens, special tokens counted, from 0.
        layers, heads: numbers from 0; None for all.

    Raises:
        GateError: no token, when the model runs, or a number that is not there.
    """

    def __init__(
        self, tokens: Sequence[int], layers: Sequence[int] | None = None, heads: Sequence[int] | None = None
    ) -> None:
        self.chosen = (tokens, layers, heads)

    @property
    def text(self) -> str:
        """Which columns.

        >>> WithoutColumns([5], layers=[0]).text
        'nobody looks at token 6: layer 1, all heads'
        """
        tokens, layers, heads = self.chosen
        return f"nobody looks at {listed('token', tokens)}: {listed('layer', layers)}, {listed('head', heads)}"

    def during(self, inside: Inside) -> AbstractContextManager[Any]:
        """A context in which nobody looks at the tokens."""
        tokens, layers, heads = self.chosen
        of_heads = inside.some_heads(heads)

        def weights(_layer: int, own: Tensor) -> Tensor:
            at = torch.tensor(numbers("tokens", tokens, own.shape[-1]), device=own.device)
            left = own[:, of_heads].index_fill(-1, at, 0)
            # The smallest number that can be divided by: an empty row stays empty.
            left = left / left.sum(-1, keepdim=True).clamp(min=torch.finfo(own.dtype).tiny)
            found = own.clone()
            found[:, of_heads] = left
            return found

        return editing(inside.tower, Edit(inside.layers(layers), weights=weights))
