"""Eight-bit rounding of a network's matrices that keeps what they compute, not what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vit_attention.weights.eight_bits import SCALE

DAMPING = 0.01
"""Of the mean diagonal, added to it: inputs that never vary leave the matrix without an inverse."""
LEAST = 5_000
"""Numbers of the smallest matrix that is worth rounding."""


class _Inputs(TorchFunctionMode):
    """Adds up the products of what every matrix is multiplied with, while it is the active mode."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.names = {id(one): name for name, one in module.named_parameters()}
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The same call; of linear layers and filters, the inputs are counted."""
        if func in (nn.functional.linear, torch.conv2d) and id(args[1]) in self.names:
            self.count(self.names[id(args[1])], args[0], args[1])
        return func(*args, **(kwargs or {}))

    def count(self, name: str, x: Tensor, weight: Tensor) -> None:
        """Add the inputs of one call."""
        if weight.ndim == 4:  # patches that do not overlap are a linear layer on their pixels
            sides = (weight.shape[2], weight.shape[3])
            x = nn.functional.unfold(x, sides, stride=sides).transpose(1, 2)
        x = x.reshape(-1, x.shape[-1]).double()
        self.sums[name] = self.sums.get(name, torch.zeros(())) + x.T @ x
        self.counts[name] = self.counts.get(name, 0) + len(x)


def inputs_of(module: nn.Module, run: Callable[[], None]) -> dict[str, Tensor]:
    """(inputs, inputs) mean product of every two inputs of each matrix, by its name, over what `run` passes through."""
    with torch.inference_mode(), _Inputs(module) as heard:
        run()
    return {name: one / heard.counts[name] for name, one in heard.sums.items()}


def rounded(matrix: Tensor, products: Tensor) -> tuple[Tensor, Tensor]:
    """8-bit numbers of a matrix, of its shape, and the half-precision scale of each row.

    GPTQ (Frantar et al. 2023, arXiv:2210.17323, section 3): columns are rounded one after the other, and what rounding
    one changes in the output is made up for, as well as can be, in those that follow.

    Args:
        matrix: (outputs, inputs...).
        products: (inputs, inputs), as from `inputs_of`.
    """
    rest = matrix.detach().flatten(1).double().clone()
    scale = (rest.abs().amax(1) / 127).half()
    step = scale.double().clamp(min=1e-12)
    damped = products + DAMPING * products.diagonal().mean() * torch.eye(len(products), dtype=products.dtype)
    upper = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    numbers = torch.zeros_like(rest)
    for i in range(rest.shape[1]):
        numbers[:, i] = (rest[:, i] / step).round().clamp(-127, 127)
        missed = (rest[:, i] - numbers[:, i] * step) / upper[i, i]
        rest[:, i:] -= missed[:, None] * upper[i, i:]
    return numbers.to(torch.int8).view_as(matrix), scale


def packed(state: Iterable[tuple[str, Tensor]], products: dict[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors as `eight_bits.unpacked` reads them: large matrices in 8 bits, all else in half precision."""
    found: dict[str, Tensor] = {}
    for name, one in state:
        if name in products and one.numel() >= LEAST:
            found[name], found[name + SCALE] = rounded(one, products[name])
        else:
            found[name] = one.half() if one.is_floating_point() else one
    return {name: one.contiguous() for name, one in found.items()}
