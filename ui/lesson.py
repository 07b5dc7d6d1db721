"""Draws the parts of a lesson; what is right is always computed from the live record."""

from __future__ import annotations

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
            "Your guess", [*lesson.prediction.options, "Just show me"], index=None, key=f"{lesson.name}_guess",
            horizontal=True, label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        if guess is None:
            st.caption("The outcome appears when you have chosen.")
            return False
        _judge(guess, finding(lesson.prediction.finding)(context), skipped=guess == "Just show me")
        return True


def _right(given: str, found: Finding) -> bool:
    return given in found.answer if isinstance(found.answer, tuple) else given == str(found.answer)


def _judge(given: str, found: Finding, skipped: bool = False) -> None:
    if skipped or found.answer is None:
        st.info(found.text)
    elif _right(given, found):
        st.success(f"Right. {found.text}")
    else:
        st.warning(f"Not here. {found.text}")


def action(lesson: Lesson) -> None:
    """The one thing to do with the live figure."""
    st.markdown(f"**Do this.** {lesson.sections['Do this']}")


def check(lesson: Lesson, context: Any) -> None:
    """The question graded from the live numbers; nothing is computed before an answer is given."""
    with st.container(border=True):
        st.markdown(f"**Check yourself.** {lesson.check.question}")
        key = f"{lesson.name}_check"
        if lesson.check.kind == "choice":
            given = st.radio(
                "Answer", lesson.check.options, index=None, key=key, horizontal=True, label_visibility="collapsed"
            )
            if given is not None:
                _judge(given, finding(lesson.check.finding)(context))
            return
        unit = f" ({lesson.check.unit})" if lesson.check.unit else ""
        number = st.number_input(f"Answer{unit}", value=None, key=key, placeholder="a number")
        if number is not None:
            found = finding(lesson.check.finding)(context)
            if found.answer is None:
                st.info(found.text)
                return
            near = abs(float(number) - float(found.answer)) <= lesson.check.tolerance  # type: ignore[arg-type]
            (st.success if near else st.warning)(f"{'Right' if near else 'Not here'}. {found.text}")


def rest(lesson: Lesson, context: Any) -> None:
    """Claims to test, further sections, glossary and references."""
    st.header("Claims to test", anchor=False)
    st.caption(
        "Sentences one reads about attention maps. Each holds or fails on what you look at now; change it in the sidebar and test again."
    )
    for number, claim in enumerate(lesson.claims, start=1):
        _claim(lesson, number, claim, context)
    for heading, text in lesson.sections.items():
        if heading not in ("The idea", "Do this"):
            with st.expander(heading):
                st.markdown(text)
    with st.expander("Words used here"):
        st.markdown("\n".join(f"- **{term}**: {meaning}" for term, meaning in lesson.glossary.items()))
    with st.expander("References"):
        st.markdown("\n".join(f"- {reference}" for reference in lesson.references))


def _claim(lesson: Lesson, number: int, claim: Claim, context: Any) -> None:
    with st.container(border=True):
        st.markdown(f"**Claim {number}.** “{claim.text}”  \n*Test:* {claim.test}")
        kept = _findings(lesson, context)
        if st.button("Test it here", key=f"{lesson.name}_claim_{number}"):
            kept[number] = finding(claim.finding)(context)
        if number in kept:
            _tell(kept[number])


def _findings(lesson: Lesson, context: Any) -> dict[int, Finding]:
    """Number of a claim to what its test found, for those tested on what is looked at now."""
    key = f"{lesson.name}_findings"
    view, kept = st.session_state.get(key, (None, {}))
    if view != context.view:
        kept = {}
        st.session_state[key] = (context.view, kept)
    return kept


def _tell(finding: Finding) -> None:
    if finding.answer is None:
        st.info(f"Cannot be told here. {finding.text}")
    elif finding.answer:
        st.success(f"Holds here. {finding.text}")
    else:
        st.warning(f"Fails here. {finding.text}")
