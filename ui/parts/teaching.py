"""For teachers, with ``teacher=1`` in the address: the plan, links to each step, the key for every seat, and the pack to print."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from tutorials.key import Key, Solved
from tutorials.key import seats as numbers_of
from tutorials.lessons import Lesson, lessons
from tutorials.plain import plain
from ui.frame import shell, texts
from ui.parts import claims, class_address, widgets
from ui.store import resources
from ui.store.kept import Kept

SEATS, USUAL = "seats", "1-30"
"""Key of the field of seats, and its name in the address; the seats that stand in it at first."""
WANTED = "_key_wanted"
"""Session key: (lesson, seats) whose key was asked for."""
LOOK = (
    ".st-key-seats_table div:has(>table){overflow-x:auto} .st-key-seats_table table{min-width:44rem;font-size:0.875rem}"
    ".st-key-seats_table :is(td,th){text-align:left;vertical-align:top;padding:0.25rem 0.5rem}"
)
KEPT: Kept = Kept(3000, len)
"""Lines of keys by lesson and seat, for every session: about 1 kB each."""


def draw(lesson: Lesson) -> None:
    """The teacher's part of a lesson; nothing for anybody else."""
    if not st.session_state.get(shell.TEACHER):
        return
    with st.expander(texts.say("plan_title"), expanded=True):
        at = _plan(lesson)
    with st.expander(texts.say("seats_title")):
        _seats(lesson, at)


def _plan(lesson: Lesson) -> str:
    """What to do when, and the links; the address of the class."""
    st.markdown(texts.say("plan_minutes", minutes=lesson.minutes))
    if lesson.trap:
        st.markdown(texts.say("trap", text=lesson.trap))
    if lesson.twin:
        believed = lesson.twin.misconception
        st.markdown(texts.say("plan_twin", question=lesson.twin.question, wrong=believed.wrong, right=believed.right))
    if lesson.plan:
        rows = (
            f"| {_span(one.first, one.last)} | {one.minutes} | {_cell(one.ask)} | {_cell(one.expect)} |"
            for one in lesson.plan
        )
        st.markdown("\n".join([texts.say("plan_head"), *rows]))
    at = class_address.draw()
    _links(lesson, at)
    return at


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _links(lesson: Lesson, at: str) -> None:
    from tutorials.pack import sheets
    from tutorials.pack.links import link

    st.markdown(texts.say("plan_class", address=link(at, lesson.name)))
    st.markdown(texts.say("plan_links"))
    named = (
        (sheets.name(lesson, n), link(at, lesson.name, n), link(at, lesson.name, n, present=True))
        for n in sheets.numbers(lesson)
    )
    rows = (texts.say("plan_link", title=plain(name), step=step, present=present) for name, step, present in named)
    st.markdown("\n".join(f"- {row}" for row in rows))


def _seats(lesson: Lesson, at: str) -> None:
    st.caption(texts.say("seats_takes"))
    takes = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = widgets.text(texts.say("seats_field"), SEATS, USUAL, 9, help=texts.say("seats_help"))
        wanted = st.button(texts.say("seats_make"), key="seats_make")
    from tutorials.pack import duration

    try:
        seats = numbers_of(typed)
    except ValueError as error:
        st.warning(plain(str(error)))
        return
    takes.caption(duration.in_words(lesson.name, len(seats)))
    if wanted:
        st.session_state[WANTED] = (lesson.name, seats)
    if st.session_state.get(WANTED) != (lesson.name, seats):
        return
    lines = _computed(lesson, seats)
    _files(lesson, at, lines)
    _table(lines)


def _computed(lesson: Lesson, seats: tuple[int, ...]) -> list[Solved]:
    """The lines of all seats, those that are kept or computed now; a bar shows how far."""
    key, bar, lines = Key(lesson, run), st.progress(0.0), []
    try:
        for done, seat in enumerate(seats):
            bar.progress(done / len(seats), texts.say("seats_progress", done=done + 1, many=len(seats)))
            lines += KEPT((lesson.name, seat), partial(key.of, seat))
    finally:
        bar.empty()
    return lines


def run(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
    """Runs a work; kept is what belongs to no picture, since a class's pictures would push out what others look at."""
    return (resources.run if picture is None else claims.once)(work, model, picture, *args, **given)


def _files(lesson: Lesson, at: str, lines: list[Solved]) -> None:
    made = {"csv": ("key.csv", _csv), "pack": ("zip", _pack)}
    with st.container(horizontal=True):
        for name, (ending, make) in made.items():
            tip = texts.say("seats_pack_help") if name == "pack" else None
            st.download_button(
                texts.say(f"seats_{name}"),
                data=partial(make, lesson.name, at, tuple(lines)),
                file_name=f"{lesson.name}.{ending}",
                key=f"seats_{name}",
                on_click="ignore",
                help=tip,
            )


def _csv(_lesson: str, _server: str, lines: tuple[Solved, ...]) -> bytes:
    from tutorials.pack.files import table

    return table(lines)


def _pack(lesson: str, at: str, lines: tuple[Solved, ...]) -> bytes:
    from tutorials.pack.files import files, zipped

    return zipped(files(lessons()[lesson], at, lines))


def _table(lines: list[Solved]) -> None:
    from tutorials.pack import page, sheets

    with st.container(height=420, border=False, key="seats_table"):
        st.html(f"<style>{LOOK}</style><div>{page.table(sheets.table(lines))}</div>")
