"""Attention that is changed while a model runs: other weights, or other head outputs, in this thread's passes alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from vit_attention.capture.place import Call, Network
from vit_attention.capture.recorder import Recorder
from vit_attention.capture.seen import CaptureError, Evidence, Request


def _same(_layer: int, tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True, eq=False)
class Edit:
    """What becomes of some blocks' attention.

    Attributes:
        layers: numbers of the blocks that are changed.
        weights: from the number of a block and its (batch, heads, queries, keys) weights to those that multiply the values.
        mixed: the same for (batch, heads, queries, head width) weights x values, the outputs of the heads before they are joined.
    """

    layers: Sequence[int]
    weights: Callable[[int, Tensor], Tensor] = _same
    mixed: Callable[[int, Tensor], Tensor] = _same


@dataclass(frozen=True, eq=False)
class OfBlock:
    """All edits of one block, in the order in which they were opened."""

    edits: Sequence[tuple[Edit, int]]

    def weights(self, weights: Tensor) -> Tensor:
        """The weights that multiply the values."""
        for edit, layer in self.edits:
            weights = edit.weights(layer, weights)
        return weights

    def mixed(self, mixed: Tensor) -> Tensor:
        """The outputs of the heads that the model goes on with."""
        for edit, layer in self.edits:
            mixed = edit.mixed(layer, mixed)
        return mixed


class Editor(Recorder):
    """An open edit: it listens as a capture does, keeps nothing, and says if a block could not be changed."""

    def __init__(self, module: nn.Module, is_known: Callable[[nn.Module], object], edit: Edit) -> None:
        super().__init__(Network(module, is_known), Request(layers=edit.layers))
        self.edit = edit
        self.edited: set[int] = set()

    def keep(self, call: Call, found: Evidence, kind: str | None = None) -> None:
        """Note that the block was changed."""
        self.names.add(call.name)
        if self.wants(call.name):
            self.edited.add(self.network.number(call.name))

    def lose(self, call: Call, why: str) -> None:
        """A block that should be changed attends in a way that can't be."""
        if self.wants(call.name):
            raise CaptureError(f"{call.name}: want attention that can be changed, got {why}")

    def close(self) -> None:
        """Raise CaptureError if a block was to be changed and was not."""
        missing = sorted({*self.edit.layers} - self.edited)
        if missing:
            raise CaptureError(
                f"want attention of layers {', '.join(str(n + 1) for n in self.edit.layers)} that can be changed, got none "
                f"that could in {', '.join(str(n + 1) for n in missing)}"
            )


def of_block(who: Sequence[tuple[Recorder, Call]]) -> OfBlock | None:
    """What becomes of the block that is called; None if nothing does."""
    found = [(one.edit, one.network.number(call.name)) for one, call in who if isinstance(one, Editor)]
    mine = [(edit, number) for edit, number in found if number in edit.layers]
    return OfBlock(mine) if mine else None
