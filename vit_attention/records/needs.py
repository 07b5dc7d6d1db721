"""What a record can be asked to keep beside the weights: signals by name, and runs with knobs of their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vit_attention.gate import GateError, shown

FUSED = ("head-mean", "head-max", "head-min")
"""Signals that hold, for every layer, all heads fused into one (tokens, tokens) matrix; `gate.bundle` says so of files."""
LABELED = ("naive", "value", "value-value")
"""Runs that hold, for every layer, the cosine similarity of a picture's tokens to its labels."""
LAYERED = ("legrad", "decision-flow")
"""Runs that hold, for every layer, a number a token."""
PROPAGATED = ("attnlrp", "cp-lrp")
"""Runs that hold a number for every token that enters the first block or leaves a block."""
GRAMS = "value-grams"
"""Signal that holds, for every layer and token, (heads, heads) inner products of the token's values behind the output projection."""
SIGNALS = ("weights", "target", "gradients", "hidden", "queries", "keys", "values", GRAMS, *FUSED)
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
    def of(cls, name: str, **knobs: Any) -> "Run":
        """A run from keywords."""
        return cls(name, tuple(sorted((knob, _fixed(value)) for knob, value in knobs.items())))

    @property
    def knobs(self) -> dict[str, Any]:
        """The knobs by name."""
        return dict(self.pairs)

    def plain(self) -> dict[str, Any]:
        """The knobs as JSON can hold them."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.pairs}


def _fixed(value: Any) -> Any:
    """A knob's value as a set and JSON can hold it: numpy's numbers as Python's, lists as tuples."""
    plain = value.tolist() if hasattr(value, "tolist") else value
    return tuple(plain) if isinstance(plain, list) else plain


def sorted_out(keep: Iterable[str | Run]) -> tuple[frozenset[str], tuple[Run, ...]]:
    """Names of signals, and runs, of what is to be kept; it is gone through once, so that an iterator does, too.

    Raises:
        GateError: one name or run alone, something else, or two runs of one name, of which a record holds one.

    >>> sorted_out(["hidden", Run.of("painted", patch=(6, 8))])
    (frozenset({'hidden'}), (Run(name='painted', pairs=(('patch', (6, 8)),)),))
    """
    found: list[Any] = [keep] if isinstance(keep, str) or not isinstance(keep, Iterable) else [*keep]
    strange = [one for one in found if not isinstance(one, (str, Run))]
    if strange or found[:1] == [keep]:  # one alone
        want = "names of signals and runs in a set, as methods()[NAME].needs is"
        raise GateError("keep", want, shown((strange or found)[0]))
    runs = tuple(one for one in found if isinstance(one, Run))
    twice = [one.name for one in runs for other in runs if one.name == other.name and one != other]
    if twice:
        raise GateError("keep", f"one run called {twice[0]}", f"{len(twice)}")
    return frozenset(one for one in found if isinstance(one, str)), runs
