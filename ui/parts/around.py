"""The question before a lesson and its twin after it: steps 0 and n + 1, asked without a grade first, both graded at the end."""

from typing import Any, Literal

import streamlit as st

from tutorials.key import answer
from tutorials.lessons import Lesson, Step, Twin
from tutorials.plain import plain
from tutorials.seating import seating
from tutorials.study.answers import Answer
from ui.frame import address, seat, state, texts
from ui.parts import questions, script, visit
from worlds.naming import parse
from worlds.sentences import Sentence

REVIEW = "sentence"
"""Key of the number of a made-up review."""


def ends(lesson: Lesson) -> tuple[int, int]:
    """The first and the last step, with the questions around them."""
    many = len(lesson.steps)
    return (0, many + 1) if lesson.twin else (1, many)


def begins(lesson: Lesson) -> int:
    """The step that the page's bare address opens."""
    return 0 if lesson.twin and not visit.seen(lesson.name, visit.BEFORE) else 1


def kind(lesson: Lesson, number: int) -> Literal["before", "after"] | None:
    """Which of the two questions a step is; None for a step of the lesson itself."""
    return "before" if number == 0 else "after" if number > len(lesson.steps) else None


def step(lesson: Lesson, number: int, shown: str) -> Step:
    """A step by its number.

    Args:
        lesson: that it is of.
        number: 0 and one more than the last are the questions around the lesson.
        shown: key of what is looked at.
    """
    which = kind(lesson, number)
    if which is None or lesson.twin is None:
        return lesson.steps[min(max(number, 1), len(lesson.steps)) - 1]
    title, text = texts.say(f"{which}_title"), texts.say(f"{which}_text")
    return Step(title, text, lesson.twin.view, _set(lesson, lesson.twin, which, shown))


def _set(lesson: Lesson, twin: Twin, which: str, shown: str) -> dict[str, Any]:
    """What the question is asked about, with the model that knows its kind if the lesson begins with the other one."""
    at = seating(lesson, seat.number())
    thing = at.before if which == visit.BEFORE else at.after
    if shown == state.TEXT:
        return {**twin.set, **review(thing)}
    suiting = state.suiting(thing)
    other = shown == state.PICTURE and suiting != state.suiting(lesson.picture)
    return {**({state.MODEL: suiting} if other else {}), **twin.set, shown: thing}


def review(named: str) -> dict[str, Any]:
    """What the keys of a text are set to for a review of that name, or a text."""
    known = parse(named)
    made = known.draw() if known else None
    return {state.TEXT: made.text, REVIEW: known.seed} if known and isinstance(made, Sentence) else {state.TEXT: named}


def home(lesson: Lesson, shown: str) -> str:
    """What the lesson begins with at this seat; `shown` is the key of it."""
    own = seating(lesson, seat.number()).first
    return str(review(own)[state.TEXT]) if shown == state.TEXT else own


def graded(lesson: Lesson, number: int) -> bool:
    """Whether a step is the question after the lesson, and its answer has just been given or is on the page."""
    given = f"{lesson.name}_{visit.AFTER}_given" in st.session_state
    return kind(lesson, number) == visit.AFTER and (given or visit.seen(lesson.name, visit.AFTER))


def wait() -> None:
    """In the place of what may have been answered before a reload, until the tab has said what it kept."""
    script.wait()
    st.html(f'<p class="sightlines-waiting">{texts.say("waiting")}</p>')


# Only where something waits: a request by the clock carries the controls that the browser showed when it was sent, and would take
# back a click whose answer was on its way.
@st.fragment(run_every=visit.PATIENCE)
def patience() -> None:
    """Draw the page anew if the tab has said nothing in time."""
    if not visit.of_session().heard and not visit.waiting():
        address.rerun()


def ask(lesson: Lesson, number: int, now: Any) -> None:
    """Draw the question, or what there is to say to its answers."""
    if visit.waiting():
        wait()
        return
    which, twin = kind(lesson, number), lesson.twin
    assert which is not None
    assert twin is not None
    _grade(lesson, number, which, twin, now)
    with st.container(border=True, key=f"around_{which}"):
        st.markdown(f"**{twin.question}**")
        if not visit.seen(lesson.name, which):
            _form(lesson, which, twin)
        elif visit.seen(lesson.name, visit.AFTER):
            _told(lesson, twin)
        else:
            row = visit.around(lesson.name, which)
            st.info(texts.say("answer_kept", answer=plain(row.answer)) if row else texts.say("answer_skipped"))


def _form(lesson: Lesson, which: str, twin: Twin) -> None:
    key = f"{lesson.name}_{which}"
    with st.form(f"{key}_form", border=False):
        st.radio(twin.question, twin.options, index=None, key=f"{key}_choice", label_visibility="collapsed")
        st.text_area(texts.say("why"), key=f"{key}_why", max_chars=visit.LONGEST, height=80)
        with st.container(horizontal=True):
            st.form_submit_button(texts.say("keep_answer"), type="primary", on_click=_take, args=(key,))
            st.form_submit_button(texts.say("skip"), key=f"{key}_skip", on_click=visit.skip, args=(lesson.name, which))
    if st.session_state.get(f"{key}_missing"):
        st.warning(texts.say("choose_first"))


def _take(key: str) -> None:
    given = st.session_state
    choice, why = given.get(f"{key}_choice"), str(given.get(f"{key}_why") or "")
    given[f"{key}_missing"] = choice is None
    if choice is not None:
        given[f"{key}_given"] = (str(choice), why)


def _grade(lesson: Lesson, number: int, which: Literal["before", "after"], twin: Twin, now: Any) -> None:
    """Keep an answer that was just given, and what the finding says to it."""
    answered = st.session_state.pop(f"{lesson.name}_{which}_given", None)
    if answered is None:
        return
    choice, why = answered
    more = {"why": why, "misconception": twin.misconception.name}
    visit.note(now, lesson.name, number, which, twin.finding, [choice], **more)  # kept even if somebody goes on at once
    with st.spinner(texts.say("keeping")):
        found = questions.found(twin.asked, now)
    right = questions.mark(choice, twin.asked, found)
    named = texts.say("right_option", answer=answer(found)) if right == "0" else ""
    solution = f"{named} {found.text}".strip()
    visit.note(now, lesson.name, number, which, twin.finding, [choice], right=right, solution=solution, **more)


def _told(lesson: Lesson, twin: Twin) -> None:
    """Both answers, graded, and what is so."""
    for which in (visit.BEFORE, visit.AFTER):
        if (row := visit.around(lesson.name, which)) is not None:
            _say(row)
    believed = twin.misconception
    st.markdown(texts.say("misconception", wrong=believed.wrong, right=believed.right))


def _say(row: Answer) -> None:
    known = parse(row.picture)
    where = known.title if known else row.picture or row.model
    said = texts.say(f"told_{row.kind}", picture=plain(where), answer=plain(row.answer))
    verdict = {"1": st.success, "0": st.warning}.get(row.right, st.info)
    verdict(
        f"{said} {texts.say({'1': 'was_right', '0': 'was_wrong'}.get(row.right, 'was_untested'))}\n\n{row.solution}"
    )
