"""Heads turned down, off, up or over: their outputs multiplied before they are joined."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from vit_attention.capture import Edit, editing
from vit_attention.changes.base import Change, Inside, digest
from vit_attention.gate import GateError, shown

_NAMED = 4
"""Heads that are named in words; of more the number is told."""


class HeadGains(Change):
    """The output of every head times a gain: 1 leaves it, 0 switches it off, -1 turns it over.

    What is multiplied is weights x values of the head, before the heads are joined and projected (head ablation: Michel,
    Levy & Neubig 2019, arXiv:1905.10650, section 2.2). With `means` the gain is that of the difference from the head's mean output,
    so that 0 puts the mean in its place (mean ablation), and 1 leaves the head all the same.

    Args:
        gains: by (layer, head), counted from 0, others stay; or an array of (layers, heads); or of (variants, layers, heads), of
            which each is for one input of a batch.
        means: (layers, heads, tokens, head width) mean outputs, as `EncoderModel.head_means` gives them; None for zeros.

    Raises:
        GateError: gains that are not finite, or arrays of another shape. Heads that the model does not have are refused when
            it is known.
    """

    def __init__(
        self, gains: Mapping[tuple[int, int], float] | ArrayLike, means: NDArray[np.floating] | None = None
    ) -> None:
        self.by_head = {**gains} if isinstance(gains, Mapping) else None
        self.array = None if isinstance(gains, Mapping) else np.asarray(gains, np.float64)
        values = np.array([*self.by_head.values()], np.float64) if self.by_head is not None else self.array
        if values is None or not np.isfinite(values).all():
            raise GateError("gains", "finite numbers", shown(gains))
        if self.array is not None and self.array.ndim not in (2, 3):
            raise GateError("gains", "(layers, heads) or (variants, layers, heads)", f"shape {self.array.shape}")
        if means is not None and np.ndim(means) != 4:
            raise GateError("means", "(layers, heads, tokens, head width)", f"shape {np.shape(means)}")
        self.means = means

    @property
    def text(self) -> str:
        """Which heads, times what.

        >>> HeadGains({(7, 2): 0.0}).text
        'head 3 of layer 8 x 0'
        """
        named = self.by_head
        if named is None:
            assert self.array is not None
            if self.array.ndim == 3:
                return f"{len(self.array)} sets of head gains {digest(self.array)}{self._middle}"
            named = {(int(at[0]), int(at[1])): float(one) for at, one in np.ndenumerate(self.array) if one != 1}
        words = [f"head {head + 1} of layer {layer + 1} x {gain:g}" for (layer, head), gain in named.items()]
        more = f" and {len(words) - _NAMED} more {digest(np.array([*named.items()], object))}" * (len(words) > _NAMED)
        return (", ".join(words[:_NAMED]) + more or "no head changed") + self._middle

    @property
    def _middle(self) -> str:
        return "" if self.means is None else f" around its mean output {digest(self.means)}"

    def during(self, inside: Inside) -> AbstractContextManager[Any]:
        """A context in which the heads are turned."""
        gains = self._gains(inside)
        changed = [n for n in range(len(inside.blocks)) if (gains[:, n] != 1).any()]
        if self.means is not None and self.means.shape[:2] != gains.shape[1:]:
            raise GateError("means", f"(layers, heads) {gains.shape[1:]} first", f"shape {self.means.shape}")

        def mixed(layer: int, output: Tensor) -> Tensor:
            if len(gains) not in (1, len(output)):
                raise GateError("gains", f"one set, or {len(output)} as the inputs of the batch", f"{len(gains)}")
            by = torch.from_numpy(gains[:, layer, :, None, None]).to(output)
            if self.means is None:
                return output * by
            mean = torch.as_tensor(self.means[layer]).to(output)
            if mean.shape != output.shape[1:]:
                raise GateError("means", f"of shape {tuple(output.shape[1:])} each layer", f"{tuple(mean.shape)}")
            return mean + (output - mean) * by

        return editing(inside.tower, Edit(changed, mixed=mixed)) if changed else nullcontext()

    def _gains(self, inside: Inside) -> NDArray[np.float64]:
        """(variants, layers, heads)."""
        shape = (len(inside.blocks), inside.heads)
        if self.array is not None:
            if self.array.shape[-2:] != shape:
                raise GateError("gains", f"(layers, heads) {shape}", f"shape {self.array.shape}")
            return self.array.reshape(-1, *shape)
        found = np.ones((1, *shape))
        for at, gain in (self.by_head or {}).items():
            layer, head = at if isinstance(at, tuple) and len(at) == 2 else (-1, -1)
            if not (layer in range(shape[0]) and head in range(shape[1])):
                raise GateError("head", f"(layer, head) below {shape}, counted from 0", shown(at))
            found[0, layer, head] = gain
        return found
