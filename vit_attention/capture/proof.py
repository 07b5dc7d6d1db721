"""The proof that captured weights are the ones in use: weights x values against what PyTorch itself computed."""

from __future__ import annotations

import torch
from torch import Tensor

from vit_attention.capture.seen import CaptureError

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-8, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""Largest residual allowed, by the precision of what PyTorch computed, relative to its largest entry."""


def prove(name: str, own: Tensor, rebuilt: Tensor) -> float:
    """The largest absolute difference of two tensors.

    Raises:
        CaptureError: it is more than `TOLERANCE` allows. Relative, since a block whose values are small would pass with
            any weights.
    """
    if not own.numel():
        return 0.0
    mine, theirs = rebuilt.detach(), own.detach()
    if mine.dtype != theirs.dtype or mine.dtype in (torch.float16, torch.bfloat16):
        mine, theirs = mine.float(), theirs.float()
    residual = float((mine - theirs).abs().max())
    allowed = TOLERANCE.get(own.dtype, 1e-4) * float(theirs.abs().max())
    if not residual <= allowed:  # NaN fails as well
        raise CaptureError(
            f"{name}: weights x values miss what PyTorch computed by {residual:.2g} (allowed {allowed:.2g}). Its values "
            "may hold infinite numbers, or a function between softmax and values changes the weights."
        )
    return residual
