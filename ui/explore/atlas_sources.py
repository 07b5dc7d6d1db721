"""Which surveys the head atlas shows: menus in the sidebar, and the field for one's own."""

import streamlit as st

from tutorials.plain import plain
from ui.frame import address, texts
from ui.parts import live, widgets
from ui.store import surveys
from vit_attention.gate import GateError

SURVEY, BESIDE, ALONE = "survey", "beside", "no other"
PROBLEM, SEEN = "_survey_problem", "_survey_seen"
"""Session keys: what was wrong with a file; the one that was taken last."""
MOST = 25
"""Megabytes of a file."""


def choose() -> tuple[str, str]:
    """Draw the sidebar; the ids of the survey and of the one beside it, "" for none."""
    known = surveys.options()
    with st.sidebar:
        if not known:
            st.info(texts.say("atlas_none"))
        # By a dictionary: what a menu is asked for may be gone by then.
        name = lambda one: known.get(one, one)  # noqa: E731
        chosen = widgets.menu("Survey", [*known], surveys_key(), format_func=name) if known else ""
        others = [ALONE, *(one for one in known if one != chosen)]
        beside = widgets.menu("Beside it", others, BESIDE, format_func=name) if len(others) > 1 else ALONE
        _own()
        st.caption(texts.say("atlas_other_models"))
        st.code("vit-attention survey photos/ \\\n  --model NAME \\\n  --out survey", language=None, wrap_lines=True)
    return chosen, "" if beside == ALONE else beside


def surveys_key() -> str:
    """Key of the menu; a link to a survey that stays in its session says so."""
    if address.wanted(SURVEY) == surveys.OWN and surveys.OWN not in surveys.options():
        address.of_session().asked.pop(SURVEY)
        address.complain(texts.say("atlas_own_gone"))
    return SURVEY


def _own() -> None:
    st.file_uploader(
        texts.say("atlas_upload"),
        ["zip"],
        key="survey_upload",
        on_change=_take,
        max_upload_size=MOST,
        help=texts.say("atlas_upload_help"),
    )
    if problem := st.session_state.pop(PROBLEM, ""):
        st.error(plain(problem))


def _take() -> None:
    """Take the file in the field, if it is new, and show it; for callbacks."""
    given = st.session_state.get("survey_upload")
    if given is None or given.file_id == st.session_state.get(SEEN):
        return
    st.session_state[SEEN] = given.file_id
    try:
        surveys.take(given.getvalue(), given.name)
        st.session_state[SURVEY] = surveys.OWN
    except GateError as error:
        st.session_state[PROBLEM] = str(error)
    live.whole_page()
