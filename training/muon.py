"""Muon (Jordan et al. 2024) for many small matrices at once: equal shapes share one Newton-Schulz iteration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest semi-orthogonal matrix of each of (n, rows, columns), roughly, by a quintic Newton-Schulz iteration."""
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised; for weight matrices only, batched by shape.

    One torch call per shape instead of one per matrix: at these sizes the overhead would cost more than the model.
    `in_proj_weight` of shape (3d, d) counts as three matrices.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.01):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape].append(p)
            for shape, params in by_shape.items():
                self._step_shape(group, shape, params)

    def _step_shape(self, group: dict, shape: torch.Size, params: list[Tensor]) -> None:
        for p in params:
            buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
            buffer.lerp_(p.grad, 1 - group["momentum"])
        grads = [p.grad for p in params if p.grad is not None]
        nesterov = torch.stack(
            [g.lerp(self.state[p]["momentum"], group["momentum"]) for p, g in zip(params, grads, strict=True)]
        )
        pieces = 3 if shape[0] == 3 * shape[1] else 1
        update = orthogonalise(nesterov.view(-1, shape[0] // pieces, shape[1])).view_as(nesterov)
        scale = 0.2 * max(shape[0] // pieces, shape[1]) ** 0.5
        for p, delta in zip(params, update, strict=True):
            p.mul_(1 - group["lr"] * group["weight_decay"]).add_(delta, alpha=-group["lr"] * scale)
