"""Page "The leaderboard": how every method fared on every bundled model, as it was measured; no model is run here."""

import csv
import io
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from tutorials.findings import leaderboard as found
from tutorials.findings.standings import CONTROL, Board, Standing, boards
from ui.parts import components, lesson, panels, trust, widgets
from ui.parts.lesson import View
from visualizer.figures import standings

BOARD, MEASURE, MOST = "board", "measure", "most_passes"
"""Keys of the model, of the measure that ranks, and of the cost that is allowed."""
COSTS = {"any cost": None, "at most 50 passes": 50, "one pass": 1}
COMMAND = "python -m benchmarks.methods {}"
NAMED = ("raw", "rollout", "relevance", "attnlrp", "grad-cam", "occlusion", "rise", "colour contrast", "random map")
"""What has its name beside its point."""


class Looked(NamedTuple):
    """The model whose standings are shown, the measure that ranks them, and the cost that is allowed."""

    model: str
    measure: str
    cost: str

    @property
    def board(self) -> Board:
        """Its standings."""
        return boards()[self.model]

    @property
    def view(self) -> tuple[object, ...]:
        """What the answers belong to."""
        return (self.model,)

    @property
    def rows(self) -> list[Standing]:
        """The lines that are shown, best first."""
        return found.ranked(self.board, self.measure, COSTS[self.cost])

    @property
    def unit(self) -> str:
        """What the measure is called, with its unit."""
        return found.MEASURES[self.measure][1].format(score=self.board.score)


def choose(_picture: str) -> str:
    """Draw the menu of models; the name of the one that is shown."""
    return widgets.menu("Model of the board", tuple(boards()), BOARD, place=st.sidebar)


def context(model: str, needs: Sequence[str]) -> Looked:
    """Draw the pickers that a figure needs; what the figures are given."""
    left, right = st.columns(2) if {MEASURE, MOST} & {*needs} else (None, None)
    measures = found.measures_of(boards()[model])
    measure = widgets.menu("Sort by", measures, MEASURE, place=left if MEASURE in needs else None)
    return Looked(
        model, measure, widgets.menu("Cost of a map", tuple(COSTS), MOST, place=right if MOST in needs else None)
    )


def ranking(now: Looked) -> None:
    """All methods and controls, best first, with their intervals."""
    components.kept(now, "leaderboard_ranking", _ranking, now.measure, now.cost)


def _ranking(now: Looked, *_asked: str) -> tuple[Any, str, str]:
    lines = [standings.Line(one.name, *_parts(one, now.measure), one.kind == CONTROL, _cost(one)) for one in now.rows]
    figure = standings.ranking(
        lines, now.unit, title=f"{now.model}: {now.measure}", height=min(440, 110 + 15 * len(lines))
    )
    said = "; ".join(f"{at}. {one.name} {one.value:.3g}" for at, one in enumerate(lines, start=1))
    return figure, f"{now.unit}, best first: {said}.", f"{now.board.about} Bars are intervals of 95 %."


def _parts(row: Standing, measure: str) -> tuple[float, float, float]:
    known = found.estimate(row, measure)
    assert known is not None, "ranked gives lines that have it"
    return known.value, known.low, known.high


def _cost(row: Standing) -> str:
    passes = "" if row.passes is None or row.kind == CONTROL else f", {row.passes} passes a map"
    return f"{row.cases} cases{passes}"


def other_object(now: Looked) -> None:
    """Of every method, how often it points at the thing that is asked about, and how often at another."""
    points = [
        standings.Point(one.name, 100 * one.hit.value, 100 * one.other, one.kind == CONTROL)
        for one in now.board.rows
        if one.other is not None
    ]
    _draw(now, "leaderboard_other", points, "points at the thing asked about, %", "at another thing in %")


def two_questions(now: Looked) -> None:
    """Agreement with the outline against what the model uses."""
    points = [
        standings.Point(one.name, 100 * one.hit.value, one.deletion.value, one.kind == CONTROL)
        for one in now.board.rows
        if one.deletion is not None
    ]
    _draw(now, "leaderboard_two", points, "points at the thing asked about, %", "deletion AUC (low is good)")


def cost(now: Looked) -> None:
    """What a map costs against how well it points."""
    points = [
        standings.Point(one.name, float(one.passes), 100 * one.hit.value)
        for one in now.board.rows
        if one.passes and one.kind != CONTROL
    ]
    _draw(now, "leaderboard_cost", points, "forward passes of a map", "points at the thing in %", log=True)


