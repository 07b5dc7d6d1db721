"""The tokens that pass between blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn

from vit_attention.capture.kinds import registering

_listeners: ContextVar[tuple[object, ...]] = ContextVar("sightlines_listeners", default=())


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

    with ExitStack() as handles:
        handles.callback(_listeners.reset, token)
        with registering:
            found = [block.register_forward_hook(left) for block in blocks]
            if before_first:
                found.append(blocks[0].register_forward_pre_hook(entered))
        handles.callback(_remove, found)
        yield


def _remove(handles: Sequence[Any]) -> None:
    with registering:
        for handle in handles:
            handle.remove()
