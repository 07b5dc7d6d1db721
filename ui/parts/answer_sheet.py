"""The answers of a visit as HTML: a table for the page, and a page of its own that prints on A4. Every text is escaped."""

from collections.abc import Sequence
from html import escape

from tutorials.lessons import lessons
from tutorials.study.answers import Answer
from ui.frame import texts
from ui.parts import cards

_COLUMNS = ("Lesson, step", "Asked", "Answer", "Grade", "Why")
_GRADES = {"1": "right", "0": "not right", "": ""}
_STYLE = """
@page { size: A4; margin: 15mm; }
body { font: 11pt/1.4 system-ui, sans-serif; color: #111; background: #fff; margin: 0 auto; max-width: 180mm; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { border: 1px solid #777; padding: 2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th:nth-child(1) { width: 15%; } th:nth-child(2) { width: 30%; } th:nth-child(4) { width: 11%; }
thead { display: table-header-group; } tr { break-inside: avoid; }
"""


def table(rows: Sequence[Answer]) -> str:
    """The answers as an HTML table, low enough to leave the page its place."""
    return cards.table(texts.say("my_answers"), _COLUMNS, map(_cells, rows), scrolls=len(rows) > 5)


def page(rows: Sequence[Answer]) -> str:
    """The answers as a page to print, which needs nothing else."""
    seats = sorted({row.student for row in rows if row.student}, key=int)
    title = texts.say("my_answers") + "".join(f", {texts.say('seat', number=one)}" for one in seats)
    times = f"{rows[0].time} to {rows[-1].time}" if rows else ""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return (
        f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{escape(title)}</h1><p>{escape(times)}</p>'
        f"{table(rows)}</body></html>"
    )


def _cells(row: Answer) -> tuple[str, ...]:
    where = {"before": texts.say("before").lower(), "after": texts.say("after").lower()}.get(
        row.kind, f"step {row.step}"
    )
    known = lessons().get(row.lesson)
    title = known.title if known else row.lesson
    answer = row.solution if row.kind == "claim" else row.answer
    return f"{title}, {where}", _asked(row), answer, _GRADES[row.right], row.why


def _asked(row: Answer) -> str:
    """What was asked, in the lesson's words, and of what."""
    known = lessons().get(row.lesson)
    asked = {}
    if known:
        asked = {one.finding: one.text for one in known.claims} | {one.finding: one.question for one in known.questions}
        asked |= {known.twin.finding: known.twin.question} if known.twin else {}
    return f"{asked.get(row.question, row.question)} ({row.picture or row.model})"
