"""`python -m tutorials.study`: what a class has learned, from the tables of its visits; how large a class has to be."""

from collections.abc import Sequence
from pathlib import Path

import click

from tutorials.study.changes import Change, by_misconception, changes, larger
from tutorials.study.collected import Collected, collected
from tutorials.study.simulated import files as simulated
from tutorials.study.size import power, students
from tutorials.study.tables import in_words, to_csv
from vit_attention.cli.values import NEW, Finite
from vit_attention.gate import LIMITS, GateError, read_file
from vit_attention.gate.refusal import one_line
from vit_attention.records.writing import write


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=NEW, metavar="DIR", help="Folder for questions.csv and misconceptions.csv.")
@click.option(
    "--control",
    type=click.Path(exists=True, path_type=Path),
    help="Files of a second group, which answered twice without the lesson.",
)
@click.option("--simulate", type=int, metavar="STUDENTS", help="Simulated answers instead of files.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the simulated answers.")
@click.option(
    "--size",
    type=(float, float),
    metavar="UP DOWN",
    help="How many students it takes, if these shares go from wrong to right and from right to wrong.",
)
@click.option(
    "--power",
    "wanted",
    type=Finite(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Chance to find the change, for --size.",
)
@click.option("--questions", type=click.IntRange(1), default=1, show_default=True, help="Tested together, for --size.")
def main(
    files: Sequence[Path],
    out: Path | None,
    control: Path | None,
    simulate: int | None,
    seed: int,
    size: tuple[float, float] | None,
    wanted: float,
    questions: int,
) -> None:
    """What a class has learned: right answers before and after, with intervals and exact tests.

    FILES are the tables that students downloaded, or folders of them, of one class.
    """
    try:
        if sum((bool(files), simulate is not None, size is not None)) != 1:
            raise click.UsageError("Give either the tables of a class, or --simulate, or --size.")
        if size is not None:
            click.echo(_size(*size, wanted, questions))
            return
        given = simulated(simulate, seed).items() if simulate is not None else _read(files)
        found = collected(given)
        other = changes(collected(_read([control])).students) if control is not None else []
    except GateError as error:
        raise click.UsageError(str(error)) from error
    told = changes(found.students)
    _say(found, told, simulate is not None)
    if not found.students:
        raise click.ClickException("want a table with answers, got none that could be read")
    _compare(told, other)
    if out is not None:
        try:
            for name, some in (("questions", told), ("misconceptions", by_misconception(told))):
                write(out / f"{name}.csv", to_csv(some).encode())
        except GateError as error:
            raise click.ClickException(str(error)) from error


def _size(up: float, down: float, wanted: float, questions: int) -> str:
    level = 0.05 / questions
    count = students(up, down, wanted, level)
    text = f"{count} students with both answers: power {power(count, up, down, level):.2f}"
    return (
        f"{text} at p <= {level:.2g} (0.05 over {questions}), if {100 * up:.0f} % learn and {100 * down:.0f} % forget."
    )


def _read(files: Sequence[Path]) -> list[tuple[str, bytes]]:
    """Names and bytes of all files; one that cannot be read is said, and left out."""
    paths = [one for file in files for one in (sorted(file.glob("*.csv")) if file.is_dir() else [file])]
    LIMITS["answers files"].check(len(paths), "class", advice="Read a larger class in parts.")
    found = []
    for path in paths:
        try:
            found.append((path.name, read_file(path, "answers file")))
        except GateError as error:
            click.echo(str(error), err=True)
    return found


def _say(found: Collected, told: Sequence[Change], made_up: bool) -> None:
    if made_up:
        click.echo("These answers are simulated: no student gave them.")
    click.echo(f"{len(found.students)} students, {len(found.visits)} files")
    for name, other in found.repeated.items():
        click.echo(one_line(f"{name}: nothing that {other} does not have"))
    for name, reason in found.damaged.items():
        click.echo(f"{one_line(name)}: {reason}")
    for change in told:
        click.echo(in_words(change))


def _compare(told: Sequence[Change], other: Sequence[Change]) -> None:
    """How much larger the gains are than those of the second group, for the questions that both answered."""
    flows = {one.name: one.flow for one in other if one.pairs}
    for one in told:
        if one.pairs and one.name in flows:
            middle, low, high = (100 * part for part in larger(one.flow, flows[one.name]))
            click.echo(
                f"{one.name}: gain larger than in the control group by {middle:+.0f} percentage points "
                f"(95 % interval {low:+.0f} to {high:+.0f}; {one.pairs} and {sum(flows[one.name])} students)"
            )


if __name__ == "__main__":
    main()
