"""Weights from files: mapped, not copied; no code is unpickled; a misfit is told in words."""

import hashlib
import pickle
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn


class CheckpointError(ValueError):
    """A weights file cannot be read or does not fit the model."""


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or torch.save file, memory-mapped where the format allows it.

    Raises:
        CheckpointError: missing, cut short, of another kind, or holding anything but tensors.
    """
    if not path.is_file():
        raise CheckpointError(f"weights: no such file: {path.name}")
    state: Any
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:  # the format before torch 1.6 is no archive and can't be mapped
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path.name}: refused: it holds more than tensors, and loading it could run code. Save model.state_dict() alone."
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds for broken files
        raise CheckpointError(
            f"{path.name}: want a .safetensors or torch.save file, got one that cannot be read ({type(error).__name__})"
        ) from error
    for nested in ("state_dict", "model", "model_state_dict"):
        if isinstance(state, dict) and isinstance(state.get(nested), dict):
            state = state[nested]
    if not isinstance(state, dict) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(f"{path.name}: want a state dict (names to tensors), got {type(state).__name__}")
    return {str(k).removeprefix("module."): v for k, v in state.items()}


def fill(module: nn.Module, state: dict[str, Tensor], name: str) -> nn.Module:
    """Put `state` into a module built on the meta device, sharing its memory; float16 weights become float32.

    Raises:
        CheckpointError: names or shapes differ; says which.
    """
    full = {k: v.float() if v.dtype in (torch.float16, torch.bfloat16) else v for k, v in state.items()}
    wanted = module.state_dict()
    wrong = [
        f"{k}: want {tuple(wanted[k].shape)}, got {tuple(v.shape)}"
        for k, v in full.items()
        if k in wanted and v.shape != wanted[k].shape
    ]
    if wrong:
        raise CheckpointError(f"{name}: {len(wrong)} tensors have another shape; first: {wrong[0]}")
    try:
        module.load_state_dict(full, assign=True)
    except RuntimeError as error:
        missing, extra = sorted(set(wanted) - set(full)), sorted(set(full) - set(wanted))
        raise CheckpointError(
            f"{name}: not a checkpoint of this model: {len(missing)} tensors missing (first: {missing[:1]}), "
            f"{len(extra)} unknown (first: {extra[:1]})"
        ) from error
    return module


@lru_cache(maxsize=32)
def _hash(path: str, size: int, modified: int) -> str:
    del size, modified  # part of the key: a file that changed is hashed again
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def file_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file."""
    about = path.stat()
    return _hash(str(path), about.st_size, about.st_mtime_ns)
