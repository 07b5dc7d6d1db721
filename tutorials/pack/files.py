"""The files of a pack: every sheet as HTML and PDF, the key as a table too, and all of them in one archive."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Sequence

from tutorials.key import COLUMNS, Key, Solved, of_seats
from tutorials.lessons import Lesson
from tutorials.pack import sheets
from tutorials.pack.blocks import Block
from tutorials.pack.links import base
from tutorials.pack.page import html
from tutorials.pack.paper import pdf
from tutorials.study.answers import tame

Progress = Callable[[int, int], object]


def packed(
    lesson: Lesson, server: str, seats: Sequence[int], key: Key | None = None, progress: Progress | None = None
) -> dict[str, bytes]:
    """Name to content of the files of a lesson.

    Args:
        lesson: whose pack.
        server: address of the class's own server.
        seats: their numbers; () for the lesson's own pictures alone.
        key: of the lesson; None loads the models that it needs.
        progress: called with (seats done, of how many) while the answers are computed.

    Raises:
        GateError: no address of a server.
    """
    server, numbers = base(server), tuple(seats) or (0,)
    return files(lesson, server, of_seats(key or Key(lesson), numbers, progress))


def files(lesson: Lesson, server: str, lines: Sequence[Solved]) -> dict[str, bytes]:
    """Likewise, from the lines of the key."""
    numbers = dict.fromkeys(one.seat for one in lines) or {0: None}
    made: dict[str, list[Block]] = {
        "plan": list(sheets.plan(lesson, server)),
        "worksheets": [block for seat in numbers for block in sheets.worksheet(lesson, server, seat)],
        "key": list(sheets.key(lesson, lines)),
    }
    found = {}
    for name, blocks in made.items():
        title = f"{lesson.title}: {name}"
        found[f"{lesson.name}/{name}.html"] = html(title, blocks).encode()
        found[f"{lesson.name}/{name}.pdf"] = pdf(title, blocks)
    return {**found, f"{lesson.name}/key.csv": table(lines)}


def table(lines: Iterable[Solved]) -> bytes:
    """The key for a spreadsheet, in which nothing runs."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    rows.writerows([tame(str(cell)) for cell in line] for line in lines)
    return out.getvalue().encode("utf-8-sig")


def zipped(made: dict[str, bytes]) -> bytes:
    """One archive of all files; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in made.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
