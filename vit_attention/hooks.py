"""The only hooks of the project: attention weights of any block, proved against the block's own output."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn

from vit_attention.treatments import TREATMENTS, CaptureError, Reading, Seen, Treatment

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-8, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""Largest residual allowed, by the output's precision, relative to its largest entry (at least 1)."""

_active: ContextVar[tuple[Recorder, ...]] = ContextVar("sightlines_recorders", default=())
_listeners: ContextVar[tuple[object, ...]] = ContextVar("sightlines_listeners", default=())
# torch hands out hook numbers without a lock; two threads that register at once could get the same one.
_registering = threading.Lock()
_CALLED_ATTENTION = re.compile(r"(?<!On)Attention$")  # a gate is called "attention on attention"
_looked_at: WeakSet[nn.Module] = WeakSet()


@dataclass(frozen=True)
class Request:
    """What to keep; the defaults keep everything.

    Attributes:
        layers: numbers of the attention blocks, in forward order, 0 first; None keeps all.
        heads, queries: heads and rows to keep of each; None keeps all.
        half: keep weights in float16.
        gradients: make the weights part of the graph, so that a score can be differentiated by them.
        parts: keep the queries, keys and values too.
        proof_rows: rows on which the parity proof runs; None proves every row.
        items: entries of the batch to keep (windows of Swin, beams); None keeps all.
    """

    layers: Sequence[int] | None = None
    heads: Sequence[int] | None = None
    queries: Sequence[int] | None = None
    half: bool = False
    gradients: bool = False
    parts: bool = False
    proof_rows: int | None = 4
    items: Sequence[int] | None = None


