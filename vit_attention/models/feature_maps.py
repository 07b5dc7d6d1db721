"""What lies on a grid while a network looks at one picture: feature maps, heard in this thread and changed in chosen cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_MAKERS = ("conv2d", "unfold", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d")


@dataclass(frozen=True)
class Change:
    """What is different in a run.

    Attributes:
        pixels: the input.
        number: which feature map is changed; -1 for none.
        mask: (rows, columns) cells of it.
    """

    pixels: Tensor
    number: int = -1
    mask: Tensor | None = None


@dataclass(frozen=True)
class FeatureMap:
    """A result of a convolution, a pool or an unfolding; `step` is (height, width) if its windows neither overlap nor skip."""

    grid: tuple[int, int]
    step: tuple[int, int] | None


class FeatureMaps(TorchFunctionMode):
    """Hears what lies on a grid in this thread's forward pass, and changes some cells of one of it."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change
        self.seen: list[FeatureMap] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        found = _feature_map(name, args, kwargs or {}, out) if name in _MAKERS else None
        if found is None:
            return out
        self.seen.append(found)
        if len(self.seen) - 1 != self.change.number or self.change.mask is None:
            return out
        spread = self.change.mask.to(out).reshape(found.grid if out.ndim == 4 else (-1,))
        return out + spread * noise(out)


def _feature_map(name: str, args: Sequence[Any], kwargs: dict[str, Any], out: Any) -> FeatureMap | None:
    if not isinstance(out, Tensor) or len(out) != 1:
        return None
    if name == "unfold":
        if out.ndim != 3 or not isinstance(args[0], Tensor) or args[0].ndim != 4:
            return None  # Tensor.unfold, of one axis
        given = dict(zip(("kernel_size", "dilation", "padding", "stride"), args[1:], strict=False)) | kwargs
        size, dilation, padding, stride = (
            _pair(given.get(key, usual))
            for key, usual in (("kernel_size", 1), ("dilation", 1), ("padding", 0), ("stride", 1))
        )
        rows, columns = (
            (args[0].shape[2 + n] + 2 * padding[n] - dilation[n] * (size[n] - 1) - 1) // stride[n] + 1 for n in (0, 1)
        )
        return FeatureMap((rows, columns), size if size == stride and padding == (0, 0) else None)
    if out.ndim != 4:
        return None
    grid, step = (int(out.shape[2]), int(out.shape[3])), None
    if name == "conv2d":
        given = dict(zip(("input", "weight", "bias", "stride", "padding"), args, strict=False)) | kwargs
        size, stride = tuple(given["weight"].shape[2:]), _pair(given.get("stride", 1))
        step = size if size == stride else None
    return FeatureMap(grid, step)


def _pair(value: Any) -> tuple[int, int]:
    first, last = (value[0], value[-1]) if isinstance(value, (tuple, list)) else (value, value)
    return int(first), int(last)


def noise(like: Tensor) -> Tensor:
    """The same noise every time, as strong as what it is added to; a constant would be lost in a norm."""
    made = torch.randn(like.shape, generator=torch.Generator().manual_seed(0))
    return made.to(like) * (like.float().std().to(like) + 1)
