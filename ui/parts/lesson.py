"""A lesson: the text of a step on the left, its live figure on the right, both on the first screen; or all of it to read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import streamlit as st

from tutorials.lessons import Lesson, Step, lessons
from ui.frame import shell, state, table, texts
from ui.parts import (
    answers,
    around,
    claims,
    live,
    looking,
    panels,
    pickers,
    questions,
    script,
    showing,
    steps,
    teaching,
    visit,
    widgets,
)

# How names of drawn pictures begin.
KINDS = ("scene", "receipt", "invented", "form")


class View(NamedTuple):
    """A figure of a lesson's page.

    Attributes:
        draw: draws it, given what is looked at.
        needs: the pickers that it depends on; see `pickers.ALL`. What does nothing is not shown.
        look: draws what only changes how the figure is drawn, folded away under it; None if nothing does.
        under: draws other controls of the figure, under it; None if there are none. Both are called before `draw`, which asks
            the session for what they say.
    """

    draw: Callable[[Any], None]
    needs: Sequence[str] = pickers.ALL
    look: Callable[[Any], object] | None = None
    under: Callable[[Any], object] | None = None


class Page(NamedTuple):
    """What a lesson's page brings.

    Attributes:
        name: of the page and its lesson.
        views: its figures, by the names that the lesson's steps use.
        choose: draws the sidebar; what is looked at, by names alone.
        context: draws the pickers of a view's needs beside its figure; what the views and findings are given.
        below: what follows the figure: trust card, code, downloads; given the context.
        remarks: what to know of what is looked at; given the context.
        shown: key of the menu of what is looked at.
    """

    name: str
    views: Mapping[str, View]
    below: Callable[[Any], None]
    choose: Callable[[str], Any] = looking.choose
    context: Callable[[Any, Sequence[str]], Any] = looking.context
    remarks: Callable[[Any], None] = looking.remarks
    shown: str = state.PICTURE

    def draw(self) -> None:
        """The whole page."""
        lesson = lessons()[self.name]
        steps.enter(lesson, self.shown)
        looked = self.choose(around.home(lesson, self.shown))
        # The question before the lesson may have been answered, and is then not shown.
        if visit.waiting() and int(st.session_state[state.STEP]) == 0:
            steps.note(lesson)
            live.part(around.wait)
        elif _head(lesson, self.shown):
            live.part(_read_all, self, looked)
        else:
            _one_step(self, lesson, looked)
        teaching.draw(lesson)
        _rest(lesson)
        if script.waits():
            around.patience()


def _head(lesson: Lesson, shown: str) -> bool:
    """The bar of steps and the switch; whether the whole lesson is shown."""
    with st.container(key="step_line", horizontal=True, vertical_alignment="center"):
        whole = widgets.toggle(texts.say("read_all"), showing.READ_ALL, width="content")
        if not whole:
            steps.bar(lesson, shown)
        st.caption(texts.say("minutes", minutes=lesson.minutes), width="content")
    steps.note(lesson)
    return whole


def _one_step(page: Page, lesson: Lesson, looked: Any) -> None:
    """What stays while the figure changes, and the live part in its places."""
    number = int(st.session_state[state.STEP])
    step = around.step(lesson, number, page.shown)
    with st.container(key="lesson_row"):
        left, right = st.columns([2, 3], gap="medium")
    with left:
        with st.container(key="step_text"):
            _text(lesson, step)
            if around.kind(lesson, number) is None:
                showing.written_for(lesson, number, page.shown)
        asked = st.container()
        _buttons(lesson, page.shown, number)
        question = showing.asked(step)
        if around.kind(lesson, number) is None and not (question and question.about):
            _other(lesson, page.shown)
    live.part(_live, page, number, looked, right, asked, st.container())


def _live(page: Page, number: int, looked: Any, right: Any, asked: Any, below: Any) -> live.Buttons:
    lesson = lessons()[page.name]
    step = around.step(lesson, number, page.shown)
    if around.graded(lesson, number):
        steps.show(lesson.twin.shows if lesson.twin else {}, "after")
    if around.kind(lesson, number):  # nothing more about the figure: it would give the answer away
        with right:
            now = _figure(page, step, looked, ())
        with asked:
            around.ask(lesson, number, now)
    else:
        with below:
            panels.choose()
        with right:
            now = _figure(page, step, looked)
        with asked:
            _ask(lesson, step, now)
        with below:
            _after(page, lesson, now)
    with below:
        answers.draw()
    steps.note(lesson)
    return ("back", "next")


def _figure(page: Page, step: Step, looked: Any, needs: Sequence[str] | None = None) -> Any:
    """The figure with its pickers under it, of `needs` if they are given; what it was drawn from."""
    place, under = st.container(key="lesson_figure"), st.container(key="pickers")
    question, view = showing.asked(step), page.views[step.view]
    if question and (question.before or question.shows):
        early = page.context(looked, ())
        showing.reveal(page.name, question, early)
        view = page.views[showing.view(page.name, step, early)]
    with under:
        now = page.context(looked, view.needs if needs is None else needs)
        _looks(now, [view])
    with place:
        view.draw(now)
    return now


def _looks(now: Any, views: Sequence[View]) -> None:
    """What figures ask for: their own controls, and, folded away, how they are drawn."""
    for under in dict.fromkeys(view.under for view in views if view.under):
        under(now)
    if looks := dict.fromkeys(view.look for view in views if view.look):
        with st.popover(texts.say("how_drawn")):
            for look in looks:
                look(now)


def _text(lesson: Lesson, step: Step) -> None:
    st.subheader(step.title, anchor=False)
    if step is lesson.steps[0]:
        st.caption(texts.say("story", story=lesson.story))
    st.markdown(step.text)
    if step.look:
        st.markdown(texts.say("look", what=step.look))
    if step.do:
        st.markdown(texts.say("do", what=step.do))


def _ask(lesson: Lesson, step: Step, now: Any, number: int = 0) -> None:
    if (step.predict or step.check) and visit.waiting():
        around.wait()
        return
    if step.predict:
        questions.ask(lesson.name, step.predict, now, "guess", number)
    if step.check:
        questions.ask(lesson.name, step.check, now, "check", number)
    if step.claim:
        claims.draw(lesson.name, step.claim, now, number)


def _buttons(lesson: Lesson, shown: str, number: int) -> None:
    first, last = around.ends(lesson)
    with st.container(key="steps", horizontal=True, vertical_alignment="center"):
        for name, to, end in (("back", number - 1, first), ("next", number + 1, last)):
            how: Literal["primary", "secondary"] = "primary" if name == "next" else "secondary"
            args = (lesson.name, shown, to)
            st.button(texts.say(name), key=name, type=how, on_click=steps.go, args=args, disabled=number == end)
        if number == last and (after := table.following(lesson.name)):
            st.page_link(table.script(after.name), label=texts.say("next_lesson", title=after.title))


def _other(lesson: Lesson, shown: str) -> None:
    """The same on a picture of the other kind, and what differs there."""
    if not lesson.other:
        return
    away = str(st.session_state.get(shown)) == lesson.other
    to = around.home(lesson, shown) if away else lesson.other
    kind = to.partition("-")[0]
    label = texts.say("same_text" if shown == state.TEXT else f"same_{kind}" if kind in KINDS else "same_photo")
    st.button(label, key="other_kind", on_click=_look_at, args=(shown, to))
    if away:
        st.caption(lesson.difference)


def _look_at(shown: str, picture: str) -> None:
    st.session_state[shown] = picture
    if shown == state.PICTURE:
        state.suit_model()
    live.whole_page()


def _read_all(page: Page, looked: Any) -> None:
    """Every step beside its figure, each figure once, and all controls at the head."""
    lesson = lessons()[page.name]
    panels.choose()
    for question in filter(None, map(showing.asked, lesson.steps)):
        if question.shows:
            showing.reveal(page.name, question, page.context(looked, ()))
    needs = tuple(dict.fromkeys(need for step in lesson.steps for need in page.views[step.view].needs))
    now = page.context(looked, needs)
    _looks(now, [page.views[step.view] for step in lesson.steps])
    st.caption(texts.say("objectives", listed="; ".join(lesson.objectives)))
    drawn: set[str] = set()
    for number, step in enumerate(lesson.steps, start=1):
        left, right = st.columns([2, 3], gap="medium")
        with left:
            _text(lesson, step)
            showing.written_for(lesson, number, page.shown)
            _ask(lesson, step, now, number)
        if step.view not in drawn:
            with right:
                page.views[step.view].draw(now)
            drawn.add(step.view)
    _after(page, lesson, now)
    answers.draw()
    steps.note(lesson)


def _after(page: Page, lesson: Lesson, now: Any) -> None:
    """What belongs to what is shown, below it; the answers for teachers who ask for them."""
    if not panels.wanted(panels.NONE):
        page.below(now)
    page.remarks(now)
    if st.session_state.get(shell.TEACHER):
        with st.expander(texts.say("answer_key"), expanded=True):
            questions.key(lesson, now)


def _rest(lesson: Lesson) -> None:
    """What follows and never changes: further sections, words, papers; those for teachers only where they are asked for."""
    for_teachers = bool(st.session_state.get(shell.TEACHER))
    for heading, text in lesson.sections.items():
        if for_teachers or not heading.startswith("For the teacher"):
            with st.expander(heading):
                st.markdown(text)
    with st.expander(texts.say("words_here")):
        st.markdown("\n".join(f"- **{term}**: {meaning}" for term, meaning in lesson.glossary.items()))
    with st.expander(texts.say("references")):
        st.markdown("\n".join(f"- {reference}" for reference in lesson.references))
