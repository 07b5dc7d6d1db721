"""What a record can be asked to keep beside the weights: signals by name, and runs with knobs of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SIGNALS = ("weights", "target", "gradients", "hidden", "queries", "keys", "values")
"""Names that `model.attend(keep=...)` takes beside runs; the first is always kept, the second is one class to ask about."""


@dataclass(frozen=True)
class Run:
    """A need that the model is run again for, or another way: its name, and the values of its knobs.

    >>> Run.of("occlusion", window=2, fill="mean").knobs
    {'fill': 'mean', 'window': 2}
    """

    name: str
    pairs: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, name: str, **knobs: Any) -> Run:
        """A run from keywords."""
        return cls(name, tuple(sorted(knobs.items())))

    @property
    def knobs(self) -> dict[str, Any]:
        """The knobs by name."""
        return dict(self.pairs)

    def plain(self) -> dict[str, Any]:
        """The knobs as JSON can hold them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.pairs}
