"""Matrices that a file keeps as 8-bit whole numbers, with one scale for each row."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from vit_attention.weights.refusal import CheckpointError

SCALE = ".scale"
"""What follows the name of a matrix in the name of its scales."""


_STAYING: ContextVar[dict[str, Tensor] | None] = ContextVar("staying", default=None)


@contextmanager
def staying() -> Iterator[dict[str, Tensor]]:
    """The 8-bit matrices of all files that this thread reads inside, with their scales, for `pack`.

    The network that is filled gets zeros without memory in their place. Else a file of 22 MB takes 88 MB more until its network
    is packed.
    """
    kept: dict[str, Tensor] = {}
    token = _STAYING.set(kept)
    try:
        yield kept
    finally:
        _STAYING.reset(token)


def unpacked(tensors: Mapping[str, Tensor], file: str) -> dict[str, Tensor]:
    """The tensors of a file, every 8-bit matrix as float32; all others unchanged.

    A matrix is ``scale[row] * number``: symmetric rounding of each output channel, as in Krishnamoorthi 2018,
    arXiv:1806.08342, section 2.2.

    Args:
        tensors: all of a file; "NAME" as int8 belongs with "NAME.scale", one floating-point number for each row.
        file: its name, for messages.

    Raises:
        CheckpointError: scales that do not fit their matrix.

    >>> numbers, scale = torch.tensor([[127, -64]], dtype=torch.int8), torch.tensor([0.5]).half()
    >>> unpacked({"a.weight": numbers, "a.weight.scale": scale}, "file")
    {'a.weight': tensor([[ 63.5000, -32.0000]])}
    """
    packed = {name for name, one in tensors.items() if one.dtype == torch.int8 and name + SCALE in tensors}
    scales, kept = {name + SCALE for name in packed}, _STAYING.get()
    stay = set() if kept is None else {name for name in packed if tensors[name].ndim == 2}
    if kept is not None:
        kept.update({name: tensors[name] for one in stay for name in (one, one + SCALE)})
    return {
        name: torch.zeros(()).expand(one.shape)
        if name in stay
        else _matrix(name, one, tensors[name + SCALE], file)
        if name in packed
        else one
        for name, one in tensors.items()
        if name not in scales
    }


def _matrix(name: str, numbers: Tensor, scale: Tensor, file: str) -> Tensor:
    rows = tuple(numbers.shape[:1])
    if numbers.ndim < 2 or tuple(scale.shape) != rows or not scale.is_floating_point():
        want = f"{name}{SCALE} with one floating-point number for each of the rows of {name}, {tuple(numbers.shape)}"
        raise CheckpointError(f"{file}: want {want}, got {tuple(scale.shape)} of {scale.dtype}")
    return numbers.float() * scale.float().reshape(-1, *[1] * (numbers.ndim - 1))


class Packed(nn.Linear):
    """A linear layer whose matrix stays in 8 bits, and is unpacked for as long as it is used."""

    numbers: Tensor
    scale: Tensor

    def __init__(self, layer: nn.Linear, numbers: Tensor, scale: Tensor) -> None:
        nn.Module.__init__(self)  # not the linear layer's, which would make a matrix
        self.in_features, self.out_features, self.bias = layer.in_features, layer.out_features, layer.bias
        self.register_buffer("numbers", numbers)
        self.register_buffer("scale", scale)

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """(outputs, inputs) the matrix."""
        return _matrix("weight", self.numbers, self.scale, "")


def pack(module: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    """Let the linear layers of a network that a file keeps in 8 bits stay so in memory, a quarter of their size.

    The network computes exactly what it did; unpacking takes about a tenth of the time of a small picture's pass.

    Args:
        module: a frozen network, filled from the file; its layers are replaced.
        tensors: of the file, as stored; layers of other names stay as they are.

    Returns:
        Whether all of the network has its numbers; zeros of `staying` may be left in a layer of another name or kind.
    """
    for name, layer in [*module.named_modules()]:
        numbers, scale = tensors.get(f"{name}.weight"), tensors.get(f"{name}.weight{SCALE}")
        if isinstance(layer, nn.Linear) and numbers is not None and scale is not None and numbers.dtype == torch.int8:
            parent, _, last = name.rpartition(".")
            setattr(module.get_submodule(parent), last, Packed(layer, numbers, scale))
    return all(one.untyped_storage().nbytes() >= one.numel() for one in module.parameters())
