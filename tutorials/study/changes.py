"""Answers before and after a lesson, paired student by student: shares with intervals, exact tests, and where answers went."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import hypot, sqrt
from operator import add
from statistics import NormalDist

from tutorials.claims.counting import holm, sign_test, wilson
from tutorials.claims.verdict import Verdict
from tutorials.study.answers import Answer

FLOWS = ("wrong, then right", "wrong both times", "right, then wrong", "right both times")
"""What two answers of one student can be, in the order of `Change.flow`."""


@dataclass(frozen=True)
class Change:
    """The answers to one question, or to all about one misconception, before and after.

    Attributes:
        name: of the question's finding, or of the misconception.
        lesson: the page; "" for several.
        misconception: what the question is about; "" for none.
        flow: pairs of answers by `FLOWS`.
        unpaired: students that answered once, one of whose answers was not graded, or that answered after first; they count nowhere else.
        adjusted: the p value after Holm's adjustment for the other questions, 0 to 1; None where it was not made.
    """

    name: str
    lesson: str
    misconception: str
    flow: tuple[int, int, int, int]
    unpaired: int = 0
    adjusted: float | None = None

    @property
    def pairs(self) -> int:
        """Students whose two answers were graded."""
        return sum(self.flow)

    @property
    def before(self) -> int:
        """How many of the pairs were right before."""
        return self.flow[2] + self.flow[3]

    @property
    def after(self) -> int:
        """How many of the pairs were right after."""
        return self.flow[0] + self.flow[3]

    @property
    def intervals(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Wilson's 95 % intervals of the two shares that are right, 0 to 1; NaN without a pair."""
        return wilson(self.before, self.pairs), wilson(self.after, self.pairs)

    @property
    def p(self) -> float:
        """Two-sided, of the exact test of McNemar (1947, Psychometrika 12): do as many go one way as the other?"""
        return sign_test(self.flow[0], self.flow[2])

    @property
    def gain(self) -> tuple[float, float, float]:
        """Share right after minus share right before, -1 to 1, and the ends of its 95 % interval; see `gain`."""
        return gain(self.flow)


def gain(flow: Sequence[int], level: float = 0.95) -> tuple[float, float, float]:
    """The difference of two paired shares with its adjusted Wald interval.

    Bonett and Price 2012, Journal of Educational and Behavioral Statistics 37: one pair is added to either way of changing.

    Args:
        flow: counts by `FLOWS`.
        level: of the interval, between 0 and 1.

    Returns:
        Share right after minus share right before, and both ends, from -1 to 1; NaN for the first without a pair.

    >>> [round(one, 3) for one in gain((26, 6, 4, 12))]
    [0.458, 0.255, 0.625]
    """
    count = sum(flow)
    up, down = (flow[0] + 1) / (count + 2), (flow[2] + 1) / (count + 2)
    half = NormalDist().inv_cdf((1 + level) / 2) * sqrt((up + down - (up - down) ** 2) / (count + 2))
    middle = (flow[0] - flow[2]) / count if count else float("nan")
    return middle, max(-1.0, up - down - half), min(1.0, up - down + half)


def larger(flow: Sequence[int], other: Sequence[int]) -> tuple[float, float, float]:
    """How much larger a gain is than that of another group, with its 95 % interval.

    Zou and Donner 2008, Statistics in Medicine 27, with the intervals of `gain`.

    Args:
        flow, other: counts of the two groups by `FLOWS`, each with a pair.

    Returns:
        The difference of the gains and both ends, from -2 to 2.

    >>> [round(one, 3) for one in larger((26, 6, 4, 12), (5, 20, 5, 18))]
    [0.458, 0.214, 0.673]
    """
    (first, low, high), (second, under, over) = gain(flow), gain(other)
    down, up = hypot(first - low, over - second), hypot(high - first, second - under)
    return first - second, first - second - down, first - second + up


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p values of a family of tests, each adjusted for the others (Holm 1979), 0 to 1.

    >>> sorted(holm_adjusted({"a": 0.01, "b": 0.04, "c": 0.02}).items())
    [('a', 0.03), ('b', 0.04), ('c', 0.04)]
    """
    bare = {name: Verdict(0, 0, 0, (0.0, 1.0), (), p) for name, p in p_values.items()}
    return {name: one.p for name, one in holm(bare).items() if one.p is not None}


def changes(students: Mapping[str, Iterable[Answer]]) -> list[Change]:
    """What became of every question that was asked before and after, p values adjusted over those with a pair.

    Args:
        students: answers of each by time. Of several answers of one student to a question, the first one before and the
            first one after count.
    """
    found: dict[str, Change] = {}
    for answers in students.values():
        for name, (first, last) in _asked(answers).items():
            told = first or last
            assert told is not None, "there is an answer, or no name"
            one = found.setdefault(name, Change(name, told.lesson, told.misconception, (0, 0, 0, 0)))
            found[name] = _with(one, first, last)
    adjusted = holm_adjusted({name: one.p for name, one in found.items() if one.pairs})
    return [
        replace(found[name], adjusted=adjusted.get(name))
        for name in sorted(found, key=lambda name: (found[name].lesson, name))
    ]


def _asked(answers: Iterable[Answer]) -> dict[str, tuple[Answer | None, Answer | None]]:
    """By question, the first answer before and the first one after."""
    first: dict[tuple[str, str], Answer] = {}
    for one in answers:
        if one.kind in ("before", "after"):
            first.setdefault((one.question, one.kind), one)
    names = dict.fromkeys(name for name, _ in first)
    return {name: (first.get((name, "before")), first.get((name, "after"))) for name in names}


def _with(change: Change, before: Answer | None, after: Answer | None) -> Change:
    """`change` with one more student; an answer after that came first is none."""
    if before is None or after is None or not before.right or not after.right or after.time < before.time:
        return replace(change, unpaired=change.unpaired + 1)
    flow = [*change.flow]
    flow[2 * (before.right == "1") + (after.right == before.right)] += 1
    return replace(change, flow=(flow[0], flow[1], flow[2], flow[3]))


def by_misconception(found: Iterable[Change]) -> list[Change]:
    """The changes of all questions about the same misconception together, by the alphabet; without a p value."""
    together: dict[str, list[Change]] = {}
    for one in found:
        if one.misconception:
            together.setdefault(one.misconception, []).append(one)
    return [_sum(name, together[name]) for name in sorted(together)]


def _sum(name: str, some: Sequence[Change]) -> Change:
    flow = [reduce(add, counts) for counts in zip(*(one.flow for one in some), strict=True)]
    return Change(name, "", name, (flow[0], flow[1], flow[2], flow[3]), sum(one.unpaired for one in some))
