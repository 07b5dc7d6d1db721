"""Where a model runs: the processor unless asked otherwise."""

from collections.abc import Callable
from typing import Any


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
        raise ValueError(f"device: want one of this machine, cpu{there and f' or {there}'}, got {name!r}")
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
