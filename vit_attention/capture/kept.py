"""What a request keeps of a block's weights, gathered head by head."""

from collections.abc import Callable

import torch
from torch import Tensor

from vit_attention.capture.seen import FUSIONS, Request, chosen

_GATHER: dict[str, Callable[..., Tensor]] = {"mean": torch.add, "max": torch.maximum, "min": torch.minimum}
"""How one more head joins a fusion; a mean is divided by their number at the end."""


class Kept:
    """The weights and fusions that `Request.select` and `Request.fuse` would give, without all heads at once.

    Attributes:
        weights: (batch, heads, queries, keys) of what is kept.
        fused: (batch, queries, keys) by the name of the fusion.
    """

    def __init__(self, request: Request, shape: tuple[int, int, int, int], precise: torch.dtype) -> None:
        batch, self.count, queries, keys = shape
        kind = torch.float16 if request.half else precise
        self.items = chosen("items", request.items, batch)
        self.heads = chosen("heads", request.heads, self.count)
        self.rows = None if request.queries is None else torch.tensor(chosen("queries", request.queries, queries))
        many = queries if self.rows is None else len(self.rows)
        self.weights = torch.empty(len(self.items), len(self.heads), many, keys, dtype=kind)
        self.fused = {name: torch.empty(len(self.items), queries, keys, dtype=kind) for name in request.fused}
        self._sums: dict[str, Tensor] = {}

    def take(self, item: int, head: int, weights: Tensor) -> None:
        """Keep what was asked for of one head's (queries, keys) weights; heads of an item come in order."""
        if item not in self.items:
            return
        place = self.items.index(item)
        if head in self.heads:
            rows = weights if self.rows is None else weights.index_select(0, self.rows)
            self.weights[place, self.heads.index(head)] = rows
        for name in self.fused:
            if head == 0:
                self._sums[name] = weights.clone()
            else:
                _GATHER[name](self._sums[name], weights, out=self._sums[name])
            if head == self.count - 1:
                done = self._sums.pop(name)
                self.fused[name][place] = done.div_(self.count) if name == "mean" else done


assert _GATHER.keys() == FUSIONS.keys(), "a fusion can be gathered head by head"
