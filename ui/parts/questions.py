"""Guess, lock, reveal: questions graded from the live numbers; an answer belongs to the view that it was given for."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from tutorials.findings import Finding, finding
from tutorials.lessons import Lesson, Question
from ui.frame import texts
from ui.store import resources

GIVEN = "_answers"
"""Session key: (lesson, finding, view) to the answers given there, in order."""


def _given(lesson: str, question: Question, now: Any) -> list[Any]:
    kept: dict[Any, list[Any]] = st.session_state.setdefault(GIVEN, {})
    return kept.setdefault((lesson, question.finding, now.view), [])


def answered(lesson: str, question: Question, now: Any) -> bool:
    """Whether the answer is on the page for this view: it was right, was missed twice, or was asked for."""
    given = _given(lesson, question, now)
    return bool(given) and (len(given) > 1 or given[0] is None or right(given[0], question, _found(question, now)))


def _found(question: Question, now: Any) -> Finding:
    return resources.once(("finding", question.finding, now.view), lambda: finding(question.finding)(now))


def right(given: Any, question: Question, found: Finding) -> bool:
    """Whether an answer is one of those of a finding, or near enough to its number."""
    if question.options:
        return given in found.answer if isinstance(found.answer, tuple) else given == str(found.answer)
    return isinstance(found.answer, (int, float)) and abs(float(given) - float(found.answer)) <= question.tolerance


def ask(lesson: str, question: Question, now: Any, kind: str, number: int = 0) -> None:
    """Draw a question of the kind "guess" or "check", and what there is to say to the answers given so far.

    `number` tells the buttons of several questions apart.
    """
    given = _given(lesson, question, now)
    done = answered(lesson, question, now)
    with st.container(border=True):
        st.markdown(texts.say(kind, question=question.question))
        # A new view gets a new widget, so that no old answer is graded by it.
        key = f"{lesson}_{question.finding}_{abs(hash(now.view)) % 10**9}_{len(given)}"
        if not done:
            _field(question, kind, key, given, f" ({number})" if number else "")
        if given:
            _say(question, given, now, done)


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
    found, last = _found(question, now), given[-1]
    if found.answer is None or last is None:
        st.info(found.text)
    elif right(last, question, found):
        st.success(texts.say("right", text=found.text))
    else:
        st.warning(texts.say("solution", text=found.text))


def key(lesson: Lesson, now: Any) -> None:
    """The answers to every question of a lesson, from what is shown now."""
    for question in lesson.questions:
        st.markdown(f"**{question.question}** {_found(question, now).text}")
