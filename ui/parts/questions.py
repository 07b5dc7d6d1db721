"""Guess, lock, reveal: questions graded from the live numbers; an answer belongs to the view that it was given for."""

from collections.abc import Callable
from typing import Any, Literal

import streamlit as st

from tutorials.findings import Finding, finding
from tutorials.lessons import Lesson, Question
from ui.frame import state, texts
from ui.parts import visit
from ui.store import resources


def view(question: Question, now: Any) -> object:
    """What an answer belongs to: what the question is about, or else all that is looked at."""
    return question.about or now.view


def answered(lesson: str, question: Question, now: Any) -> bool:
    """Whether the answer is on the page for this view: it was right, was missed twice, or was asked for."""
    given = visit.tries(lesson, question.finding, view(question, now))
    return bool(given) and (len(given) > 1 or given[0] is None or right(given[0], question, found(question, now)))


def found(question: Question, now: Any) -> Finding:
    """What the finding that knows the answer says of this view."""
    return resources.once(("finding", question.finding, view(question, now)), lambda: finding(question.finding)(now))


def right(given: Any, question: Question, found: Finding) -> bool:
    """Whether an answer is one of those of a finding, or near enough to its number."""
    if question.options:
        return given in found.answer if isinstance(found.answer, tuple) else given == str(found.answer)
    return isinstance(found.answer, (int, float)) and abs(float(given) - float(found.answer)) <= question.tolerance


def mark(given: Any, question: Question, found: Finding) -> Literal["1", "0", ""]:
    """The grade of an answer as a visit's table has it; "" where there is none to give."""
    return "" if given is None or found.answer is None else "1" if right(given, question, found) else "0"


def ask(lesson: str, question: Question, now: Any, kind: Literal["guess", "check"], number: int = 0) -> None:
    """Draw a question, and what there is to say to the answers given so far.

    `number` is that of the step where several are on the page; it tells their buttons apart.
    """
    given = visit.tries(lesson, question.finding, view(question, now))
    done = answered(lesson, question, now)
    with st.container(border=True):
        st.markdown(texts.say(kind, question=question.question))
        # A new view gets a new widget, so that no old answer is graded by it.
        key = f"{lesson}_{question.finding}_{abs(hash(view(question, now))) % 10**9}_{len(given)}"
        if not done:
            _field(question, kind, key, given, f" ({number})" if number else "")
        if given:
            _say(question, given, now, done)
            _note(lesson, question, now, kind, number or int(st.session_state[state.STEP]), given, done)


def _field(question: Question, kind: str, key: str, given: list[Any], more: str) -> None:
    label = texts.say("your_guess" if kind == "guess" else "answer")
    if question.options:
        st.radio(
            label,
            question.options,
            index=None,
            key=key,
            horizontal=True,
            label_visibility="collapsed",
            on_change=_take,
            args=(key, given.append),
        )
    else:
        unit = f" ({question.unit})" if question.unit else ""
        st.number_input(f"{label}{unit}", value=None, key=key, on_change=_take, args=(key, given.append))
    st.button(texts.say("show_me") + more, key=f"{key}_show", on_click=given.append, args=(None,))


def _take(key: str, keep: Callable[[Any], None]) -> None:
    if (answer := st.session_state.get(key)) is not None:
        keep(answer)


def _say(question: Question, given: list[Any], now: Any, done: bool) -> None:
    if not done:
        st.warning(texts.say("not_quite", hint=question.hint))
        return
    told = found(question, now)
    grade = mark(given[-1], question, told)
    if not grade:
        st.info(told.text)
    elif grade == "1":
        st.success(texts.say("right", text=told.text))
    else:
        st.warning(texts.say("solution", text=told.text))


def _note(
    lesson: str,
    question: Question,
    now: Any,
    kind: Literal["guess", "check"],
    step: int,
    given: list[Any],
    done: bool,
) -> None:
    """Keep the last answer that was given; until the solution is on the page, without it."""
    last = next((one for one in reversed(given) if one is not None), None)
    grade, solution = ("0", "") if not done else (mark(last, question, told := found(question, now)), told.text)
    about = question.about._asdict() if question.about else {}
    asked = (now, lesson, step, kind, question.finding, given, view(question, now))
    visit.note(*asked, right=grade, solution=solution, **about)


def key(lesson: Lesson, now: Any) -> None:
    """The answers to every question of a lesson, from what is shown now."""
    for question in lesson.questions:
        st.markdown(f"**{question.question}** {found(question, now).text}")
