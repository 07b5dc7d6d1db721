"""A parameter of a method: what it takes, and what it refuses."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from visualizer.method.question import QuestionError, patch_of, query_texts

HUGE = 1e300
"""More than any knob is; larger whole numbers are none that a float can hold."""

Knobs = Mapping[str, Any]


@dataclass(frozen=True)
class Knob:
    """One parameter of a method: a choice, a number from `low` to `high`, or a start layer.

    Attributes:
        name: keyword in Python; `short` in an address and, beside the name, on the command line.
        default: its default value, which also sets its type.
        label: on pages.
        help: one line, for pages and the command line.
        choices: accepted values, for texts.
        low, high: range of a number; `below` excludes `high` itself.
        when: name and value of another knob, before this one, without which it does nothing.
        step: step of a slider on a page, which excludes a `high` of 1, where nothing of the layers would be left.
    """

    name: str
    default: Any
    label: str
    help: str
    short: str = ""
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = math.inf
    below: bool = False
    step: float = 1
    when: tuple[str, str] | None = None

    @property
    def key(self) -> str:
        """The short name, or the name."""
        return self.short or self.name

    def checked(self, value: Any) -> Any:
        """`value` in the knob's type; raises `QuestionError` for one out of range."""
        if isinstance(self.default, bool) or self.choices:
            allowed: tuple[Any, ...] = self.choices or (False, True)
            if isinstance(value, (str, bool)) and value in allowed:
                return allowed[allowed.index(value)]
            raise QuestionError(self.name, f"want one of {', '.join(map(str, allowed))}, got {value!r}")
        if isinstance(self.default, tuple):
            texts = query_texts(value)
            pair = patch_of(texts[0]) if len(texts) == 1 else None
            if pair is None:
                raise QuestionError(self.name, f"want row and column of one patch, got {value!r}")
            return pair
        kind = type(self.default)
        plain = value.item() if isinstance(value, np.generic) else value  # float32 cannot be compared with HUGE
        number = isinstance(plain, (int, float)) and not isinstance(plain, bool) and abs(plain) <= HUGE
        if (
            not number
            or kind(plain) != plain
            or not (self.low <= plain < self.high or (plain == self.high and not self.below))
        ):
            bound = (
                f"{self.low:g} up" if self.high == math.inf else f"{self.low:g} to {'below ' * self.below}{self.high:g}"
            )
            whole = "a whole number" if kind is int else "a number"
            raise QuestionError(self.name, f"want {whole} from {bound}, got {value!r}")
        return kind(plain)
