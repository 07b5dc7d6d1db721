"""My answers: what was answered in this visit, as a table, as a file and as a page to print."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from tutorials.study.answers import Answer, written
from ui.frame import seat, texts
from ui.parts import answer_sheet, visit


def draw() -> None:
    """Draw the box of the visit's answers, and say if what the tab had kept of them was dropped."""
    if visit.of_session().dropped:
        st.warning(texts.say("visit_dropped"))
    rows = visit.rows()
    with st.expander(texts.say("my_answers")):
        st.caption(texts.say("my_answers_about", many=len(rows)))
        if not rows:
            st.caption(texts.say("my_answers_none"))
            return
        st.html(answer_sheet.table(rows))
        _files(rows)


def _files(rows: Sequence[Answer]) -> None:
    name = f"answers-seat-{seat.number()}" if seat.number() else "answers"
    kinds = {"csv": ("csv", partial(_csv, rows)), "print": ("html", partial(_page, rows))}
    with st.container(horizontal=True):
        for kind, (ending, make) in kinds.items():
            label, key = texts.say(f"answers_{kind}"), f"answers_{kind}"
            st.download_button(label, data=make, file_name=f"{name}.{ending}", key=key, on_click="ignore")
        with st.popover(texts.say("answers_clear")):
            st.button(texts.say("answers_clear_sure"), key="answers_clear", on_click=visit.clear)


def _csv(rows: Sequence[Answer]) -> bytes:
    return written(rows).encode("utf-8-sig")  # the mark tells spreadsheets that it is UTF-8


def _page(rows: Sequence[Answer]) -> bytes:
    return answer_sheet.page(rows).encode()
