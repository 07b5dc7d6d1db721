"""Answers picture by picture to a verdict: Wilson's interval, the exact paired sign test, and Holm's adjustment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tutorials.claims.verdict import Verdict
from vit_attention.gate import GateError


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
