"""How something from outside is refused: one sentence with the file, the field, what was wanted, what came, what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

_MOST_SHOWN = 60
_BREAK = re.compile(r"\s*[\t\n\v\f\r]\s*")


class GateError(ValueError):
    """Something from outside that cannot be used.

    Args:
        file: name of the file, or what was given ("picture", "prompt").
        want: what would have been right.
        got: what came, already in words; see `shown`.
        field: where in the file, or "" for the whole of it.
        advice: what to do, a sentence; or "".

    >>> raise GateError("cat.npz", "1 to 1000", shown(0), field="maps.0.layer")
    Traceback (most recent call last):
    vit_attention.gate.refusal.GateError: cat.npz: maps.0.layer: want 1 to 1000, got 0
    """

    def __init__(self, file: str, want: str, got: str, *, field: str = "", advice: str = "") -> None:
        self.file, self.field, self.want, self.got, self.advice = file, field, want, got, advice
        where = f"{one_line(file)}: {one_line(field)}: " if field else f"{one_line(file)}: "
        super().__init__(f"{where}want {want}, got {got}" + (f". {advice}" if advice else ""))


def shown(value: Any) -> str:
    """`value` in a message: short, on one line, without signs that could drive a terminal.

    >>> print(shown([1] * 1000), shown("a\\x1b[2J"))
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,... 'a\\x1b[2J'
    """
    if isinstance(value, str):
        text = repr(value[: _MOST_SHOWN + 1])  # which escapes what is not printable, and keeps blanks
    elif isinstance(value, (list, tuple, dict)) and len(value) > _MOST_SHOWN:
        text = repr(value[: _MOST_SHOWN // 2] if not isinstance(value, dict) else [*islice(value, 8)])
    elif isinstance(value, int) and value.bit_length() > 200:
        return f"a whole number of about {value.bit_length() * 0.30103:.0f} digits"
    else:
        text = one_line(repr(value))
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def one_line(text: object) -> str:
    """`text` on one line, printable: a break becomes one space, what could drive a terminal a question mark."""
    line = _BREAK.sub(" ", str(text).strip("\t\n\v\f\r"))
    return "".join(sign if sign.isprintable() else "?" for sign in line)


@contextmanager
def reading(file: str, want: str, field: str = "", advice: str = "") -> Iterator[None]:
    """Turns what libraries raise on damaged bytes, a dozen kinds of errors, into a `GateError`; an interrupt passes."""
    try:
        yield
    except GateError:
        raise
    except MemoryError as error:
        raise GateError(file, "one that fits into memory", "one that does not", field=field, advice=advice) from error
    except Exception as error:
        reason = one_line(error)[:80] or type(error).__name__
        raise GateError(file, want, f"one that cannot be read ({reason})", field=field, advice=advice) from error
