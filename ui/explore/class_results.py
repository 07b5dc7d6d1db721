"""Page "A class": collected answers from before and after the lessons, with intervals, exact tests and the reasons given."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from tutorials.plain import plain
from tutorials.study import simulated
from tutorials.study.changes import FLOWS, Change, by_misconception, changes
from tutorials.study.collected import Collected, collected
from tutorials.study.tables import in_words, said_p, to_csv
from ui.explore import class_words
from ui.frame import texts
from ui.parts import cards, components, live, widgets
from visualizer.figures.class_answers import flows, right_before_and_after
from vit_attention.gate import LIMITS, GateError

FILES, SIMULATED, FIGURE, QUESTION = "class_files", "simulated", "figure", "question"
"""Keys of the field, of the switch to simulated answers, and of the two choices."""
FIGURES = ("before and after", "where answers went")
STUDENTS, SEED = 30, 1
"""Of the simulated class."""
MOST_SHOWN = 200
"""Reasons on the page at once; the files have all."""

READ = "class_read"
"""Session key: which files were read last, and what was in them. No other session sees it, and it ends with this one."""


def draw() -> None:
    """The whole page: the field and the switch beside the figure, then the table and the reasons."""
    with st.container(key="lesson_row"):
        left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown(texts.sections("class_results")["lead"])
        most = LIMITS["answers files"].most
        st.file_uploader(
            texts.say("class_field", most=most), ["csv"], accept_multiple_files=True, key=FILES, max_upload_size=1
        )
        asking = st.container()
    live.part(_body, asking, right, st.container())


def _body(asking: Any, right: Any, below: Any) -> None:
    with asking:
        made_up = widgets.toggle(texts.say("class_simulated"), SIMULATED, help=texts.say("class_simulated_help"))
        found = _found(made_up)
        if found is None:
            return
        _brought(found, made_up)
    told = class_words.in_order(changes(found.students))
    with right:
        _figure(told, made_up)
    with below:
        _table(told, made_up)
        _reasons(found)
        st.markdown(texts.sections("class_results")["How to read this"])


def _found(made_up: bool) -> Collected | None:
    """What is looked at; None if there is nothing yet."""
    given = st.session_state.get(FILES) or []
    if made_up:
        return _once(SIMULATED, lambda: simulated.files(STUDENTS, SEED).items())
    if not given:
        st.info(texts.say("class_nothing"))
        return None
    try:
        return _once(tuple(one.file_id for one in given), lambda: ((one.name, one.getvalue()) for one in given))
    except GateError as error:
        st.error(plain(str(error)))
        return None


def _once(key: Hashable, files: Callable[[], Iterable[tuple[str, bytes]]]) -> Collected:
    """What these files have, read no more where a rerun changes nothing in them."""
    before, found = st.session_state.get(READ, (None, None))
    if before != key or found is None:
        found = collected(files())
        st.session_state[READ] = (key, found)
    return found


def _brought(found: Collected, made_up: bool) -> None:
    """How many students and files there are, and which files do not count."""
    if made_up:
        st.warning(texts.say("class_made_up", students=STUDENTS))
    counted = texts.say("class_counted", students=len(found.students), files=len(found.visits))
    st.success(counted) if found.students else st.error(counted)
    if found.damaged:
        with st.expander(texts.say("class_damaged", many=len(found.damaged)), expanded=True):
            st.text("\n".join(f"{name}: {reason}" for name, reason in found.damaged.items()))
    if found.repeated:
        with st.expander(texts.say("class_repeated", many=len(found.repeated))):
            st.text("\n".join(f"{name}: in {other}" for name, other in found.repeated.items()))


def _figure(told: Sequence[Change], made_up: bool) -> None:
    paired = [one for one in told if one.pairs]
    if not paired:
        st.info(texts.say("class_no_pairs"))
        return
    which = widgets.choice(texts.say("class_figure"), FIGURES, FIGURE)
    title = texts.say("class_title_simulated" if made_up else "class_title")
    if which == FIGURES[0]:
        words = ". ".join(in_words(replace(one, name=class_words.short(one))) for one in paired)
        components.panel(_shares(paired, title), "class_shares", words, alt=words)
        return
    some = class_words.in_order(by_misconception(paired)) or paired
    words = ". ".join(f"{class_words.short(one)}: {_counts(one)}" for one in some)
    components.panel(
        _flows(some, texts.say("class_flow_title_simulated" if made_up else "class_flow_title")),
        "class_flows",
        words,
        caption=texts.say("class_flow"),
        alt=words,
    )


def _shares(paired: Sequence[Change], title: str) -> Any:
    before, after = (
        [(right / one.pairs, *one.intervals[at]) for one in paired for right in [(one.before, one.after)[at]]]
        for at in (0, 1)
    )
    return right_before_and_after([*map(class_words.short, paired)], before, after, title=title)


def _flows(some: Sequence[Change], title: str) -> Any:
    parts = {name: [one.flow[at] for one in some] for at, name in enumerate(FLOWS)}
    return flows([*map(class_words.short, some)], parts, texts.say("class_unit"), title=title)


def _counts(one: Change) -> str:
    return ", ".join(f"{count} {name}" for count, name in zip(one.flow, FLOWS, strict=True))


def _table(told: Sequence[Change], made_up: bool) -> None:
    st.header(texts.say("class_table"), anchor=False)
    if not told:
        st.info(texts.say("class_no_pairs"))
        return
    columns = texts.say("class_columns").split("; ")
    st.html(cards.table(texts.say("class_table"), columns, map(_cells, told)))
    file = "simulated-class.csv" if made_up else "class.csv"
    label = texts.say("class_download")
    st.download_button(label, partial(_csv, told), file, "text/csv", key="class_download", on_click="ignore")


def _csv(told: Sequence[Change]) -> bytes:
    return to_csv(told).encode()


def _cells(one: Change) -> list[str]:
    who = [class_words.title(one), class_words.question(one), one.misconception]
    if not one.pairs:
        return [*who, f"0 (and {one.unpaired})", *["–"] * 5]
    gain, low, high = (100 * part for part in one.gain)
    shares = [f"{right} ({100 * right / one.pairs:.0f} %)" for right in (one.before, one.after)]
    p = "–" if one.adjusted is None else said_p(one.adjusted).removeprefix("p = ")
    own = said_p(one.p).removeprefix("p = ")
    return [*who, f"{one.pairs} (and {one.unpaired})", *shares, f"{gain:+.0f} ({low:+.0f} to {high:+.0f})", own, p]


def _reasons(found: Collected) -> None:
    """What students wrote, as plain text."""
    st.header(texts.say("class_reasons"), anchor=False)
    reasons = class_words.in_order(found.reasons)
    if not reasons:
        st.info(texts.say("class_no_reasons"))
        return
    asked = {one.question: class_words.short(one) for one in reversed(reasons)}
    names = list(dict.fromkeys(one.question for one in reasons))
    question = widgets.menu(texts.say("class_question"), names, QUESTION, format_func=lambda one: asked.get(one, one))
    some = [one for one in reasons if one.question == question]
    st.caption(texts.say("class_reasons_shown", shown=min(len(some), MOST_SHOWN), many=len(some)))
    grades = {"1": "right", "0": "wrong", "": "not graded"}
    with st.container(height=320, key="class_reasons"):
        for one in some[:MOST_SHOWN]:
            seat = f"seat {one.student}, " if one.student else ""
            st.text(f"{seat}{one.kind}, {grades[one.right]}: {one.why}")
