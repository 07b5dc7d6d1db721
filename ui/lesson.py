"""Draws the parts of a lesson; what is right is always computed from the live record."""

from typing import Any

import streamlit as st

from tutorials.findings import Finding, finding
from tutorials.lessons import Claim, Lesson, lessons


def head(name: str) -> Lesson:
    """The lesson of a page: its objectives and idea; returns it for the parts that follow."""
    lesson = lessons()[name]
    st.caption(f"About {lesson.minutes} minutes. Afterwards you can: " + "; ".join(lesson.objectives) + ".")
    st.markdown(lesson.sections["The idea"])
    return lesson


def predict(lesson: Lesson, context: Any) -> bool:
    """The guess before the reveal; returns whether the page may show the outcome."""
    with st.container(border=True):
        st.markdown(f"**Guess first.** {lesson.prediction.question}")
        guess = st.radio(
            "Your guess",
            [*lesson.prediction.options, "Just show me"],
            index=None,
            key=f"{lesson.name}_guess",
            horizontal=True,
            label_visibility="collapsed",
            persist_state="session",
        )
        if guess is None:
            st.caption("The outcome appears when you have chosen.")
            return False
        found = finding(lesson.prediction.finding)(context)
        if guess == "Just show me":
            st.info(found.text)
        else:
            _judge(found, _right(guess, found))
        return True


def _right(given: str, found: Finding) -> bool:
    return given in found.answer if isinstance(found.answer, tuple) else given == str(found.answer)


def _judge(found: Finding, good: bool, yes: str = "Right", no: str = "Not here", neither: str = "") -> None:
    """The text of a finding after a verdict, or after `neither` where this picture or model cannot tell."""
    if found.answer is None:
        st.info(neither + found.text)
    else:
        (st.success if good else st.warning)(f"{yes if good else no}. {found.text}")


def action(lesson: Lesson) -> None:
    """The one thing to do with the live figure."""
    st.markdown(f"**Do this.** {lesson.sections['Do this']}")


def check(lesson: Lesson, context: Any) -> None:
    """The question graded from the live numbers; nothing is computed before an answer is given."""
    question, key = lesson.check, f"{lesson.name}_check"
    with st.container(border=True):
        st.markdown(f"**Check yourself.** {question.question}")
        if question.kind == "choice":
            given: Any = st.radio(
                "Answer", question.options, index=None, key=key, horizontal=True, label_visibility="collapsed"
            )
        else:
            unit = f" ({question.unit})" if question.unit else ""
            given = st.number_input(f"Answer{unit}", value=None, key=key, placeholder="a number")
        if given is not None:
            found: Any = finding(question.finding)(context)
            if question.kind == "choice" or found.answer is None:
                _judge(found, _right(given, found))
            else:
                _judge(found, abs(float(given) - float(found.answer)) <= question.tolerance)


def rest(lesson: Lesson, context: Any) -> None:
    """Claims to test, further sections, glossary and references."""
    st.header("Claims to test", anchor=False)
    st.caption(
        "Sentences one reads about attention maps. Each holds or fails on what you look at now; change it in the sidebar and test again."
    )
    for number, claim in enumerate(lesson.claims, start=1):
        _claim(lesson, number, claim, context)
    folded = {heading: text for heading, text in lesson.sections.items() if heading not in ("The idea", "Do this")}
    folded["Words used here"] = "\n".join(f"- **{term}**: {meaning}" for term, meaning in lesson.glossary.items())
    folded["References"] = "\n".join(f"- {reference}" for reference in lesson.references)
    for heading, text in folded.items():
        with st.expander(heading):
            st.markdown(text)


def _claim(lesson: Lesson, number: int, claim: Claim, context: Any) -> None:
    with st.container(border=True):
        st.markdown(f"**Claim {number}.** “{claim.text}”  \n*Test:* {claim.test}")
        key = f"{lesson.name}_findings"
        view, kept = st.session_state.get(key, (None, {}))
        if view != context.view:  # what was found elsewhere does not hold here
            kept = {}
            st.session_state[key] = (context.view, kept)
        if st.button("Test it here", key=f"{lesson.name}_claim_{number}"):
            kept[number] = finding(claim.finding)(context)
        if number in kept:
            _judge(kept[number], bool(kept[number].answer), "Holds here", "Fails here", "Cannot be told here. ")
