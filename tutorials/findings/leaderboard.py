"""Lesson "The leaderboard": what the measured standings of all methods say, and what they leave open."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tutorials.findings.context import Finding
from tutorials.findings.controls import demonstration
from tutorials.findings.standings import CONTROL, METHOD, Board, Estimate, Standing, boards
from visualizer.measures.ranks import rank_correlation
from visualizer.method import methods

ONE, SEVERAL = "Yes, one is ahead of all others", "No, the intervals of several overlap"
MEASURES = {
    "points at it": ("hit", "share of maps that point at the thing asked about"),
    "weight inside": ("inside", "share of the map's weight on the thing asked about"),
    "overlap (IoU)": ("iou", "intersection over union with the thing asked about"),
    "deletion AUC": ("deletion", "deletion AUC, {score}; low is good"),
    "insertion AUC": ("insertion", "insertion AUC, {score}; high is good"),
}
"""Name in menus to what is measured and how it is called."""
LOW_IS_GOOD = ("deletion AUC",)
FEWEST = 5
"""Methods that two models must share for their orders to be compared."""


def board_of(now: Any) -> Board:
    """The standings on the model that is looked at; of another model, the first that was measured."""
    known = boards()
    return known.get(now.model) or next(iter(known.values()))


def estimate(row: Standing, measure: str) -> Estimate | None:
    """One of the measures of a line."""
    found: Estimate | None = getattr(row, MEASURES[measure][0])
    return found


def ranked(board: Board, measure: str, most: int | None = None) -> list[Standing]:
    """The lines of which a measure is known, best first.

    Args:
        board: of one model.
        measure: one of `MEASURES`.
        most: passes of a map, where only methods of at most so many are wanted; controls stay.
    """
    known = [one for one in board.rows if estimate(one, measure) is not None]
    known = [one for one in known if most is None or one.kind == CONTROL or (one.passes or 1) <= most]
    sign = 1 if measure in LOW_IS_GOOD else -1

    def value(row: Standing) -> float:
        found = estimate(row, measure)
        assert found is not None
        return sign * found.value

    return sorted(known, key=value)


def measures_of(board: Board) -> list[str]:
    """The measures that were taken of a model."""
    return [name for name in MEASURES if any(estimate(one, name) is not None for one in board.rows)]


def methods_of(board: Board, measure: str) -> list[Standing]:
    """The methods alone, best first."""
    return [one for one in ranked(board, measure) if one.kind == METHOD]


def best_control(board: Board, measure: str) -> Standing:
    """The best map that knows no model."""
    return next(one for one in ranked(board, measure) if one.kind == CONTROL)


def beaten(board: Board, measure: str) -> list[Standing]:
    """Methods whose interval does not lie wholly on the good side of the best control's estimate."""
    bar = estimate(best_control(board, measure), measure)
    assert bar is not None

    def passed(row: Standing) -> bool:
        found = estimate(row, measure)
        assert found is not None
        return found.high < bar.value if measure in LOW_IS_GOOD else found.low > bar.value

    return [one for one in methods_of(board, measure) if not passed(one)]


def agreement(
    first: Callable[[Standing], float | None], second: Callable[[Standing], float | None], board: Board
) -> float:
    """Spearman's rank correlation of two numbers over the methods of a model, from -1 to 1."""
    pairs = [(first(one), second(one)) for one in board.rows if one.kind == METHOD]
    known = np.array([(a, b) for a, b in pairs if a is not None and b is not None])
    return rank_correlation(known[:, 0], known[:, 1])


@demonstration
def not_better(now: Any) -> Finding:
    """How many methods do not point better than the best map that knows no model."""
    bar, some = best_control(board_of(now), "points at it"), beaten(board_of(now), "points at it")
    listed = ", ".join(one.name for one in some) or "none"
    return Finding(
        float(len(some)),
        f"The best map that knows no model is {bar.name}, which points at the thing in {bar.hit.value:.0%} of {bar.cases} cases. "
        f"Methods whose interval is not wholly above that: {listed}.",
    )


@demonstration
def best(now: Any) -> Finding:
    """Whether one method points better than all others, as far as the intervals tell."""
    rows = methods_of(board_of(now), "points at it")
    first = rows[0]
    same = [one.name for one in rows if one.hit.high >= first.hit.value]
    return Finding(
        SEVERAL if len(same) > 1 else ONE,
        f"{first.name} points at the thing in {first.hit.value:.0%} ({first.hit.low:.0%} to {first.hit.high:.0%}) of "
        f"{first.cases} cases. Intervals that reach as high: {', '.join(same)}.",
    )


@demonstration
def asked_or_not(now: Any) -> Finding:
    """Whether the best map that is told what it is asked about points better than the best that is not."""
    rows = methods_of(board_of(now), "points at it")
    told = [one for one in rows if methods()[one.name].asks_class or methods()[one.name].asked_by == "label"]
    blind = [one for one in rows if one not in told]
    if not told or not blind:
        return Finding(None, f"On {now.model} all {len(rows)} methods of the board are of one kind.")
    better = "Those that are told" if told[0].hit.value > blind[0].hit.value else "Those that are not told"
    return Finding(
        better,
        f"Best of those that are told what is asked about: {told[0].name}, {told[0].hit.value:.0%}. Best of the others: "
        f"{blind[0].name}, {blind[0].hit.value:.0%}.",
    )


def _spared(row: Standing) -> float | None:
    """The deletion AUC, high where it is good."""
    return None if row.deletion is None else -row.deletion.value


@demonstration
def two_questions(now: Any) -> Finding:
    """Whether methods that point well are those whose marks the model uses, by rank correlation."""
    if not board_of(now).score:
        return Finding(None, f"No score was taken of {now.model}: 0 of its lines have a deletion AUC.")
    found = agreement(lambda one: one.hit.value, _spared, board_of(now))
    said = "Hardly" if abs(found) < 0.3 else "Partly" if found < 0.8 else "Nearly the same"
    said = "The other way round" if found <= -0.3 else said
    return Finding(
        said,
        f"Rank correlation over the methods, between pointing at the thing and a low deletion AUC, on {now.model}: {found:.2f}. "
        "1 would be the same order, 0 none, -1 the opposite.",
    )


@demonstration
def other_order(now: Any) -> Finding:
    """How much the order of methods on one model says of their order on the others."""
    said = []
    for name, board in boards().items():
        if name == now.model:
            continue
        theirs = {one.name: one.hit.value for one in board.rows if one.kind == METHOD}
        shared = [one for one in board_of(now).rows if one.name in theirs and one.kind == METHOD]
        if len(shared) >= FEWEST:
            found = rank_correlation([one.hit.value for one in shared], [theirs[one.name] for one in shared])
            said.append((found, f"{name}: {found:.2f} over {len(shared)} methods"))
    if not said:
        return Finding(None, f"No other model shares {FEWEST} methods with this one.")
    mean = float(np.mean([value for value, _ in said]))
    return Finding(
        "Much" if mean > 0.8 else "Something" if mean > 0.3 else "Little",
        f"Rank correlation of pointing with the order on {now.model}: {'; '.join(text for _, text in said)}.",
    )
