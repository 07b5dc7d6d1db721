"""The answers of one visit as a table: typed, written so that a spreadsheet runs nothing in it, and read back with suspicion."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from vit_attention.gate import LIMITS, GateError, Schema
from vit_attention.gate.schema import refusal

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
_Finding = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}\.[a-z][a-z0-9_]{0,59}$")]
_Short = Annotated[str, Field(max_length=200)]
_Said = Annotated[str, Field(max_length=1000)]
_Long = Annotated[str, Field(max_length=4000)]


class Answer(Schema):
    """One answer, as the columns of a visit's table have it: all fields are text.

    Attributes:
        time: when, in UTC, to the second.
        student: number of the seat, 1 to 999; "" without one.
        lesson: its page.
        step: of the lesson; 0 for the question before it, one more than the last for the question after it.
        kind: what was answered.
        question: name of the finding that knows the solution.
        misconception: what the question is about; "" for none.
        model, picture: what was looked at.
        answer: what was chosen or written.
        right: "1" or "0"; "" where it was not graded.
        solution: what the finding says; "" where it was not asked.
        why: the reason given, in the student's words.
        tries: how many answers were given; "" where there is one only.
    """

    time: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)$")]
    student: Annotated[str, Field(pattern=r"^([1-9]\d{0,2})?$")]
    lesson: _Name
    step: Annotated[str, Field(pattern=r"^\d{1,2}$")]
    kind: Literal["before", "after", "guess", "check", "claim"]
    question: _Finding
    misconception: _Short
    model: _Short
    picture: _Short
    answer: _Said
    right: Literal["1", "0", ""]
    solution: _Said
    why: _Long
    tries: Annotated[str, Field(pattern=r"^\d{0,3}$")]


COLUMNS = tuple(Answer.model_fields)
"""The columns of a visit's table, in their order."""

_LIVE = tuple("=+-@\t\r")
"""What a cell begins with that a spreadsheet runs, or may take for something to run."""


def written(answers: Iterable[Answer]) -> str:
    """The answers as CSV with a head line; text that a spreadsheet would run has an apostrophe before it.

    >>> made = dict.fromkeys(COLUMNS, "") | {"lesson": "heads", "why": "=1+1"}
    >>> print(written([Answer.model_construct(**made)]).splitlines()[1])
    ,,heads,,,,,,,,,,'=1+1,
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow(COLUMNS)
    lines.writerows([tame(getattr(one, name)) for name in COLUMNS] for one in answers)
    return out.getvalue()


def tame(text: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{text}" if text.startswith((*_LIVE, "'")) else text


def read(data: bytes, file: str) -> tuple[Answer, ...]:
    """The answers in the bytes of a table from outside.

    Args:
        data: CSV as `written` makes it, also as a spreadsheet saves it again: with semicolons or tabs, in UTF-8, UTF-16 or
            Windows-1252, with more columns or in another order.
        file: its name, for the message.

    Raises:
        GateError: too large, no such table, or a cell that cannot be; says which.
    """
    LIMITS["answers file"].check(len(data), file)
    lines = _lines(_decoded(data, file), file)
    if not lines or not {*COLUMNS} <= {*(head := [name.strip().lower() for name in lines[0]])}:
        known = [name for name in COLUMNS if lines and name in (one.strip().lower() for one in lines[0])]
        missing = ", ".join(name for name in COLUMNS if name not in known)
        raise GateError(
            file, "the columns of a visit's answers", f"a table without {missing}" if known else "another file"
        )
    places = {name: head.index(name) for name in COLUMNS}
    LIMITS["answers"].check(len(lines) - 1, file)
    rows = [line for line in lines[1:] if any(cell.strip() for cell in line)]
    return tuple(_answer(line, places, f"row {at}", file) for at, line in enumerate(rows, start=1))


def _decoded(data: bytes, file: str) -> str:
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    kinds = ["utf-16"] if marked else ["utf-8-sig", "cp1252"]  # spreadsheets of Windows save in the last
    for kind in kinds:
        try:
            text = data.decode(kind)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise GateError(file, "text in UTF-8", "bytes that are no text")


def _lines(text: str, file: str) -> list[list[str]]:
    """The cells line by line; the sign between them is the one that is most often in the head line."""
    head = text.partition("\n")[0]
    between = max(",;\t", key=head.count)
    try:
        table = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
        return list(islice(table, LIMITS["answers"].most + 2))  # one more than fits is enough to refuse it
    except csv.Error as error:
        raise GateError(file, "a table of comma-separated values", f"one that cannot be read ({error})") from error


def _answer(line: Sequence[str], places: dict[str, int], where: str, file: str) -> Answer:
    if len(line) <= max(places.values()):
        raise GateError(file, f"at least {max(places.values()) + 1} cells", f"{len(line)}", field=where)
    try:
        return Answer(**{name: _as_meant(line[at]) for name, at in places.items()})  # type: ignore[arg-type]
    except ValidationError as error:
        found = refusal(error, file)
        raise GateError(file, found.want, found.got, field=f"{where}, {found.field}") from error


def _as_meant(cell: str) -> str:
    """A cell without the apostrophe that kept a spreadsheet from running it."""
    return cell[1:] if re.match(r"'['=+\-@\t\r]", cell) else cell
