"""Going through a lesson: the step that the address names, what it sets and gives back, and the bar of steps."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from tutorials.lessons import Lesson, Step, lessons
from ui.frame import address, state, texts
from ui.parts import around, live, visit, widgets

# Session key: what the present step has set, with the values before.
BEFORE = "_step_before"
# Session key: which answered questions have set the figure since the step was entered.
SHOWN = "_step_shown"


def enter(lesson: Lesson, shown: str) -> None:
    """The step that the address names, and what it sets, unless the address says otherwise."""
    first, last = around.ends(lesson)
    before, linked = st.session_state.get(state.STEP), bool(address.of_session().asked)
    address.take(state.STEP, 1 if linked else around.begins(lesson), partial(_number, first, last), "step")
    st.session_state[state.STEP] = step = int(widgets.within(st.session_state[state.STEP], first, last))
    if visit.came_back() and step < (begins := around.begins(lesson)):  # answered before the page was reloaded
        go(lesson.name, shown, begins)
    elif before is None:
        visit.of_session().bare = not linked
        if not linked:  # what the last step of another lesson set, beside what every lesson begins anew
            _set_back([key for key in st.session_state.get(BEFORE, {}) if key not in state.OF_A_LESSON])
        _set(around.step(lesson, step, shown))


def _number(first: int, last: int, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and first <= int(text[:9]) <= last):
        raise ValueError(f"There is no step {widgets.quoted(text)[1:-1]}, only {first} to {last}")
    return int(text)


def _set(step: Step) -> None:
    """Give the view what the step sets; what it had comes back on leaving."""
    given = st.session_state
    given[SHOWN] = set()
    given[BEFORE], address.of_session().given = {key: given.get(key) for key in step.set}, step.set
    for key, value in step.set.items():
        if not address.wanted(key):
            given[key] = value


def show(what: Mapping[str, Any], why: object) -> None:
    """Set the figure to what was asked, once for each reason while a step is open; it comes back on leaving the step."""
    given = st.session_state
    if why in given.setdefault(SHOWN, set()):
        return
    given[SHOWN].add(why)
    given[BEFORE] = {key: given.get(key) for key in what} | given.get(BEFORE, {})
    for key, value in what.items():
        if not address.wanted(key):
            given[key] = value


def _set_back(keys: Iterable[str]) -> None:
    for key in keys:
        address.forget([key])
        # Kept as well: the next step may draw no control of it, and Streamlit then drops its value.
        if (value := st.session_state[BEFORE][key]) is not None:
            st.session_state[key] = address.of_session().kept[key] = value


def go(lesson: str, shown: str, number: int) -> None:
    """To another step; for callbacks."""
    told, looked_at = lessons()[lesson], _sidebar()
    _set_back(st.session_state.get(BEFORE, {}))
    st.session_state[state.STEP] = step = int(widgets.within(number, *around.ends(told)))
    _set(around.step(told, step, shown))
    if _sidebar() != looked_at:
        live.whole_page()


def leave_question() -> None:
    """From a question around a lesson to the lesson's step beside it: what a visitor brings is looked at there; for callbacks."""
    if told := lessons().get(address.of_session().page):
        step, (first, last) = int(st.session_state.get(state.STEP, 1)), around.ends(told)
        if around.kind(told, step):
            go(told.name, "", 1 if step == first else last - 1)


def _sidebar() -> tuple[Any, ...]:
    """What the sidebar shows: the controls noted before the live part began."""
    return tuple(st.session_state.get(key) for key in address.of_session().noted.get("", ()))


def _picked(lesson: str, shown: str) -> None:
    if (number := st.session_state.get("step_bar")) is not None:
        go(lesson, shown, int(number))


def _called(lesson: Lesson, number: int) -> str:
    return texts.say(which) if (which := around.kind(lesson, number)) else str(number)


def note(lesson: Lesson) -> None:
    """Have the address carry the step, unless it opens it without: alone the question before a lesson, else the first step."""
    step = int(st.session_state[state.STEP])
    alone = address.bare({state.STEP}) and (step > 0 or visit.of_session().bare)
    address.note(state.STEP, step, around.begins(lesson) if alone else 1)


def bar(lesson: Lesson, shown: str) -> None:
    """The steps to press, and which of how many this one is."""
    (first, last), step = around.ends(lesson), int(st.session_state[state.STEP])
    st.session_state["step_bar"] = str(step)
    st.segmented_control(
        texts.say("step"),
        [str(n) for n in range(first, last + 1)],
        key="step_bar",
        required=True,
        label_visibility="collapsed",
        width="content",
        on_change=_picked,
        args=(lesson.name, shown),
        format_func=lambda n: _called(lesson, int(n)),
    )
    which = around.kind(lesson, step)
    said = texts.say(f"{which}_title") if which else texts.say("step_of", number=step, many=len(lesson.steps))
    st.caption(said, width="content")
