"""The answers of a visit: rows of the session, which the tab's own storage keeps over a reload. Nothing is sent anywhere."""

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Annotated, Any, Literal

import streamlit as st
from pydantic import Field

from tutorials.study.answers import Answer
from ui.frame import seat
from vit_attention.gate import LIMITS, GateError, Schema

KEY = "_visit"
"""Session key."""
BEFORE, AFTER = "before", "after"
"""Kinds of the two answers around a lesson."""
LONGEST = 1000
"""Letters of a reason, and of what a finding says in a row."""
PATIENCE = 6.0
"""Seconds for which a page waits for what the tab has kept."""
Given = str | float | None
"""An answer: what was chosen, a number, or None where the solution was asked for."""


class Kept(Schema):
    """One answer as the browser keeps it: the view that it was given for, the tries in order, and its row."""

    view: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    given: Annotated[list[Annotated[str, Field(max_length=LONGEST)] | float | None], Field(max_length=20)]
    row: Answer


class Stored(Schema):
    """A visit as the browser keeps it."""

    version: Literal[1]
    skipped: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=200)]
    kept: Annotated[list[Kept], Field(max_length=LIMITS["answers"].most)]


@dataclass
class Visit:
    """What a session knows of a visit.

    Attributes:
        session: tells this session from another one, of before a reload.
        kept: (lesson, kind, question, view) to the answer.
        skipped: questions around a lesson that were skipped, as "heads before".
        tries: (lesson, question, view) to the answers to a step's question, in order.
        dropped: whether what the tab had kept could not be read.
        back: whether it has just come back.
        bare: whether the lesson was entered by its address alone.
        heard: whether the tab has said what it had kept, if anything.
        began: when, by the monotonic clock.
    """

    session: str = field(default_factory=lambda: secrets.token_hex(8))
    kept: dict[tuple[str, str, str, str], Kept] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    tries: dict[tuple[str, str, str], list[Given]] = field(default_factory=dict)
    dropped: bool = False
    back: bool = False
    bare: bool = False
    heard: bool = False
    began: float = field(default_factory=monotonic)


def of_session() -> Visit:
    """The visit of this session."""
    found: Visit = st.session_state.setdefault(KEY, Visit())
    return found


def waiting() -> bool:
    """Whether a browser is there that has not yet said what its tab had kept: until then it is not known what was answered."""
    mine = of_session()
    asked = not mine.heard and not mine.kept and bool(st.context.headers.get("User-Agent"))
    return asked and monotonic() - mine.began < PATIENCE


def digest(view: object) -> str:
    """What a view goes by: the same after a reload."""
    return hashlib.sha256(repr(view).encode("utf-8", "replace")).hexdigest()[:16]


def tries(lesson: str, question: str, view: object) -> list[Given]:
    """The answers to a step's question of this view, in order; what is appended belongs to it."""
    mine, at = of_session(), digest(view)
    found = mine.tries.setdefault((lesson, question, at), [])
    for kind in ("guess", "check"):
        if not found and (one := mine.kept.get((lesson, kind, question, at))):
            found.extend(one.given)
    return found


def note(
    now: Any,
    lesson: str,
    step: int,
    kind: Literal["before", "after", "guess", "check", "claim"],
    question: str,
    given: Iterable[Given],
    view: object = None,
    **more: str,
) -> None:
    """Keep an answer: its row, and the tries of which it is the last.

    Args:
        now: what is looked at.
        lesson, step, kind, question: as in the columns.
        given: the answers so far, in order.
        view: what the answer belongs to, if not to all that is looked at.
        more: other columns: answer, right, solution, why, misconception.
    """
    given, key = list(given)[-20:], (lesson, kind, question, digest(view or now.view))
    answers, known = [one for one in given if one is not None], of_session().kept.get(key)
    row = {
        "time": known.row.time if known and known.given == given else _now(),
        "student": str(seat.number() or ""),
        "lesson": lesson,
        "step": str(step),
        "kind": kind,
        "question": question,
        "misconception": "",
        **_looked(now),
        "answer": _said(answers[-1]) if answers else "",
        "right": "",
        "solution": "",
        "why": "",
        "tries": str(len(answers) or ""),
        **{name: text[:LONGEST] for name, text in more.items()},
    }
    made = Kept(view=key[-1], given=given, row=Answer.model_validate(row))
    if known or len(of_session().kept) < LIMITS["answers"].most:
        of_session().kept[key] = made


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _said(answer: str | float) -> str:
    return answer if isinstance(answer, str) else f"{answer:g}"


def _looked(now: Any) -> dict[str, str]:
    """Names of the model and of what it looks at."""
    thing = getattr(now, "picture", None) or getattr(now, "document", None)
    named = (getattr(thing, "text", "") or thing.id) if thing is not None else ""
    return {"model": now.model[:200], "picture": named[:200]}


def around(lesson: str, kind: str) -> Answer | None:
    """The answer that was given before or after a lesson, if any."""
    rows = [one.row for one in of_session().kept.values() if (one.row.lesson, one.row.kind) == (lesson, kind)]
    return rows[-1] if rows else None


def seen(lesson: str, kind: str) -> bool:
    """Whether the question before or after a lesson was answered or skipped."""
    return around(lesson, kind) is not None or f"{lesson} {kind}" in of_session().skipped


def reached() -> dict[str, int]:
    """The last step of each lesson that was answered in this visit, by the name of the lesson; the questions around it count."""
    found: dict[str, int] = {}
    for one in of_session().kept.values():
        if one.row.step.isdecimal():
            found[one.row.lesson] = max(found.get(one.row.lesson, 0), int(one.row.step))
    return found


def skip(lesson: str, kind: str) -> None:
    """Have the question before or after a lesson not asked again; for callbacks."""
    if not seen(lesson, kind):
        of_session().skipped.append(f"{lesson} {kind}")


def rows() -> list[Answer]:
    """The answers of the visit, in their order of time; what was answered before a lesson is not graded until after it."""
    found = sorted((one.row for one in of_session().kept.values()), key=lambda row: row.time)
    hidden = {"right": "", "solution": ""}
    return [
        row.model_copy(update=hidden) if row.kind == BEFORE and not seen(row.lesson, AFTER) else row for row in found
    ]


def clear() -> None:
    """Forget every answer, here and in the browser; for callbacks."""
    st.session_state[KEY] = Visit(session=of_session().session, heard=True)


def text() -> str:
    """The visit as the browser keeps it; "" for an empty one."""
    mine = of_session()
    if not mine.kept and not mine.skipped:
        return ""
    kept = [one.model_dump() for one in mine.kept.values()]
    return json.dumps({"version": 1, "skipped": mine.skipped, "kept": kept})


def restore(stored: object) -> None:
    """Take back what the tab had kept, "" for nothing, beside what is here already; what cannot be read is dropped, and said."""
    mine = of_session()
    mine.heard = True
    if stored == "":
        return
    try:
        if not isinstance(stored, str):
            raise GateError("visit", "text", type(stored).__name__)
        data = stored.encode("utf-8", "replace")
        LIMITS["answers file"].check(len(data), "visit")
        found = Stored.read(data, "visit")
    except GateError:
        mine.dropped = True
        return
    for one in found.kept:
        mine.kept.setdefault((one.row.lesson, one.row.kind, one.row.question, one.view), one)
    mine.skipped = list(dict.fromkeys([*mine.skipped, *found.skipped]))[:200]
    mine.back = True


def came_back() -> bool:
    """Whether the visit has come back, since this was asked last, to a lesson that was entered by its address alone."""
    mine = of_session()
    back, mine.back = mine.back, False
    return back and mine.bare