class Recorder:
    """One open capture: which modules it listens to and what it has heard. Belongs to one call, in one thread."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.seen: list[Seen] = []

    def listens(self) -> bool:
        return any(one is self for one in _active.get())


@contextmanager
def capture(module: nn.Module, request: Request | None = None, **wanted: Any) -> Iterator[list[Seen]]:
    """Collect the attention weights of every block of `module` that runs while the `with` is open.

    Works on any model built from `torch.nn.MultiheadAttention`, from attention of the transformers library with separate
    q_proj, k_proj and v_proj, from Swin's windows (both libraries), from AoANet's attention, or from a kind added with
    `vit_attention.treatments.register`; blocks of other kinds are left out with a warning. Only forward passes of this
    thread count, so that many threads may capture one shared model at the same time. Hooks, modes and gradients are
    left as found, however the block ends.

    Args:
        module: any torch module.
        request: what to keep; or its fields as keywords: ``capture(model, layers=[11], half=True)``.

    Yields:
        A list that gains one `Seen` per block, in forward order: ``.name``, ``.weights`` (batch, heads, queries, keys),
        ``.residual`` (largest absolute difference between the block's own output and weights x values).

    Raises:
        CaptureError: no attention block in `module`; or weights that do not reproduce a block's output.
    """
    recorder = Recorder(request or Request(**wanted))
    blocks = attention_blocks(module)
    if not blocks:
        kinds = ", ".join(t.kind for t in TREATMENTS)
        raise CaptureError(f"no attention block found in {type(module).__name__}: want one of: {kinds}")
    _warn_of_others(module, blocks)
    chosen = _chosen(blocks, recorder.request.layers)
    handles: list[Any] = []
    token = _active.set((*_active.get(), recorder))
    try:
        with _registering:
            for depth, (name, block, treatment) in chosen:
                handles += treatment.attach(block, _Block(recorder, name, depth))
        yield recorder.seen
    finally:
        _active.reset(token)
        with _registering:
            for handle in handles:
                handle.remove()


def attention_blocks(module: nn.Module) -> list[tuple[str, nn.Module, Treatment]]:
    """(path, block, treatment) of every attention block inside `module`, in registration order."""
    found = []
    for name, child in module.named_modules():
        treatment = next((t for t in TREATMENTS if t.matches(child)), None)
        if treatment is not None:
            found.append((name, child, treatment))
    return found


def _warn_of_others(module: nn.Module, blocks: list[tuple[str, nn.Module, Treatment]]) -> None:
    """Say once for each module which of its parts are called attention and are of no known kind."""
    if module in _looked_at:
        return
    _looked_at.add(module)
    known = [name for name, _, _ in blocks]
    others = {
        type(child).__name__
        for name, child in module.named_modules()
        if _CALLED_ATTENTION.search(type(child).__name__)
        and not any(_holds(name, one) or _holds(one, name) for one in known)
    }
    if others:
        warnings.warn(
            f"capture: {', '.join(sorted(others))} of {type(module).__name__} are of no known kind and are left out",
            stacklevel=4,
        )


def _holds(path: str, other: str) -> bool:
    """Whether the module at `path` is the one at `other` or has it inside; the root's path is empty."""
    return not path or other == path or other.startswith(f"{path}.")


def _chosen(blocks: list[Any], layers: Sequence[int] | None) -> list[tuple[int, Any]]:
    numbered = list(enumerate(blocks))
    if layers is None:
        return numbered
    if not len(layers):
        raise ValueError("layers: want at least one number, got none")
    wrong = [n for n in layers if not 0 <= n < len(blocks)]
    if wrong:
        raise ValueError(f"layers: want numbers from 0 to {len(blocks) - 1}, got {wrong}")
    return [numbered[n] for n in sorted(set(layers))]


@dataclass
class _Block:
    """What the hooks of one block share with the capture that placed them: the `Listener` of its treatment."""

    recorder: Recorder
    name: str
    layer: int
    notes: dict[str, Any] = field(default_factory=dict)

    def listens(self) -> bool:
        return self.recorder.listens()

    @property
    def gradients(self) -> bool:
        return self.recorder.request.gradients

    @property
    def parts(self) -> bool:
        return self.recorder.request.parts

    def rows(self, count: int) -> Tensor:
        """Rows to prove, spread evenly from the first to the last."""
        wanted = self.recorder.request.proof_rows
        return torch.arange(count) if wanted is None else torch.linspace(0, count - 1, min(wanted, count)).long()

    def items(self, count: int) -> Tensor | None:
        """The entries of a batch of `count` that were asked for; None for all."""
        wanted = self.recorder.request.items
        return None if wanted is None else _numbers("items", wanted, count)

    def keep(self, reading: Reading) -> None:
        """Store one block's reading; refuses it if its weights do not reproduce the block's output."""
        request = self.recorder.request
        residual = self._prove(reading)
        weights = _select(reading.weights, request, None if reading.selected else request.items)
        if request.half:
            weights = weights.half()
        one = Seen(self.name, self.layer, reading.kind, weights, residual, reading.probe, reading.parts)
        self.recorder.seen.append(one)

    def _prove(self, reading: Reading) -> float | None:
        if reading.own is None or reading.rebuilt is None:
            return None
        own, rebuilt = reading.own.detach().float(), reading.rebuilt.detach().float()
        residual = float((own - rebuilt).abs().max())
        # Relative: a block whose output is small would pass with any weights.
        allowed = TOLERANCE.get(reading.own.dtype, 1e-4) * float(own.abs().max())
        if not residual <= allowed:  # NaN fails as well
            raise CaptureError(
                f"{self.name}: weights x values miss the block's own output by {residual:.2g} (allowed {allowed:.2g}). "
                "Either the block does more than softmax(QK) (rotary positions, dropout in training mode), which this "
                "capture does not know, or its output was changed by someone else's hook."
            )
        return residual


def _select(weights: Tensor, request: Request, items: Sequence[int] | None) -> Tensor:
    """The items, heads and rows asked for; a copy only where something is left out."""
    for dim, (name, wanted) in enumerate((("items", items), ("heads", request.heads), ("queries", request.queries))):
        if wanted is not None:
            weights = weights.index_select(dim, _numbers(name, wanted, weights.shape[dim]).to(weights.device))
    return weights


def _numbers(name: str, wanted: Sequence[int], count: int) -> Tensor:
    if not len(wanted):
        raise ValueError(f"{name}: want at least one number, got none")
    wrong = [n for n in wanted if not 0 <= n < count]
    if wrong:
        raise ValueError(f"{name}: want numbers from 0 to {count - 1}, got {wrong}")
    return torch.as_tensor(list(wanted), dtype=torch.long)


@contextmanager
def listening(
    blocks: Sequence[nn.Module], hear: Callable[[Tensor], None], before_first: bool = False
) -> Iterator[None]:
    """Call `hear` with the tokens that leave each block (and those that enter the first) in this thread's forward pass.

    Args:
        blocks: transformer blocks whose first input and first output are (batch, tokens, width).
        hear: takes one (batch, tokens, width) tensor at a time, in forward order.
        before_first: hear what enters the first block, too.
    """
    here = object()
    token = _listeners.set((*_listeners.get(), here))

    def left(_module: nn.Module, _args: Any, output: Any) -> None:
        if any(one is here for one in _listeners.get()):
            hear(output[0] if isinstance(output, tuple) else output)

    def entered(_module: nn.Module, args: Any, *_: Any) -> None:
        if args and any(one is here for one in _listeners.get()):
            hear(args[0])

    handles: list[Any] = []
    try:
        with _registering:
            handles += [block.register_forward_hook(left) for block in blocks]
            if before_first:
                handles.append(blocks[0].register_forward_pre_hook(entered))
        yield
    finally:
        _listeners.reset(token)
        with _registering:
            for handle in handles:
                handle.remove()