def _draw(now: Looked, key: str, points: list[standings.Point], across: str, up: str, **look: Any) -> None:
    if not points:
        st.info(f"This was not measured of {now.model}; another board of the menu in the sidebar has it.")
        return

    def make(_now: Looked) -> tuple[Any, str, str]:
        figure = standings.against(points, across, up, named=NAMED, title=now.model, height=380, **look)
        said = "; ".join(f"{one.name} {one.x:.3g}, {one.y:.3g}" for one in points)
        return figure, f"{across}, {up}: {said}.", "Hovering names every point; *In words* has all numbers."

    components.kept(now, key, make)


def models(now: Looked) -> None:
    """Where each method stands on every model: its share of hits."""
    everywhere = {name: {one.name: one for one in board.rows} for name, board in boards().items()}
    names = [one.name for one in found.methods_of(now.board, "points at it")]
    columns = {"points at the thing, in %": names}
    for model, rows in everywhere.items():
        columns[model] = [f"{100 * rows[name].hit.value:.0f}" if name in rows else "–" for name in names]
    components.table(columns)
    components.say_wide()
    st.caption(
        "Best on the chosen model first; – where a model has no such map. The tasks differ, so compare orders, not numbers."
    )


def below(now: Looked) -> None:
    """All numbers of the chosen model, how they were made, and the table as a file."""
    if panels.wanted(panels.WORDS):
        components.table(_table(now))
        components.say_wide()
    trust.draw("", facts(now.board))
    components.code_box(CODE.format(model=now.model), [COMMAND.format(now.model)])
    components.downloads("leaderboard", {"Leaderboard (CSV)": ("leaderboard.csv", partial(leaderboard_csv, now.model))})


CODE = """import vit_attention as va

found = va.faithfulness(va.load("scene-vit"), "scene-24", "rollout")  # the same curves for one map of your own model
print(found.table())
"""


def _table(now: Looked) -> dict[str, list[str]]:
    rows = now.rows
    wide = lambda one: f"{100 * one.value:.0f} ({100 * one.low:.0f} to {100 * one.high:.0f})"  # noqa: E731
    columns = {
        "": [one.name + " (knows no model)" * (one.kind == CONTROL) for one in rows],
        "cases": [str(one.cases) for one in rows],
        "points at it, %": [wide(one.hit) for one in rows],
        "at another, %": ["–" if one.other is None else f"{100 * one.other:.0f}" for one in rows],
        "untrained, %": ["–" if one.untrained is None else f"{100 * one.untrained:.0f}" for one in rows],
        "inside, %": [f"{100 * one.inside.value:.0f}" for one in rows],
        "IoU": [f"{one.iou.value:.2f}" for one in rows],
        "deletion": ["–" if one.deletion is None else f"{one.deletion.value:.2f}" for one in rows],
        "insertion": ["–" if one.insertion is None else f"{one.insertion.value:.2f}" for one in rows],
        "passes": ["–" if one.passes is None else str(one.passes) for one in rows],
    }
    return {name: cells for name, cells in columns.items() if any(cell != "–" for cell in cells)}


def facts(board: Board) -> list[trust.Fact]:
    """What can be checked about the numbers."""
    found_at = COMMAND.format(board.model)
    return [
        (
            "measured by",
            found_at,
            "on inputs that no training ever saw; a test compares the weights that were measured",
        ),
        ("weights", board.weights, "first digits of their SHA-256; other weights would have another board"),
        ("settings", "defaults", "every method at its default parameters; tuned ones may do better or worse"),
    ]


def leaderboard_csv(model: str) -> bytes:
    """The standings of a model as a table."""
    columns = ("hit", "inside", "iou", "deletion", "insertion")
    rows = []
    for one in boards()[model].rows:
        row: dict[str, object] = {"model": one.model, "name": one.name, "kind": one.kind, "cases": one.cases}
        for name in columns:
            known = getattr(one, name)
            row |= {f"{name}{end}": None if known is None else getattr(known, part) for end, part in ENDS.items()}
        rows.append({**row, "other": one.other, "untrained": one.untrained, "passes": one.passes, "ms": one.ms})
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return out.getvalue().encode()


ENDS = {"": "value", "_low": "low", "_high": "high"}

PAGE = lesson.Page(
    "leaderboard",
    {
        "ranking": View(ranking, (MEASURE, MOST)),
        "other": View(other_object, ()),
        "two questions": View(two_questions, ()),
        "cost": View(cost, ()),
        "models": View(models, ()),
    },
    below,
    choose,
    context,
    lambda _now: None,
    BOARD,
)
