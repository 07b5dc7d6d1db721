"""Gradients for the few tokens that have one: behind the last block often the class token alone counts."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class FewTokens(TorchFunctionMode):
    """Spares linear layers and GELU of this thread's pass, whose parameters are frozen, the gradients of tokens without any.

    Which is most of the last block's MLP, where a class token is read, and about a twentieth of a pass of ViT-B/16.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        short = _SHORT.get(func)
        if short is None or kwargs or not spared(args):
            return func(*args, **(kwargs or {}))
        return short(*args)


def linear(given: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`, which spares tokens without a gradient."""
    found: Tensor = _linear(given, weight, bias)
    return found


def spared(args: Any) -> bool:
    """Whether the first of some arguments has a gradient, and none of the others, which are frozen parameters."""
    return bool(args[0].requires_grad) and not any(isinstance(one, Tensor) and one.requires_grad for one in args[1:])


def _of_few(gradient: Tensor, width: int, change: Callable[[Tensor, Tensor | slice], Tensor]) -> Tensor:
    """`change` for the tokens that have a gradient; zeros for all others."""
    rows = gradient.reshape(-1, gradient.shape[-1])
    some = rows.any(dim=-1).nonzero()[:, 0]
    if 2 * len(some) > len(rows):
        return change(rows, slice(None)).reshape(*gradient.shape[:-1], width)
    found = gradient.new_zeros(len(rows), width)
    found[some] = change(rows[some], some)
    return found.reshape(*gradient.shape[:-1], width)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return F.linear(given, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return _of_few(gradient, weight.shape[1], lambda rows, _: rows @ weight), None, None


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor) -> Tensor:
        ctx.save_for_backward(given)
        return F.gelu(given)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        given = ctx.saved_tensors[0].reshape(-1, gradient.shape[-1])
        return _of_few(gradient, gradient.shape[-1], lambda rows, some: torch.ops.aten.gelu_backward(rows, given[some]))


_linear: Callable[..., Any] = _Linear.apply
_SHORT: dict[Any, Callable[..., Any]] = {F.linear: linear, F.gelu: _Gelu.apply}
