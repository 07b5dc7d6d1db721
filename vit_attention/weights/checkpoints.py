"""Weights from files: mapped, not copied; no code is unpickled; a misfit is told in words."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from vit_attention.weights import eight_bits
from vit_attention.weights.kinds import kind
from vit_attention.weights.refusal import CheckpointError
from vit_attention.weights.shards import INDEX, shards, weights_in
from vit_attention.weights.torch_file import read_torch

__all__ = ["CheckpointError", "file_hash", "fill", "read", "shapes"]

_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_DEEPEST = 20


def read(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, of a folder or of shards by their index; those of nested records by dotted names.

    Raises:
        CheckpointError: missing, cut short, of another kind, or holding no tensors; code, which is not run.
    """
    if os.path.isdir(path):  # unlike the path's own, it takes every name
        return read(weights_in(path))
    found: dict[str, Tensor] = {}
    if not path.name.endswith(INDEX):
        found = dict(_flat(_one(path), "", path.name))
    else:
        for shard, names in shards(path).items():
            own = dict(_flat(_one(path.parent / shard), "", shard))
            lacking = sorted(set(names) - set(own))
            if lacking or found.keys() & own.keys():
                wrong = f"lacks {lacking[0]}" if lacking else "has tensors that another shard has, too"
                raise CheckpointError(f"{path.name}: does not fit its shards: {shard} {wrong}")
            found |= own
    if not found:
        raise CheckpointError(f"{path.name}: want a state dict (names to tensors), got none: save model.state_dict()")
    return eight_bits.unpacked(found, path.name)


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """What the gate compares with a configuration."""
    return {name: tuple(one.shape) for name, one in tensors.items()}


def _one(path: Path) -> Any:
    what = kind(path)
    if what != "safetensors":
        return read_torch(path, old=what == "old torch")
    try:
        return safetensors.torch.load_file(path)
    except Exception as error:  # its kinds, and torch's for numbers it has no type for
        raise CheckpointError(
            f"{path.name}: want a .safetensors file, got one that cannot be read ({type(error).__name__})"
        ) from error


def _flat(found: Any, lead: str, file: str, deep: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Tensors under texts; what has numbers for names (an optimizer's state) is no network's."""
    if not isinstance(found, dict):
        raise CheckpointError(f"{file}: want a state dict (names to tensors), got {type(found).__name__}")
    if deep > _DEEPEST:
        raise CheckpointError(f"{file}: want records in at most {_DEEPEST} levels, got more")
    for name, value in found.items():
        if isinstance(name, str) and isinstance(value, Tensor):
            yield lead + name, value
        elif isinstance(name, str) and isinstance(value, dict):
            yield from _flat(value, f"{lead}{name}.", file, deep + 1)


def plain(tensor: Tensor, name: str, file: str) -> Tensor:
    """`tensor` as float32, and whole numbers as they are.

    Raises:
        CheckpointError: quantized, sparse, complex, without values, of 8 bits, or with NaN or infinite numbers.
    """
    kinds = ((tensor.is_quantized, "quantized"), (tensor.layout != torch.strided, "sparse"))
    odd = next((word for is_kind, word in (*kinds, (tensor.is_meta, "without values")) if is_kind), "")
    if not odd and (tensor.is_complex() or (tensor.is_floating_point() and tensor.dtype not in _FLOATS)):
        odd = f"of {str(tensor.dtype).removeprefix('torch.')}"
    if odd:
        raise CheckpointError(f"{file}: {name}: want float32, float64, float16 or bfloat16 numbers, got a tensor {odd}")
    full = tensor.float() if tensor.is_floating_point() else tensor
    # One number is not finite where any is not, and double precision holds every sum of single ones.
    if not bool(torch.isfinite(full.sum(dtype=torch.float64))):
        raise CheckpointError(
            f"{file}: {name}: want finite numbers, got NaN or infinite ones, which make every map NaN: take an earlier checkpoint"
        )
    return full


def other_numbers(name: str, got: Tensor, want: torch.dtype, file: str) -> CheckpointError:
    """The refusal of whole numbers where weights are wanted, or the other way round."""
    kinds = f"want {want}, got {got.dtype}".replace("torch.", "")
    return CheckpointError(f"{file}: {name}: {kinds}: quantized weights of 8 bits can't be looked into")


def fill(module: nn.Module, state: dict[str, Tensor], name: str) -> nn.Module:
    """Put `state` into a module built on the meta device, sharing its memory; other floats become float32.

    Raises:
        CheckpointError: names, shapes or kinds of numbers differ, or some are not finite; says which.
    """
    wanted = module.state_dict()
    missing, extra = sorted(set(wanted) - set(state)), sorted(set(state) - set(wanted))
    if missing or extra:
        raise CheckpointError(
            f"{name}: not a checkpoint of this model: {len(missing)} tensors missing (first: {missing[:3]}), "
            f"{len(extra)} unknown (first: {extra[:3]})"
        )
    wrong = [
        f"{k}: want {tuple(wanted[k].shape)}, got {tuple(v.shape)}"
        for k, v in state.items()
        if v.shape != wanted[k].shape
    ]
    if wrong:
        raise CheckpointError(f"{name}: {len(wrong)} tensors have another shape; first: {wrong[0]}")
    full = {k: plain(v, k, name) for k, v in state.items()}
    for k, v in full.items():
        if v.ndim == 0 and not wanted[k].is_floating_point():
            full[k] = v.to(wanted[k].dtype)  # how often a norm was trained, converted with the rest
        elif v.is_floating_point() != wanted[k].is_floating_point():
            raise other_numbers(k, v, wanted[k].dtype, name)
    module.load_state_dict(full, assign=True)
    return module


@lru_cache(maxsize=32)
def _hash(path: str, size: int, modified: int) -> str:
    del size, modified  # part of the key: a file that changed is hashed again
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def file_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file; of the hashes of its shards, for an index or a folder."""
    if os.path.isdir(path):
        return file_hash(weights_in(path))
    if path.name.endswith(INDEX):
        parts = "".join(file_hash(path.parent / name) for name in sorted(shards(path)))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]
    about = path.stat()
    return _hash(str(path), about.st_size, about.st_mtime_ns)
