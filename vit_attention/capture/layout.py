"""From a tensor's leading axes to (batch, heads), and back."""

import math
from collections.abc import Sequence

from torch import Tensor


class Layout:
    """Which leading axis of (..., rows, columns) tensors counts the heads; all others become the batch.

    The (last) axis that has as many entries as the module says it has heads; else the first one, if that can be split into
    batch and heads; else the last one. A single leading axis that is no multiple of the heads is the batch of one head.

    Args:
        lead: the leading axes.
        heads: how many heads the module says it has; None if it does not say.

    >>> Layout((2, 3, 4), 3).others, Layout((6,), 3).others, Layout((5, 7), None).others
    ((2, 4), (2,), (5,))
    """

    def __init__(self, lead: Sequence[int], heads: int | None) -> None:
        self.lead = tuple(int(n) for n in lead)
        self.parts = self.lead
        fits = [n for n, size in enumerate(self.lead) if size == heads]
        self.at: int | None = fits[-1] if fits else len(self.lead) - 1
        if heads and not fits and self.lead and self.lead[0] % heads == 0:
            self.parts, self.at = (self.lead[0] // heads, heads, *self.lead[1:]), 1
        elif len(self.lead) < 2 and not fits:
            self.at = None
        self.others = tuple(size for n, size in enumerate(self.parts) if n != self.at)
        self.plain = self.lead == self.parts and len(self.lead) == 2 and self.at == 1

    def fold(self, tensor: Tensor) -> Tensor:
        """(batch, heads, rows, columns) of (..., rows, columns)."""
        if self.plain:
            return tensor
        whole = tensor.reshape(*self.parts, *tensor.shape[-2:])
        if self.at is None:
            return whole.reshape(math.prod(self.others), 1, *tensor.shape[-2:])
        moved = whole.movedim(self.at, -3)
        return moved.reshape(math.prod(self.others), *moved.shape[-3:])

    def unfold(self, tensor: Tensor) -> Tensor:
        """(..., rows, columns) of (batch, heads, rows, columns)."""
        if self.plain:
            return tensor
        tail = tensor.shape[-2:]
        if self.at is None:
            return tensor.reshape(*self.lead, *tail)
        whole = tensor.reshape(*self.others, *tensor.shape[-3:])
        return whole.movedim(-3, self.at).reshape(*self.lead, *tail)
