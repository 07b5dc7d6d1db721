"""What hooks on modules hear: kinds of attention of people's own, added with one call, and tokens between blocks."""

import copy
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vit_attention.capture.place import Call
from vit_attention.capture.recorder import Recorder
from vit_attention.capture.seen import CaptureError, Evidence

Take = str | Callable[..., Tensor]
# torch hands out hook numbers without a lock; two threads that register at once could get the same one.
_registering = threading.Lock()


@dataclass(frozen=True)
class Kind:
    """How a class of modules is read; the fields are `register_kind`'s arguments."""

    module_type: type[nn.Module]
    weights: Take
    kind: str
    values: Take | None
    project: str | None


KINDS: list[Kind] = []


def register_kind(
    module_type: type[nn.Module],
    weights: Take = "attn",
    kind: str = "self",
    values: Take | None = None,
    project: str | None = None,
) -> None:
    """Register a module type as attention until the process ends.

    Needed only for modules that neither call PyTorch's attention nor multiply values by a softmax.

    Args:
        module_type: the attention module's class.
        weights: name of the attribute that holds the weights of the last call; or a function of the module, its
            output and, if it takes a third argument, its inputs by name, that returns them: (batch, heads, queries,
            keys), or (batch, queries, keys) of a single head.
        kind: "self" if tokens attend to each other, "cross" if they attend to something else.
        values: like `weights`, the values: (batch, heads, keys, width), or (batch, keys, width). If given, weights x
            values with heads concatenated must equal the module's output, or CaptureError is raised; without it
            the weights are not checked and the residual is None.
        project: name of the layer inside the module that is applied to the weighted values to give its output.

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


def registered(module: nn.Module) -> Kind | None:
    """The registered kind that speaks for this module, if there is one."""
    return next((one for one in KINDS if isinstance(module, one.module_type)), None)


@contextmanager
def _hooked(register: Callable[[], Sequence[Any]]) -> Iterator[None]:
    """The hooks that `register` sets, gone when the block ends."""
    with _registering:
        handles = register()
    try:
        yield
    finally:
        with _registering:
            for handle in handles:
                handle.remove()


def attached(recorder: Recorder, listens: Callable[[], bool]) -> AbstractContextManager[None]:
    """Hooks on the modules of registered kinds; they do nothing unless this thread `listens`."""

    def register() -> list[Any]:
        found = ((name, part, registered(part)) for name, part in recorder.network.parts.items())
        hooks = [(part, _hook(recorder, listens, name, how)) for name, part, how in found if how is not None]
        return [part.register_forward_hook(hook, with_kwargs=True, prepend=True) for part, hook in hooks]

    return _hooked(register)


def _hook(recorder: Recorder, listens: Callable[[], bool], name: str, how: Kind) -> Callable[..., None]:
    def read(module: nn.Module, args: Any, *rest: Any) -> None:
        if len(rest) != 2 or not listens():  # a late call, after the handle is gone, has no keyword inputs
            return
        inputs = dict(inspect.signature(module.forward).bind(*args, **rest[0]).arguments)
        weights = _taken("weights", module, how.weights, rest[1], inputs)
        found = Evidence(weights)
        if how.values is not None:
            values = _taken("values", module, how.values, rest[1], inputs)
            out = rest[1][0] if isinstance(rest[1], tuple) else rest[1]
            rebuilt = (weights @ values).transpose(1, 2).flatten(2)
            if how.project is not None:
                rebuilt = module.get_submodule(how.project)(rebuilt)
            if rebuilt.shape != out.shape:
                raise CaptureError(
                    f"{name}: weights x values have shape {tuple(rebuilt.shape)}, the output {tuple(out.shape)}; name the "
                    "layer between them with project="
                )
            found = Evidence(weights, lambda rows: (out[:, rows], rebuilt[:, rows]))
        recorder.keep(Call(name, module, None), found, how.kind)

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
        axes = "queries, keys" if what == "weights" else "keys, width"
        raise CaptureError(
            f"{type(module).__name__}: want {what} {where}of shape (batch, heads, {axes}) after a call, got {came}"
        )
    return (found if found.ndim == 4 else found[:, None]).detach()


def given_to(module: nn.Module, hear: Callable[[Tensor], None]) -> AbstractContextManager[None]:
    """Call `hear` with every tensor that this thread gives to `module`, before it runs."""
    mine = threading.get_ident()

    def entered(_module: nn.Module, args: Any, kwargs: Any) -> None:
        for one in (*args, *kwargs.values()) if threading.get_ident() == mine else ():
            if isinstance(one, Tensor):
                hear(one)

    return _hooked(lambda: [module.register_forward_pre_hook(entered, with_kwargs=True)])


def replaced(module: nn.Module, output: Tensor) -> AbstractContextManager[None]:
    """What `module` gives in this thread is `output`, whatever it computes."""
    mine = threading.get_ident()

    def left(_module: nn.Module, _args: Any, _output: Any) -> Tensor | None:
        return output if threading.get_ident() == mine else None

    return _hooked(lambda: [module.register_forward_hook(left)])


def listening(
    blocks: Sequence[nn.Module], hear: Callable[[Tensor], None], before_first: bool = False
) -> AbstractContextManager[None]:
    """Call `hear` with the tokens that leave each block (and those that enter the first) in this thread's forward pass.

    Args:
        blocks: transformer blocks whose first input and first output are (batch, tokens, width).
        hear: takes one (batch, tokens, width) tensor at a time, in forward order.
        before_first: hear what enters the first block, too.
    """
    mine = threading.get_ident()

    def left(_module: nn.Module, _args: Any, output: Any) -> None:
        if threading.get_ident() == mine:
            hear(output[0] if isinstance(output, tuple) else output)

    begun: list[bool] = []

    def entered(_module: nn.Module, args: Any, *_: Any) -> None:
        # A block that is used again and again is the first only once.
        if args and not begun and threading.get_ident() == mine:
            begun.append(True)
            hear(args[0])

    def register() -> list[Any]:
        first = blocks[:1] if before_first else ()
        after = [block.register_forward_hook(left) for block in blocks]
        return [block.register_forward_pre_hook(entered) for block in first] + after

    return _hooked(register)


def leaf_at(module: nn.Module, hear: Callable[[Tensor], None], entering: bool = False) -> AbstractContextManager[None]:
    """Cut the graph in this thread's passes where a tensor leaves `module`, so that gradients are recorded from there on.

    Args:
        module: its first output, or its first input, is a tensor.
        hear: takes the leaf, a tensor of the same values to differentiate by.
        entering: cut where the tensor enters.
    """
    mine = threading.get_ident()

    def cut(given: Tensor) -> Tensor:
        leaf = given.detach().requires_grad_()
        hear(leaf)
        return leaf

    def left(_module: nn.Module, _args: Any, output: Any) -> Any:
        if threading.get_ident() != mine:
            return None
        return (cut(output[0]), *output[1:]) if isinstance(output, tuple) else cut(output)

    def entered(_module: nn.Module, args: Any) -> Any:
        return (cut(args[0]), *args[1:]) if threading.get_ident() == mine else None

    if entering:
        return _hooked(lambda: [module.register_forward_pre_hook(entered)])
    return _hooked(lambda: [module.register_forward_hook(left)])


def with_token(blocks: Sequence[nn.Module], at: int) -> AbstractContextManager[None]:
    """In this thread's passes one token more goes through the blocks, which enters the first as zeros and leaves behind the last.

    Args:
        blocks: transformer blocks whose first input and first output are (batch, tokens, width).
        at: its number among the tokens.
    """
    mine = threading.get_ident()

    def entered(_module: nn.Module, args: Any) -> Any:
        if threading.get_ident() != mine or not args:
            return None
        tokens = args[0]
        return (torch.cat([tokens[:, :at], torch.zeros_like(tokens[:, :1]), tokens[:, at:]], dim=1), *args[1:])

    def left(_module: nn.Module, _args: Any, output: Any) -> Any:
        if threading.get_ident() != mine:
            return None
        tokens = output[0] if isinstance(output, tuple) else output
        without = torch.cat([tokens[:, :at], tokens[:, at + 1 :]], dim=1)
        return (without, *output[1:]) if isinstance(output, tuple) else without

    def register() -> list[Any]:
        # Who listens to the first block hears the token too, and who listens to the last still does.
        first = blocks[0].register_forward_pre_hook(entered, prepend=True)
        return [first, blocks[-1].register_forward_hook(left)]

    return _hooked(register)


def changed_input(module: nn.Module, change: Callable[[Tensor], Tensor]) -> AbstractContextManager[None]:
    """What this thread gives `module` first is ``change`` of it."""
    mine = threading.get_ident()

    def entered(_module: nn.Module, args: Any) -> Any:
        return (change(args[0]), *args[1:]) if threading.get_ident() == mine and args else None

    return _hooked(lambda: [module.register_forward_pre_hook(entered)])


def copied(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """A deep copy of a module without the hooks that passes of this library have on it at this moment.

    Args:
        module: may run in other threads meanwhile.
        memo: as for `copy.deepcopy`; tensors in it are shared.
    """
    with _registering:
        found = copy.deepcopy(module, memo)
    for part in found.modules():
        for hooks in (part._forward_hooks, part._forward_pre_hooks):
            for number in [n for n, hook in hooks.items() if getattr(hook, "__module__", "") == __name__]:
                del hooks[number]
    return found
