"""Where a model runs: the processor unless asked otherwise."""

from collections.abc import Callable
from typing import Any

from vit_attention.gate import GateError, shown


def usable(name: str) -> str:
    """The name of a device that this machine has; "auto" takes an accelerator if there is one.

    Args:
        name: "cpu", "auto", or what torch calls an accelerator: "cuda", "cuda:1", "mps".

    Raises:
        ValueError: this machine, or the installed torch, has no such device.

    >>> usable("cpu")
    'cpu'
    """
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    there = "" if found is None else found.type
    if name == "auto":
        return there or "cpu"
    kind, _, number = name.partition(":")
    if kind == "cpu":
        return name
    if kind != there or (number and int(number) >= torch.accelerator.device_count()):
        raise GateError("device", f"one of this machine, cpu{there and f' or {there}'}", shown(name))
    return name


def moved(model: Any, device: str, say: Callable[[str], None]) -> Any:
    """The model where it was asked to run; if there is no such device, `say` hears of it and it stays where it is.

    Args:
        model: a model of this library or a torch module.
        device: as for `usable`.
        say: takes one sentence.
    """
    try:
        return model.to(usable(device))
    except ValueError as error:
        say(f"{error}; the model stays where it is, and the numbers are the same")
        return model


def thaw(module: Any) -> None:
    """Copy parameters and buffers that were made inside `torch.inference_mode`; others stay the very same.

    >>> import torch
    >>> with torch.inference_mode():
    ...     layer = torch.nn.Linear(2, 2)
    >>> thaw(layer)
    >>> layer.weight.is_inference()
    False
    """
    import torch

    copies: dict[int, Any] = {}  # tied tensors stay tied
    with torch.inference_mode(False):
        for part in module.modules():
            for kept in (part._parameters, part._buffers):
                for name, old in kept.items():
                    if old is None or not old.is_inference():
                        continue
                    if id(old) not in copies:
                        new = old.detach().clone()
                        copies[id(old)] = torch.nn.Parameter(new, False) if kept is part._parameters else new
                    kept[name] = copies[id(old)]
