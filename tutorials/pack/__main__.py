"""`python -m tutorials.pack LESSON... --address URL --seats 1-30 --out DIR`: the teacher's packs of lessons."""

import sys
from pathlib import Path
from typing import Any

import click

from tutorials.key import seats as read_seats
from tutorials.lessons import Lesson, lessons
from tutorials.pack import packed
from tutorials.pack.duration import in_words
from tutorials.pack.links import base
from vit_attention.cli.values import NEW
from vit_attention.gate import GateError
from vit_attention.records.writing import write


class Seats(click.ParamType):  # type: ignore[type-arg]
    """Numbers of seats such as 1-30."""

    name = "seats"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers; refuses anything else."""
        try:
            return value if isinstance(value, tuple) else read_seats(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Address(click.ParamType):  # type: ignore[type-arg]
    """Address of the class's server."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The address; refuses what is none."""
        try:
            return base(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="LESSON...", type=click.Choice(sorted(lessons())))
@click.option(
    "--address", type=Address(), default="http://localhost:8501", show_default=True, help="Of the class's server."
)
@click.option(
    "--seats", type=Seats(), default=(), help="Numbers of seats such as 1-30; without, the lesson's own pictures."
)
@click.option("--out", type=NEW, default=Path("pack"), show_default=True, metavar="DIR")
def main(names: tuple[str, ...], address: str, seats: tuple[int, ...], out: Path) -> None:
    """Write plan, worksheets and answer key of every LESSON, as HTML and PDF, into a folder."""
    for name in dict.fromkeys(names):
        if said := in_words(name, max(len(seats), 1)):
            click.echo(f"{lessons()[name].title}: {said}", err=True)
        made = packed(lessons()[name], address, seats, progress=_progress(lessons()[name]))
        for file, content in made.items():
            try:
                click.echo(str(write(out / file, content)))
            except GateError as error:
                raise click.ClickException(str(error)) from error


def _progress(lesson: Lesson) -> Any:
    def told(done: int, many: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{lesson.title}: {done} of {many} seats", err=True, nl=done == many)

    return told


if __name__ == "__main__":
    main()
