"""`python -m benchmarks.keys LESSON...`: processor seconds that a seat of the answer key takes, for `tutorials/pack/seconds.json`."""

from __future__ import annotations

import json
import time

import click

from tutorials.key import Key
from tutorials.lessons import Lesson, lessons
from tutorials.pack.duration import SECONDS, measured

SEATS = 3
"""Seats that are measured; all but the first share what was loaded."""


def seconds(lesson: Lesson) -> tuple[float, float]:
    """Of the first seat, and of each further one on average; on as many cores as the process uses together."""
    key, spent = Key(lesson), []
    for seat in range(1, SEATS + 1):
        begin = time.process_time()
        key.of(seat)
        spent.append(time.process_time() - begin)
    return round(spent[0], 1), round(sum(spent[1:]) / (SEATS - 1), 1)


@click.command()
@click.argument("names", nargs=-1, metavar="[LESSON...]", type=click.Choice(sorted(lessons())))
def main(names: tuple[str, ...]) -> None:
    """Measure the LESSONs, or all, and write the file after each; set OMP_NUM_THREADS=1 for one core."""
    for name in names or tuple(lessons()):
        measured()[name] = seconds(lessons()[name])
        lines = [f"{json.dumps(one)}: {json.dumps(measured()[one])}" for one in sorted(measured())]
        SECONDS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        click.echo(f"{name}: {measured()[name]}")


if __name__ == "__main__":
    main()
