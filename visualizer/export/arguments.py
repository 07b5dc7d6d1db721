"""What every function that writes a file asks of its arguments, refused in the same sentence."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from vit_attention.gate import GateError, shown


def ending(path: Path, kinds: Collection[str], advice: str = "") -> str:
    """The ending of `path` in small letters, if it is one of `kinds`; raises `GateError`, with the advice, if not."""
    found = path.suffix.lower()
    if found not in kinds:
        raise GateError(path.name, f"a name that ends in {', '.join(kinds)}", shown(path.suffix), advice=advice)
    return found


def number(name: str, value: float, low: float, high: float) -> None:
    """Raise `GateError` for anything but a number from `low` to `high`."""
    kind = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (kind and low <= value <= high):
        raise GateError(name, f"a number from {low:g} to {high:g}", shown(value))
