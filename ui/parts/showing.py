"""What stands beside a step of a lesson, and when: in a step, nothing that is asked is drawn before it is answered."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from tutorials.lessons import Lesson, Question, Step
from tutorials.plain import plain
from ui.frame import state, texts
from ui.parts import live, questions, steps, visit
from ui.store import documents, pictures

READ_ALL = "all"
"""Key of the switch that shows the whole lesson, and its name in the address."""


def asked(step: Step) -> Question | None:
    """The question of a step, if it has one."""
    return step.predict or step.check


def view(lesson: str, step: Step, now: Any) -> str:
    """Name of the view beside a step: until its question is answered, the one that gives nothing away."""
    question = asked(step)
    held = question and question.before and not questions.answered(lesson, question, now)
    return question.before if question and held else step.view


def reveal(lesson: str, question: Question, now: Any) -> None:
    """Have the figure show what was asked, once it is answered; what a reader changes afterwards stays."""
    if question.shows and questions.answered(lesson, question, now):
        steps.show(question.shows, (question.finding, visit.digest(questions.view(question, now))))


def written_for(lesson: Lesson, number: int, shown: str) -> None:
    """Say what a step was written for where something else is looked at, beside the button that shows it.

    Args:
        lesson: whose step.
        number: of the step, 1 first.
        shown: key of what is looked at.
    """
    own = {key: str(value) for key, value in lesson.steps[number - 1].set.items() if key in (shown, state.MODEL)}
    here = {key: str(st.session_state.get(key, "")) for key in own}
    if own == here:
        return
    st.caption(texts.say("written_for", own=_named(own, shown), here=_named(here, shown)))
    label = texts.say("show_written", number=number, own=_named(own, shown))
    st.button(label, key=f"written_{number}", on_click=_show, args=(lesson.name, shown, number))


def _named(looked: Mapping[str, str], shown: str) -> str:
    """What is looked at, and the model, in words."""
    title = {state.PICTURE: pictures.title, state.DOCUMENT: documents.title}.get(shown, plain)
    things = [title(looked[shown])] if shown in looked and shown != state.MODEL else []
    return ", ".join([*things, *([plain(looked[state.MODEL])] if state.MODEL in looked else [])])


def _show(lesson: str, shown: str, number: int) -> None:
    st.session_state[READ_ALL] = False
    steps.go(lesson, shown, number)
    live.whole_page()
