"""Attention modules of people's own, added with one call: for those that no function of PyTorch gives away."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from vit_attention.capture.place import Call, Network
from vit_attention.capture.seen import CaptureError, Reading, Request

Take = str | Callable[..., Tensor]
# torch hands out hook numbers without a lock; two threads that register at once could get the same one.
registering = threading.Lock()


@dataclass(frozen=True)
class Kind:
    """How a class of modules is read; the fields are `register_kind`'s arguments."""

    module_type: type[nn.Module]
    weights: Take
    kind: str
    values: Take | None
    project: str | None


KINDS: list[Kind] = []


class _Recorder(Protocol):
    network: Network
    request: Request

    def keep(self, call: Call, kind: str, reading: Reading) -> None: ...


def register_kind(
    module_type: type[nn.Module],
    weights: Take = "attn",
    kind: str = "self",
    values: Take | None = None,
    project: str | None = None,
) -> None:
    """Make every module of a type count as attention, until the process ends.

    Only needed for modules that neither call PyTorch's attention nor multiply values by a softmax: those are heard anyway.

    Args:
        module_type: the attention module's class.
        weights: the attribute in which a module keeps the weights of its last call; or a function of the module, its
            output and, if it takes a third argument, its inputs by name, that returns them: (batch, heads, queries,
            keys), or (batch, queries, keys) of a single head.
        kind: "self" where tokens look at each other, "cross" where they look at something else.
        values: as `weights`, what the weights multiply: (batch, heads, keys, width), or (batch, keys, width). With it
            weights x values, heads side by side, must be the module's output, or it is refused; without it nothing
            proves the weights and the record's residual is None.
        project: name of the layer inside the module through which the mixed values go before they are its output.

    >>> import torch
    >>> import vit_attention as va
    >>> class Mean(nn.Module):
    ...     def forward(self, x):
    ...         self.attn = torch.full((len(x), 1, x.shape[1], x.shape[1]), 1 / x.shape[1])
    ...         return self.attn[:, 0] @ x
    >>> va.register_kind(Mean, values=lambda module, output, inputs: inputs["x"])
    >>> module = Mean()
    >>> with va.capture(module) as seen:
    ...     _ = module(torch.ones(1, 4, 2))
    >>> seen[0].weights.shape, seen[0].residual
    (torch.Size([1, 1, 4, 4]), 0.0)
    """
    KINDS.insert(0, Kind(module_type, weights, kind, values, project))


def is_registered(module: nn.Module) -> bool:
    """Whether a registered kind speaks for this module."""
    return any(isinstance(module, one.module_type) for one in KINDS)


@contextmanager
def attached(recorder: _Recorder, listens: Callable[[], bool]) -> Iterator[None]:
    """Hooks on the modules of registered kinds, gone when the block ends; they do nothing unless this thread `listens`."""
    with ExitStack() as handles:
        for name, part in recorder.network.parts if KINDS else ():
            how = next((one for one in KINDS if isinstance(part, one.module_type)), None)
            if how is None:
                continue
            with registering:
                handle = part.register_forward_hook(_hook(recorder, listens, name, how), with_kwargs=True, prepend=True)
            handles.callback(_remove, handle)
        yield


def _remove(handle: Any) -> None:
    with registering:
        handle.remove()


def _hook(recorder: _Recorder, listens: Callable[[], bool], name: str, how: Kind) -> Callable[..., None]:
    def read(module: nn.Module, args: Any, *rest: Any) -> None:
        if len(rest) != 2 or not listens():  # a late call, after the handle is gone, has no keyword inputs
            return
        inputs = dict(inspect.signature(module.forward).bind(*args, **rest[0]).arguments)
        weights = _taken("weights", module, how.weights, rest[1], inputs)
        reading = Reading(weights)
        if how.values is not None:
            values = _taken("values", module, how.values, rest[1], inputs)
            mixed = (weights @ values).transpose(1, 2).flatten(2)
            out = rest[1][0] if isinstance(rest[1], tuple) else rest[1]
            rebuilt = mixed if how.project is None else module.get_submodule(how.project)(mixed)
            if rebuilt.shape != out.shape:
                raise CaptureError(
                    f"{name}: weights x values have shape {tuple(rebuilt.shape)}, the output {tuple(out.shape)}; name the "
                    "layer between them with project="
                )
            rows = recorder.request.rows(out.shape[1])
            reading = Reading(weights, out[:, rows], rebuilt[:, rows])
        recorder.keep(Call(name, module, None), how.kind, reading)

    return read


def _taken(what: str, module: nn.Module, take: Take, output: Any, inputs: dict[str, Any]) -> Tensor:
    if isinstance(take, str):
        found = getattr(module, take, None)
    else:
        given = (module, output, inputs)
        found = take(*given[: 3 if len(inspect.signature(take).parameters) > 2 else 2])
    if not isinstance(found, Tensor) or found.ndim not in (3, 4):
        came = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        where = f"in {take!r} " if isinstance(take, str) else ""
        last = "keys" if what == "weights" else "width"
        raise CaptureError(
            f"{type(module).__name__}: want {what} {where}of shape (batch, heads, {'queries, keys' if last == 'keys' else 'keys, width'}) after a call, got {came}"
        )
    return (found if found.ndim == 4 else found[:, None]).detach()
