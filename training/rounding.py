"""Eight-bit rounding of a network's matrices that keeps what they compute, not what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from vit_attention.weights.eight_bits import SCALE

DAMPING = 0.01
"""Of the mean diagonal, added to it: inputs that never vary leave the matrix without an inverse."""
LEAST = 5_000
"""Numbers of the smallest matrix that is worth rounding."""


def inputs_of(module: nn.Module, run: Callable[[], None]) -> dict[str, Tensor]:
    """(inputs, inputs) mean product of every two inputs of each matrix, by its name, over what `run` passes through."""
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}

    def listen(name: str, layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        x = given[0].detach()
        if isinstance(layer, nn.Conv2d):  # patches that do not overlap are a linear layer on their pixels
            x = nn.functional.unfold(x, layer.kernel_size, stride=layer.stride).transpose(1, 2)
        x = x.reshape(-1, x.shape[-1]).double()
        sums[name] = sums.get(name, torch.zeros(())) + x.T @ x
        counts[name] = counts.get(name, 0) + len(x)

    layers = [
        (f"{name}.weight", one) for name, one in module.named_modules() if isinstance(one, (nn.Linear, nn.Conv2d))
    ]
    hooks = [
        one.register_forward_pre_hook(lambda layer, given, name=name: listen(name, layer, given))
        for name, one in layers
    ]
    try:
        with torch.inference_mode():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return {name: one / counts[name] for name, one in sums.items()}


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
