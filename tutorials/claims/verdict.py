"""What many pictures say to a claim: how many it holds on, how sure that is, and whether anything that knows nothing does as well."""

from dataclasses import dataclass

PHOTOGRAPHS = "outlined photographs"
FEWEST, CLEAR = 20, 0.05
"""Outlined photographs below which no verdict is given; p below which something is called better or worse."""

Counted = tuple[str, int, int]
"""A control by its name, on how many pictures the claim holds for it, and how many could be tested."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim on many pictures.

    Attributes:
        held: pictures on which the claim holds.
        tested: pictures on which it could be tested.
        untestable: pictures on which it could not: ties and too small samples.
        interval: Wilson's 95 % interval of the share that holds, from 0 to 1; NaN if nothing could be tested.
        controls: name, held and tested of each control that knows nothing, on the pictures that could be tested.
        p: of the exact paired sign test against the best control, two-sided, 0 to 1; None without one.
        text: why some could not be tested, in the words of the first; "".
        of: over how many claims `p` was adjusted by Holm's method; 0 for not adjusted.
        things: what was looked at: "scenes", "receipts", "outlined photographs".
        wins, losses: pictures on which the claim holds for the model alone, and for the best control alone.
    """

    held: int
    tested: int
    untestable: int
    interval: tuple[float, float]
    controls: tuple[Counted, ...]
    p: float | None
    text: str = ""
    of: int = 0
    things: str = "scenes"
    wins: int = 0
    losses: int = 0

    @property
    def best(self) -> Counted | None:
        """The control for which the claim holds most often; None without one that could be tested."""
        able = [one for one in self.controls if one[2]]
        return max(able, key=lambda one: one[1] / one[2]) if able else None

    @property
    def enough(self) -> bool:
        """Whether there were enough pictures for a verdict."""
        return self.tested > 0 and (self.things != PHOTOGRAPHS or self.tested >= FEWEST)

    @property
    def words(self) -> str:
        """The verdict as a page says it.

        >>> found = Verdict(44, 50, 1, (0.762, 0.944), (("centre", 30, 50),), 0.003, wins=16, losses=2)
        >>> for part in found.words.split("; "):
        ...     print(part)
        holds on 44 of 50 scenes, 95 % interval 76 % to 94 %
        controls: centre 30 of 50
        better than centre with p = 0.003 (exact paired sign test)
        cannot be tested on 1 more
        """
        if not self.tested:
            return f"cannot be tested on any of {self.untestable} {self.things}. {self.text}".strip()
        parts = [f"holds on {self.held} of {self.tested} {self.things}"]
        if self.enough:
            parts[0] += f", 95 % interval {_percent(self.interval[0])} to {_percent(self.interval[1])}"
        if self.controls:
            parts.append("controls: " + ", ".join(f"{name} {held} of {of}" for name, held, of in self.controls))
        parts += [self._compared()] if self._compared() else []
        if self.untestable:
            parts.append(f"cannot be tested on {self.untestable} more")
        return "; ".join(parts)

    def _compared(self) -> str:
        if not self.enough:
            return f"no verdict, which takes {FEWEST} {self.things}"
        if self.p is None or self.best is None:
            return ""
        family = f", Holm over {self.of} claims" if self.of > 1 else ""
        size = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.2g}"
        how = (
            "no clear difference from"
            if self.p >= CLEAR
            else "better than"
            if self.wins > self.losses
            else "worse than"
        )
        return f"{how} {self.best[0]} with {size} (exact paired sign test{family})"


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")
