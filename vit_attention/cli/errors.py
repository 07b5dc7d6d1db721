"""What may go wrong with one picture, and what is wrong with the command itself."""

from __future__ import annotations

FAILURES: tuple[type[Exception], ...] = (ValueError, RuntimeError, OSError, MemoryError)
"""What one picture may fail with; the others go on. A mistake in our own code is of another kind and is shown whole."""


class ChoiceError(Exception):
    """An option asks for what this model or method does not have: the same for every picture, so the run ends."""


class NothingCapturedError(ValueError):
    """A run left no attention maps that can be drawn on a picture."""


def nothing_captured(why: str, step: str) -> NothingCapturedError:
    """The one wording of this error: the reason and the next step."""
    return NothingCapturedError(f"No attention maps captured: {why}. {step}")
