"""What a capture is asked for and what it gives back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import torch
from torch import Tensor

from vit_attention.gate import GateError

FUSIONS: dict[str, Callable[[Tensor, int], Tensor]] = {"mean": torch.mean, "max": torch.amax, "min": torch.amin}
"""From (batch, heads, queries, keys) and the axis of the heads to one matrix."""


class CaptureError(RuntimeError):
    """No attention was captured, or the captured weights do not reproduce what PyTorch computed."""


class NothingHeardError(CaptureError):
    """A module ran and no attention was heard in it."""


class Enough(BaseException):
    """Ends a forward pass once what was asked for has been heard; see `Request.enough`."""


@dataclass(frozen=True)
class Request:
    """What to keep; the defaults keep everything.

    Attributes:
        layers: numbers of the attention blocks in the network's own order, 0 first; None keeps all.
        heads, queries: heads and rows to keep of each; None keeps all.
        whole: numbers of the blocks of which every row is kept, whatever `queries` says.
        fused: how to fuse all heads of a block into one matrix that is kept beside the weights: "mean", "max", "min".
        half: keep weights in float16.
        gradients: make the weights part of the graph, so that a score can be differentiated by them.
        in_graph: where there is a graph, the model goes on with the captured weights x values, instead of having PyTorch's
            kernel compute the attention a second time; not for training, where gradient checkpointing wants the kernel.
        parts: keep the queries, keys and values too.
        proof_rows: rows on which the parity proof runs; None proves every row.
        items: entries of the batch to keep (windows of Swin, beams); None keeps all.
        enough: raise `Enough` when the first block that was asked for has been heard.
    """

    layers: Sequence[int] | None = None
    heads: Sequence[int] | None = None
    queries: Sequence[int] | None = None
    half: bool = False
    gradients: bool = False
    in_graph: bool = False
    parts: bool = False
    proof_rows: int | None = 4
    items: Sequence[int] | None = None
    enough: bool = False
    whole: Sequence[int] = ()
    fused: Sequence[str] = ()

    def at(self, layer: int) -> "Request":
        """The request as it holds for one block."""
        return replace(self, queries=None) if layer in self.whole else self

    def rows(self, count: int) -> Tensor:
        """Rows to prove of `count`, spread evenly from the first to the last."""
        return _spread(count, count if self.proof_rows is None else min(self.proof_rows, count))

    @property
    def partial(self) -> bool:
        """Whether less is kept of a block than all its weights as they were computed."""
        return self.half or self.heads is not None or self.queries is not None

    def select(self, weights: Tensor) -> Tensor:
        """The items, heads and rows asked for; a copy only where something is left out or made half as precise."""
        weights = _chosen("heads", self.heads, self.select_items(weights), 1)
        weights = _chosen("queries", self.queries, weights, 2)
        return weights.half() if self.half else weights

    def fuse(self, weights: Tensor) -> dict[str, Tensor]:
        """(batch, queries, keys) of all heads fused, by the name of the fusion, in the precision that is kept."""
        found = {name: FUSIONS[name](self.select_items(weights), 1) for name in self.fused}
        return {name: one.half() for name, one in found.items()} if self.half else found

    def select_items(self, tensor: Tensor) -> Tensor:
        """The entries of a batch that were asked for."""
        return _chosen("items", self.items, tensor, 0)


@lru_cache(maxsize=64)
def _spread(count: int, wanted: int) -> Tensor:
    with torch.inference_mode(False):
        return torch.linspace(0, count - 1, wanted).round().long()


def chosen(name: str, wanted: Sequence[int] | None, count: int) -> list[int]:
    """Numbers of the entries of an axis that were asked for; GateError if that is none, or one that is not there."""
    if wanted is None:
        return list(range(count))
    if not len(wanted):
        raise GateError(f"{name}", "at least one number", "none")
    wrong = [n for n in wanted if not 0 <= n < count]
    if wrong:
        raise GateError(f"{name}", f"numbers from 0 to {count - 1}", f"{wrong}")
    return list(wanted)


def _chosen(name: str, wanted: Sequence[int] | None, tensor: Tensor, dim: int) -> Tensor:
    if wanted is None:
        return tensor
    numbers = torch.as_tensor(chosen(name, wanted, tensor.shape[dim]), dtype=torch.long, device=tensor.device)
    return tensor.index_select(dim, numbers)


@dataclass(eq=False)
class Seen:
    """The attention of one block in one forward pass.

    Attributes:
        name: module path inside the captured module.
        layer: number of the block among the network's attention blocks, from 0, counting blocks not captured.
        kind: "self", "cross" or "window".
        weights: (batch, heads, queries, keys), detached, rows sum to 1; a row without any key is NaN. Windows are folded
            into the batch, page by page.
        residual: largest absolute difference between weights x values and what PyTorch computed on the checked rows, in
            units of the values; None if there is nothing to compare with.
        probe: with gradients, the tensor to differentiate with respect to, of the shape of all the block's weights.
        parts: with parts, "query", "key", "value" of (batch, heads, tokens, head width), as far as available.
        fused: with fused, (batch, queries, keys) by the name of the fusion.
        mixed: with gradients, weights x values in the graph, in the shape in which the model goes on with them.
        lined: from that shape to (batch, heads, queries, head width).
    """

    name: str
    layer: int
    kind: str
    weights: Tensor
    residual: float | None
    probe: Tensor | None = None
    parts: dict[str, Tensor] = field(default_factory=dict)
    fused: dict[str, Tensor] = field(default_factory=dict)
    mixed: Tensor | None = None
    lined: Callable[[Tensor], Tensor] = lambda mixed: mixed


@dataclass(eq=False)
class Evidence:
    """What was found of one attention, before anything of it is left out.

    Attributes:
        weights: (batch, heads, queries, keys), float32 or better.
        proof: from numbers of rows to two tensors that must be equal if the weights are right: what PyTorch computed, and
            weights x values; None where there is nothing to compare with.
        probe, parts, mixed, lined: as in `Seen`.
        undefined: how many rows have no key at all.
        fused: None, or the heads fused as the request says; `weights` is then what the request keeps already.
        tokens: then the numbers of queries and keys that there were.
    """

    weights: Tensor
    proof: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None
    probe: Tensor | None = None
    parts: dict[str, Tensor] = field(default_factory=dict)
    undefined: int = 0
    fused: dict[str, Tensor] | None = None
    tokens: tuple[int, int] | None = None
    mixed: Tensor | None = None
    lined: Callable[[Tensor], Tensor] = lambda mixed: mixed

    @property
    def sides(self) -> tuple[int, int]:
        """How many queries and keys the attention had."""
        return self.tokens or (int(self.weights.shape[2]), int(self.weights.shape[3]))


class Heard(list[Seen]):
    """All that was seen, in forward order.

    Attributes:
        notes: what was not heard or is undefined, one sentence each; complete when the capture has ended.
        unheard: paths of the attention modules that ran and were not heard, likewise.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.unheard: list[str] = []


def differentiable(weights: Tensor) -> Tensor:
    """`weights` as a tensor that a score can be differentiated by, directly and through every later layer.

    Weights of a frozen model's first layer hang on nothing and become a leaf; later ones are in the graph already.
    """
    return weights if weights.requires_grad else weights.requires_grad_()
