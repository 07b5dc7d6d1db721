"""Numbers that people give beside arrays, in whatever kind they come: refused in one sentence, never guessed."""

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vit_attention.gate import GateError, shown

Keys: TypeAlias = NDArray[np.bool_] | NDArray[np.integer] | Sequence[int] | Sequence[bool]
"""Some of many things: their numbers, or a boolean for each."""


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as a whole number from `low` to `high`; raises `GateError` for anything else.

    >>> whole("prefix", np.int64(1), 0, 3)
    1
    """
    try:
        number = low - 1 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = low - 1
    if number < low or (high is not None and number > high):
        want = f"at least {low}" if high is None else f"{low} to {high}"
        raise GateError(name, want, shown(value))
    return number


def pair(name: str, value: Any) -> tuple[int, int]:
    """`value` as two whole numbers, such as rows and columns; raises `GateError` for anything else.

    >>> pair("grid", np.array([2, 3]))
    (2, 3)
    """
    try:
        one, two = (operator.index(side) for side in value)
    except (TypeError, ValueError):
        raise GateError(name, "two whole numbers", shown(value)) from None
    return one, two


def is_number(value: object) -> bool:
    """Whether `value` is one number, and no truth value."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def number(name: str, value: Any, low: float, high: float) -> None:
    """Raise `GateError` for anything but a number from `low` to `high`."""
    if not (is_number(value) and low <= value <= high):
        raise GateError(name, f"a number from {low:g} to {high:g}", shown(value))


def places(name: str, given: Any, count: int) -> NDArray[np.intp]:
    """The numbers of some of `count` things, given as such or as `count` booleans.

    Raises:
        GateError: anything else, or a number that none of them has.

    >>> places("keys", [False, True, True], 3)
    array([1, 2])
    """
    try:
        chosen = np.asarray(given)
    except ValueError:  # rows of different lengths
        chosen = np.asarray(None)
    if chosen.dtype == bool and chosen.shape == (count,):
        return np.flatnonzero(chosen)
    found = chosen.astype(np.intp) if chosen.size == 0 else chosen
    if found.dtype.kind not in "iu" or found.ndim != 1 or ((found < 0) | (found >= count)).any():
        raise GateError(name, f"{count} booleans or numbers from 0 to {count - 1}", shown(given))
    return found.astype(np.intp)
