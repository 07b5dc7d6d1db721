"""What a network makes of the tokens behind its last block, on its own: the norm, the pool and the head, without the blocks."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

Forward = Callable[..., Any]


def with_tokens(module: nn.Module, blocks: Sequence[nn.Module], tokens: Tensor, in_tuple: bool = False) -> nn.Module:
    """A view of a module in which every block gives `tokens`, whatever it is given; it shares all parameters.

    The module itself, which other threads use, stays as it is.

    Args:
        module: a network that calls its blocks one after the other.
        blocks: all of them.
        tokens: (batch, tokens, width).
        in_tuple: whether its blocks give a tuple that begins with their tokens; `in_tuples` tells.
    """
    out = (tokens, None) if in_tuple else tokens
    return _view(module, blocks, lambda _: lambda *_, **__: out)


def in_tuples(module: nn.Module, blocks: Sequence[nn.Module], run: Callable[[nn.Module], Any]) -> bool:
    """Whether the blocks of a module give tuples, as one pass shows; a view of the module is run, not itself.

    Args:
        module, blocks: as for `with_tokens`.
        run: carries out a pass of the module that it is given, which may be short.
    """
    found: list[bool] = []

    def noting(block: nn.Module) -> Forward:
        def forward(*args: Any, **named: Any) -> Any:
            out = block(*args, **named)
            found.append(isinstance(out, tuple))
            return out

        return forward

    run(_view(module, blocks, noting))
    return any(found)


def _view(module: nn.Module, blocks: Sequence[nn.Module], forward: Callable[[nn.Module], Forward]) -> nn.Module:
    """A copy of a module, parameters shared, whose blocks have another `forward`."""
    replaced = {id(block) for block in blocks}

    def view(part: nn.Module) -> nn.Module:
        if id(part) in replaced:
            found = copy.copy(part)
            object.__setattr__(found, "forward", forward(part))
            return found
        children = {name: child if child is None else view(child) for name, child in part._modules.items()}
        if all(child is part._modules[name] for name, child in children.items()):
            return part
        found = copy.copy(part)
        object.__setattr__(found, "_modules", children)
        return found

    return view(module)
