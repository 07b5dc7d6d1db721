"""What a network makes of the tokens behind its last block, on its own: the norm, the pool and the head, without the blocks."""

import copy
from collections.abc import Sequence

from torch import Tensor, nn


def with_tokens(module: nn.Module, blocks: Sequence[nn.Module], tokens: Tensor) -> nn.Module:
    """A view of a module in which every block gives `tokens`, whatever it is given; it shares all parameters.

    The module itself, which other threads use, stays as it is.

    Args:
        module: a network that calls its blocks one after the other.
        blocks: all of them.
        tokens: (batch, tokens, width).
    """
    replaced = {id(block) for block in blocks}

    def view(part: nn.Module) -> nn.Module:
        if id(part) in replaced:
            found = copy.copy(part)
            object.__setattr__(found, "forward", lambda *_, **__: tokens)
            return found
        children = {name: child if child is None else view(child) for name, child in part._modules.items()}
        if all(child is part._modules[name] for name, child in children.items()):
            return part
        found = copy.copy(part)
        object.__setattr__(found, "_modules", children)
        return found

    return view(module)
