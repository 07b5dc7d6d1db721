"""`python -m benchmarks.seats LESSON... --seats 30`: which pictures of a seat give the question before and after another right answer.

Where the right answer is the same both times, a student may be right by habit. A seat's picture after is the first of a few turns whose
answer differs from that of the picture before; where none does, the first turn stays. The outcome is in `tutorials/seating.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from tutorials.claims.many import once_loaded
from tutorials.findings import finding
from tutorials.findings.context import Run
from tutorials.key import answer
from tutorials.lessons import Twin, lessons
from tutorials.seating import TURNS, turns
from tutorials.views import view
from worlds.seats import seated

TRIED = 5
"""Turns of the picture after."""


def turn(before: str, after: Callable[[int], str]) -> int:
    """The first turn with an answer that is not the one before; 0 if there is none.

    >>> turn("Red", ["Red", "", "Blue"].__getitem__), turn("Red", lambda _turn: "Red")
    (2, 0)
    """
    return next((at for at in range(TRIED) if after(at) not in ("", before)), 0) if before else 0


def measured(lesson: str, twin: Twin, seats: int, run: Run) -> list[int]:
    """The turns of seats 1 to `seats`."""

    def said(thing: str) -> str:
        return answer(finding(twin.finding)(view(lesson, twin.set, thing, run)))

    return [
        turn(said(seated(twin.before, seat)), lambda at, seat=seat: said(seated(twin.after, seat, at)))  # type: ignore[misc]
        for seat in range(1, seats + 1)
    ]


@click.command()
@click.argument("names", nargs=-1, metavar="[LESSON...]", type=click.Choice(sorted(lessons())))
@click.option("--seats", type=click.IntRange(1, 999), default=30, show_default=True)
def main(names: tuple[str, ...], seats: int) -> None:
    """Measure the LESSONs, or those that stand in the file, and write it after each."""
    run = once_loaded()
    for name in names or tuple(turns()):
        twin = lessons()[name].twin
        if twin is None:
            raise click.UsageError(f"{name} asks nothing before and after.")
        made = {"before": twin.before, "after": twin.after, "turns": measured(name, twin, seats, run)}
        turns()[name] = made
        lines = [f"{json.dumps(one)}: {json.dumps(turns()[one])}" for one in sorted(turns())]
        TURNS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        click.echo(f"{name}: {sum(map(bool, made['turns']))} of {seats} seats have another turn")


if __name__ == "__main__":
    main()
