"""What was found of a class as lines of a table: for the command, for files, and for the page."""

import csv
import io
from collections.abc import Sequence

from tutorials.study.answers import tame
from tutorials.study.changes import FLOWS, Change

HEAD = (
    "question",
    "lesson",
    "misconception",
    "pairs",
    "unpaired",
    "right_before",
    "before_low",
    "before_high",
    "right_after",
    "after_low",
    "after_high",
    "gain",
    "gain_low",
    "gain_high",
    "wrong_right",
    "wrong_wrong",
    "right_wrong",
    "right_right",
    "p",
    "p_adjusted",
)
"""Columns of the table of questions: counts of students, shares from 0 to 1 with their 95 % intervals, p values."""


def to_csv(found: Sequence[Change]) -> str:
    """One line for each question, by the columns of `HEAD`; cells are empty where there is no number."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow(HEAD)
    lines.writerows([_cell(one) for one in _line(change)] for change in found)
    return out.getvalue()


def _line(one: Change) -> list[object]:
    (before, after), gain = one.intervals, one.gain if one.pairs else ("", "", "")
    low_high = [*before, *after] if one.pairs else [""] * 4
    shares = [one.before, *low_high[:2], one.after, *low_high[2:]]
    p = one.p if one.pairs else ""
    who = [tame(name) for name in (one.name, one.lesson, one.misconception)]
    return [*who, one.pairs, one.unpaired, *shares, *gain, *one.flow, p, one.adjusted]


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def in_words(one: Change) -> str:
    """A question's outcome in one sentence.

    >>> print(in_words(Change("heads.example", "heads", "", (9, 5, 1, 5), 2, adjusted=0.0215)))
    heads.example: right before 6 of 20 (30 %, 95 % interval 15 to 52 %), after 14 of 20 (70 %, 48 to 85 %); gain +40 percentage points (+10 to +63), p = 0.021 (exact McNemar), adjusted 0.021; 9 wrong, then right; 5 wrong both times; 1 right, then wrong; 5 right both times; 2 not paired
    """
    if not one.pairs:
        return f"{one.name}: no pair of graded answers; {one.unpaired} not paired"
    before, after = one.intervals
    middle, low, high = (100 * part for part in one.gain)
    n = one.pairs
    parts = [
        f"{one.name}: right before {one.before} of {n} ({100 * one.before / n:.0f} %, 95 % interval {_span(before)}), "
        f"after {one.after} of {n} ({100 * one.after / n:.0f} %, {_span(after)})",
        f"gain {middle:+.0f} percentage points ({low:+.0f} to {high:+.0f}), {said_p(one.p)} (exact McNemar)"
        + (
            f", adjusted {said_p(one.adjusted).removeprefix('p = ').removeprefix('p ')}"
            if one.adjusted is not None
            else ""
        ),
        *(f"{count} {name}" for count, name in zip(one.flow, FLOWS, strict=True)),
        f"{one.unpaired} not paired",
    ]
    return "; ".join(parts)


def _span(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:.0f} to {100 * ends[1]:.0f} %"


def said_p(p: float) -> str:
    """A p value as it is written.

    >>> said_p(0.0123), said_p(1e-9)
    ('p = 0.012', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
