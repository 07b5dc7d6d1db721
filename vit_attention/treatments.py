"""What it takes to read a kind of attention module, and the table of all kinds, open to one-call registration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn


class CaptureError(RuntimeError):
    """Captured weights do not reproduce their block's output, or a block cannot be captured."""


@dataclass(eq=False)
class Seen:
    """What one block did in one forward pass.

    Attributes:
        name: module path inside the captured module.
        layer: number of the block among the attention blocks, 0 first.
        kind: "self", "cross" or "window".
        weights: (batch, heads, queries, keys), detached; windows are folded into the batch, page by page.
        residual: largest absolute difference between the block's output and weights x values on the proved rows, in
            units of the output; None where the block offers no way to check.
        probe: with gradients, the tensor to differentiate by, of the same shape as all of the block's weights.
        parts: with parts, "query", "key", "value" of (batch, heads, tokens, head width).
    """

    name: str
    layer: int
    kind: str
    weights: Tensor
    residual: float | None
    probe: Tensor | None = None
    parts: dict[str, Tensor] = field(default_factory=dict)


@dataclass(eq=False)
class Reading:
    """What a treatment hands over: all weights, and the proof rows of the block's output beside their reconstruction.

    `selected` says that the weights are already those of the items asked for alone.
    """

    kind: str
    weights: Tensor
    own: Tensor | None = None
    rebuilt: Tensor | None = None
    probe: Tensor | None = None
    parts: dict[str, Tensor] = field(default_factory=dict)
    selected: bool = False


class Listener(Protocol):
    """The side of a capture that a treatment's hooks talk to."""

    notes: dict[str, Any]

    def listens(self) -> bool:
        """Whether the capture is open in this thread; hooks must do nothing if it is not."""

    def rows(self, count: int) -> Tensor:
        """Which of `count` rows to prove."""

    def items(self, count: int) -> Tensor | None:
        """Which of `count` entries of the batch are wanted; None for all."""

    @property
    def gradients(self) -> bool:
        """Whether the block's output must be rebuilt from a differentiable copy of the weights."""

    @property
    def parts(self) -> bool:
        """Whether queries, keys and values are wanted."""

    def keep(self, reading: Reading) -> None:
        """Take one block's reading."""


@dataclass(frozen=True)
class Treatment:
    """How one kind of attention module is captured.

    Attributes:
        kind: its name in messages.
        matches: whether a module is of this kind.
        attach: places hooks on a module that report to a listener; returns their handles. A hook may be called after
            its handle is gone and without keyword arguments (another thread may be in the middle of a forward pass),
            so it takes what it gets and asks `listens` first.
    """

    kind: str
    matches: Callable[[nn.Module], bool]
    attach: Callable[[nn.Module, Listener], list[Any]]


def differentiable(weights: Tensor) -> Tensor:
    """`weights` as a tensor that a score can be differentiated by, directly and through every later layer.

    Weights of a frozen model's first layer hang on nothing and become a leaf; later ones are in the graph already.
    """
    return weights if weights.requires_grad else weights.requires_grad_()


def attach_asking(block: nn.Module, ask: Callable[..., Any], read: Callable[..., Any]) -> list[Any]:
    """Hooks that let `ask(block, inputs, keyword inputs)` change a call, then call `read(block, inputs, output)`."""
    return [
        block.register_forward_pre_hook(ask, with_kwargs=True),
        # First in line: a capture inside another one gives the block's call back as the outer one asked for it.
        block.register_forward_hook(read, prepend=True),
    ]


def _remember(listener: Listener, name: str) -> Callable[..., None]:
    def remember(_module: nn.Module, _args: Any, output: Any) -> None:
        if listener.listens():
            listener.notes[name] = output

    return remember


def _remember_call(block: nn.Module, listener: Listener) -> Callable[..., None]:
    signature = inspect.signature(type(block).forward)

    def remember(_module: nn.Module, args: Any, kwargs: dict[str, Any] | None = None) -> None:
        if kwargs is not None and listener.listens():
            bound = signature.bind(block, *args, **kwargs).arguments
            listener.notes.clear()
            listener.notes["mask"] = bound.get("attention_mask")
            listener.notes["cross"] = bound.get("key_value_states") is not None
            listener.notes["cache"] = bound.get("past_key_values")

    return remember


def attach_reader(block: nn.Module, listener: Listener, noted: Sequence[str], read: Callable[..., Any]) -> list[Any]:
    """Hooks that note a block's mask and the outputs of its `noted` parts, then call `read(block, inputs, output)`."""
    return [
        block.register_forward_pre_hook(_remember_call(block, listener), with_kwargs=True),
        *(getattr(block, name).register_forward_hook(_remember(listener, name)) for name in noted),
        block.register_forward_hook(read, prepend=True),
    ]


def attach_call_reader(block: nn.Module, read: Callable[..., Any]) -> list[Any]:
    """A hook that calls `read(block, inputs, keyword inputs, output)`; a late call has no keyword inputs."""
    return [block.register_forward_hook(read, with_kwargs=True, prepend=True)]


TREATMENTS: list[Treatment] = []


def register(treatment: Treatment) -> None:
    """Add a kind of attention module; it is tried before those already known."""
    TREATMENTS.insert(0, treatment)


# They register themselves, so they need all of the above.
import vit_attention.treatments_aoanet  # noqa: E402
import vit_attention.treatments_mha  # noqa: E402
import vit_attention.treatments_projections  # noqa: E402
import vit_attention.treatments_swin  # noqa: E402, F401
