"""What many pictures say to a claim: how many it holds on, how sure that is, and whether anything that knows nothing does as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vit_attention.gate import GateError

FEWEST = 20
"""Outlined photographs below which no verdict is given."""

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

        >>> print(judged([True] * 9 + [False], {"centre": [True] * 2 + [False] * 8}).words)
        holds on 9 of 10 scenes, 95 % interval 60 % to 98 %; controls: centre 2 of 10; better than centre with p = 0.016 (exact paired sign test)
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
        name = self.best[0]
        how = (
            "better than" if self.wins > self.losses else "worse than" if self.losses > self.wins else "no better than"
        )
        family = f", Holm over {self.of} claims" if self.of > 1 else ""
        size = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.2g}"
        return f"{how} {name} with {size} (exact paired sign test{family})"


PHOTOGRAPHS = "outlined photographs"


def judged(
    answers: Sequence[bool | None],
    controls: Mapping[str, Sequence[bool | None]],
    text: str = "",
    things: str = "scenes",
) -> Verdict:
    """The verdict of answers picture by picture.

    Args:
        answers: whether the claim holds on each picture; None where it could not be tested.
        controls: the same of each control, in the same order; where the claim itself could not be tested they do not count.
        text: why something could not be tested.
        things: what the pictures are.

    Raises:
        GateError: a control with another number of answers.
    """
    for name, said in controls.items():
        if len(said) != len(answers):
            raise GateError(f"control {name}", f"{len(answers)} answers, as many as the claim has", f"{len(said)}")
    kept = [n for n, one in enumerate(answers) if one is not None]
    held = sum(bool(answers[n]) for n in kept)
    counted = []
    for name, said in controls.items():
        known = [said[n] for n in kept if said[n] is not None]
        counted.append((name, sum(map(bool, known)), len(known)))
    bare = Verdict(held, len(kept), len(answers) - len(kept), wilson(held, len(kept)), tuple(counted), None, text)
    bare = replace(bare, things=things)
    if bare.best is None or not bare.enough:
        return bare
    pairs = [(bool(answers[n]), controls[bare.best[0]][n]) for n in kept]
    wins, losses = (sum(own is mine and other is (not mine) for own, other in pairs) for mine in (True, False))
    return replace(bare, p=sign_test(wins, losses), wins=wins, losses=losses)


def wilson(held: int, tested: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, Journal of the American Statistical Association 22), from 0 to 1.

    Args:
        held: how many of those tested.
        tested: at least `held`; 0 gives NaN.

    >>> [round(end, 3) for end in wilson(44, 50)]
    [0.762, 0.944]
    """
    if not tested:
        return (float("nan"), float("nan"))
    from scipy import stats  # 55 MB that most visits never use

    found = stats.binomtest(held, tested).proportion_ci(method="wilson")
    return (float(found.low), float(found.high))


def sign_test(wins: int, losses: int) -> float:
    """The two-sided p value of the exact paired sign test (McNemar's, exact), 0 to 1; ties do not count.

    >>> sign_test(5, 0), sign_test(0, 0)
    (0.0625, 1.0)
    """
    if not wins + losses:
        return 1.0
    from scipy import stats

    return float(stats.binomtest(wins, wins + losses).pvalue)


def holm(verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The verdicts of a lesson's claims with their p values adjusted together (Holm 1979, Scandinavian Journal of Statistics 6).

    Args:
        verdicts: by name of the finding; those without a p value stay as they are and do not count.

    >>> one = judged([True] * 6, {"centre": [False] * 6})
    >>> {name: (found.p, found.of) for name, found in holm({"a": one, "b": one}).items()}
    {'a': (0.0625, 2), 'b': (0.0625, 2)}
    """
    ordered = sorted((found.p, name) for name, found in verdicts.items() if found.p is not None)
    least, out = 0.0, dict(verdicts)
    for place, (p, name) in enumerate(ordered):
        least = max(least, min(1.0, p * (len(ordered) - place)))
        out[name] = replace(verdicts[name], p=least, of=len(ordered))
    return out


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")
