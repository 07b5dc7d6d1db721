"""Arguments of people, in whatever kind of number they come: classes, layers, heads, rows, sizes."""

import difflib
import itertools
import math
import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from vit_attention.gate import LIMITS, GateError, shown

_MOST_NUMBERS = 100_000


def whole(name: str, given: Iterable[int] | None) -> tuple[int, ...] | None:
    """Different whole numbers from 0 up, of layers, heads or rows, in the order given.

    Raises:
        GateError: anything else; an empty list; a number twice.

    >>> whole("layers", range(3)), whole("heads", None)
    ((0, 1, 2), None)
    """
    if given is None:
        return None
    want = "whole numbers in a list, 0 first"
    if isinstance(given, (str, bytes, dict)) or not isinstance(given, Iterable):
        raise GateError(name, want, shown(given))
    try:
        found = tuple(integer(one) for one in itertools.islice(given, _MOST_NUMBERS))
    except TypeError as error:  # an element, or an array of no axes
        raise GateError(name, want, shown(given)) from error
    if not found:
        raise GateError(name, "at least one number", "none", advice="None, or leaving it out, keeps all.")
    if min(found) < 0:
        raise GateError(name, "numbers from 0 up", shown(min(found)), advice="The last is counted from the first, too.")
    twice = [number for number, times in Counter(found).items() if times > 1]
    if twice:
        raise GateError(name, "every number once", f"{shown(twice[0])} {found.count(twice[0])} times")
    return found


def integer(given: Any) -> int:
    """A whole number of any kind, numpy's and torch's included; TypeError for truths, texts and fractions.

    >>> integer(3)
    3
    """
    if isinstance(given, bool) or "bool" in str(getattr(given, "dtype", "")) or getattr(given, "ndim", 0) != 0:
        raise TypeError("a truth or an array is no number")
    return operator.index(given)


def pair(name: str, given: Any, limit: str = "", want: str = "two whole numbers from 1 up") -> tuple[int, int] | None:
    """(height, width) or (rows, columns), from 1 up; None for None.

    Args:
        name: of the argument.
        given: two whole numbers.
        limit: key of `LIMITS` that their product must keep; "" for any.
        want: for messages.

    Raises:
        GateError: anything else.
    """
    if given is None:
        return None
    try:
        first, second = (integer(one) for one in given)
    except (TypeError, ValueError) as error:
        raise GateError(name, want, shown(given)) from error
    if min(first, second) < 1 or isinstance(given, (str, bytes)):
        raise GateError(name, want, shown(given))
    if limit:
        LIMITS[limit].check(first * second, name)
    return first, second


def count(name: str, given: Any, least: int = 0) -> int | None:
    """A whole number from `least` up; None for None; raises GateError for anything else."""
    try:
        number = None if given is None else integer(given)
    except TypeError as error:
        raise GateError(name, f"a whole number from {least} up", shown(given)) from error
    if number is not None and number < least:
        raise GateError(name, f"a whole number from {least} up", shown(given))
    return number


def distinct(classes: Sequence[str]) -> tuple[str, ...]:
    """Names of classes, no two alike: those that several carry get their numbers.

    >>> distinct(["crane", "drill", "crane"])
    ('crane (0)', 'drill', 'crane (2)')
    """
    names = list(classes)
    while len(counted := Counter(names)) < len(names):
        names = [f"{name} ({number})" if counted[name] > 1 else name for number, name in enumerate(names)]
    return tuple(names)


def class_number(target: Any, classes: Sequence[str], model: str) -> int:
    """The number of a class that was given by number or name.

    Args:
        target: a whole number of any kind, a float without a fraction or an array of one such included; or a name, as in
            `classes` or as `distinct` makes it.
        classes: names of all classes.
        model: its name, for messages.

    Raises:
        GateError: no such class, a name that several carry, or a model without classes.

    >>> class_number("drill", ["crane", "drill"], "model")
    1
    """
    if not classes:
        raise GateError("target", "none", shown(target), advice=f"{model} has no classes, so none can be asked about.")
    given = _single(target)
    if isinstance(given, str):
        return _named(given, classes)
    number = int(given) if isinstance(given, float) and math.isfinite(given) and given == int(given) else given
    try:
        found = integer(number)
    except TypeError:
        found = -1
    if not 0 <= found < len(classes):
        raise GateError("target", f"a class name or a number from 0 to {len(classes) - 1}", shown(given))
    return found


def _single(target: Any) -> Any:
    """What an array or tensor of one element holds; anything else as it is."""
    if not (hasattr(target, "item") and hasattr(target, "shape")):
        return target
    if math.prod(target.shape) != 1 or getattr(getattr(target, "device", None), "type", "") == "meta":
        kind = f"{type(target).__name__} of shape {tuple(target.shape)}"
        raise GateError("target", "one class", f"a {kind}", advice="Ask about one class after the other.")
    return target.item()


def _named(name: str, classes: Sequence[str]) -> int:
    several = [number for number, one in enumerate(classes) if one == name]
    if len(several) == 1:
        return several[0]
    names = distinct(classes)
    if several:
        numbers = " and ".join(map(str, several[:8]))
        ways = f'Give the number, or the name as "{names[several[0]]}".'
        raise GateError("target", "one class", f"{shown(name)}, which is the name of {numbers}", advice=ways)
    if name in names:
        return names.index(name)
    plain = {" ".join(one.lower().replace("_", " ").split()): one for one in classes}
    near = difflib.get_close_matches(" ".join(name.lower().replace("_", " ").split()), plain, 3, 0.6)
    advice = f"Did you mean {' or '.join(shown(plain[one]) for one in near)}?" if near else ""
    want = f"a class name or a number from 0 to {len(classes) - 1}"
    raise GateError("target", want, shown(name), advice=advice)
