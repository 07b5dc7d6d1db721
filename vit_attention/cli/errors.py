"""What may go wrong with one picture, and what is wrong with the command itself."""

import click

FAILURES: tuple[type[Exception], ...] = (ValueError, RuntimeError, OSError, MemoryError)
"""What one picture may fail with in a sentence of its own. What else it fails with is a mistake of ours, and told as one."""


class NoModelError(click.UsageError):
    """A model is needed and none was named."""


class ChoiceError(click.UsageError):
    """An option asks for what this model or method does not have: the same for every picture, so the run ends."""
