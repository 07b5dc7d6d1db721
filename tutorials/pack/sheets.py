"""The sheets of the pack, from the lesson file and the answer key: nothing in them is written by hand."""

import io
import re
from collections.abc import Iterator, Sequence

from tutorials.findings.context import Picture as Shown
from tutorials.findings.page import Document
from tutorials.key import Asked, Solved, asked
from tutorials.lessons import Lesson, Question, Step
from tutorials.pack.blocks import Block, Choices, Heading, Picture, Room, Table, Text, readable
from tutorials.pack.links import link, qr
from tutorials.seating import seating
from worlds.naming import parse
from worlds.sentences import Sentence

SIDE = 480
"""Pixels of the longer side of a printed picture."""
CODE_MM, PICTURE_MM = 30, 70


def plan(lesson: Lesson, server: str) -> Iterator[Block]:
    """What the teacher does when: minutes, what to ask, what to expect, the trap, the links."""
    yield Heading(f"{lesson.title}: plan for the teacher", 1)
    yield Text(f"{lesson.minutes} minutes. {lesson.story}")
    yield Heading("Afterwards a student can")
    yield from (Text(f"• {readable(one)}") for one in lesson.objectives)
    if lesson.trap:
        yield Heading("The trap")
        yield Text(readable(lesson.trap))
    if lesson.twin:
        believed = lesson.twin.misconception
        yield Heading("Asked before and after")
        yield Text(readable(lesson.twin.question))
        yield Text(f"Many believe: {readable(believed.wrong)} In fact: {readable(believed.right)}")
    if lesson.plan:
        yield Heading("Minutes")
        rows = [
            (_steps(one.first, one.last), f"{one.minutes} min", readable(one.ask), readable(one.expect))
            for one in lesson.plan
        ]
        yield Table(("Steps", "Time", "Ask", "Expect"), tuple(rows), (12, 12, 38, 38))
    for heading, text in lesson.sections.items():
        if heading.startswith("For the teacher"):
            yield Heading(heading)
            yield from (Text(readable(part)) for part in re.split(r"\n\n|\n(?=\d+\. |- )", text))
    yield from _links(lesson, server)


def _steps(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _links(lesson: Lesson, server: str) -> Iterator[Block]:
    yield Heading("Links")
    yield Text(f"For the class: {link(server, lesson.name)}")
    yield Picture(qr(link(server, lesson.name)), f"QR code of {link(server, lesson.name)}", CODE_MM)
    yield Text(f"For a seat: {link(server, lesson.name)}?student=17, with the number of the seat.")
    yield Text(f"For you: {link(server, lesson.name, teacher=True)}")
    rows = [
        (name(lesson, n), link(server, lesson.name, n), link(server, lesson.name, n, present=True))
        for n in numbers(lesson)
    ]
    yield Table(("Step", "Address", "On the projector"), tuple(rows), (30, 32, 38))


def numbers(lesson: Lesson) -> range:
    """Of the steps, with the questions around them."""
    return range(0 if lesson.twin else 1, len(lesson.steps) + (2 if lesson.twin else 1))


def name(lesson: Lesson, number: int) -> str:
    """A step by its number and title."""
    if number == 0:
        return "Before the lesson"
    return f"{number}. {lesson.steps[number - 1].title}" if number <= len(lesson.steps) else "After the lesson"


def worksheet(lesson: Lesson, server: str, seat: int = 0) -> Iterator[Block]:
    """The questions of a lesson with room to write, and the seat's pictures."""
    yield Heading(lesson.title + (f", seat {seat}" if seat else ""), 1)
    yield Room(1, "Name")
    where = link(server, lesson.name, seat=seat)
    yield Text(f"Open {where}")
    yield Picture(qr(where), f"QR code of {where}", CODE_MM)
    if lesson.picture:
        home = seating(lesson, seat).first
        yield Heading(f"Your picture: {_title(home)}")
        yield from _picture(home)
    questions = {one.step: one for one in asked(lesson, seat)}
    for number in numbers(lesson):
        if number in questions and questions[number].kind in ("before", "after"):
            yield from _around(questions[number], seating(lesson, seat).first)
        elif 1 <= number <= len(lesson.steps):
            yield from _step(lesson.steps[number - 1], number)


def _around(one: Asked, above: str) -> Iterator[Block]:
    """The question before or after; its picture, unless it is the one `above`."""
    yield Heading(f"{one.kind.capitalize()} the lesson: {_title(one.thing)}")
    if one.thing != above:
        yield from _picture(one.thing)
    yield Text("The figure that this question asks about is on the screen.")
    yield from _question(one.question)
    yield Room(2, "Why?")


def _title(name: str) -> str:
    known = parse(name)
    return known.title if known else name


def _picture(name: str) -> Iterator[Block]:
    """What is looked at: a picture, or a text in words; nothing for a model."""
    known = parse(name)
    if known is None:
        return
    made = known.draw()
    if isinstance(made, Sentence):
        yield Text(made.text)
        return
    opened = (
        Shown.photograph if known.kind == "photograph" else Shown.drawn if known.kind == "scene" else Document.drawn
    )
    image, out = opened(name).image.convert("RGB"), io.BytesIO()
    image.thumbnail((SIDE, SIDE))
    image.save(out, "JPEG", quality=85)
    yield Picture(out.getvalue(), known.title, PICTURE_MM)


def _question(question: Question) -> Iterator[Block]:
    yield Text(readable(question.question))
    if question.options:
        yield Choices(tuple(map(readable, question.options)))
    else:
        yield Room(1, f"Answer ({readable(question.unit)})" if question.unit else "Answer")


def _step(step: Step, number: int) -> Iterator[Block]:
    yield Heading(f"Step {number}: {readable(step.title)}")
    if step.do:
        yield Text(readable(step.do))
        yield Room(2)
    for question in (step.predict, step.check):
        if question:
            yield from _question(question)
            yield Room(1, "Why?")
    if step.claim:
        yield Text(f"“{readable(step.claim.text)}” {readable(step.claim.test)}")
        yield Room(2, "What came out?")


def key(lesson: Lesson, lines: Sequence[Solved]) -> Iterator[Block]:
    """What the page says to every question, seat by seat."""
    yield Heading(f"{lesson.title}: answer key", 1)
    yield Text("From the same numbers as the page shows. An empty answer cannot be tested on that picture.")
    yield table(lines)


def table(lines: Sequence[Solved]) -> Table:
    """The key alone."""
    rows = [(_seat(one), _where(one), readable(one.question), one.answer, readable(one.text)) for one in lines]
    return Table(("Seat", "Where", "Question", "Answer", "Why"), tuple(rows), (7, 17, 26, 16, 34))


def _seat(one: Solved) -> str:
    return str(one.seat) if one.seat else ""


def _where(one: Solved) -> str:
    step = one.kind if one.kind in ("before", "after") else f"step {one.step}"
    return f"{step}: {_title(one.looked_at) or one.model}"
