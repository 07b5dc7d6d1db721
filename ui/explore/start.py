"""The first page: a photograph to try, drawn from a small record without torch, and the way to everything else."""

from functools import partial

import streamlit as st

from tutorials import first_record as first
from tutorials.findings.context import Context, Selection
from tutorials.lessons import lessons
from ui.explore import way
from ui.frame import state, table, texts
from ui.parts import components, live, pickers, scrub
from ui.store import pictures, resources
from vit_attention.models.cards import CARDS, Card


def draw() -> None:
    """The whole page."""
    live.part(_try_it)
    way.draw()
    st.header(texts.say("all_lessons"), anchor=False)
    cards()
    st.header(texts.say("bundled_models"), anchor=False)
    for card in CARDS:
        if card.name in texts.sections("start"):
            st.markdown(about(card))
    st.header(texts.say("how_to_read"), anchor=False)
    st.markdown(texts.sections("start")["How to read a page"])


def _try_it() -> None:
    """The photograph that answers clicks, beside what it shows and where to begin."""
    with st.container(key="lesson_row"):
        left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown(texts.sections("start")["lead"])
        pickers.places(first.record(), ("layer", "query"))
        begin = next(one for one in table.lessons() if one.name in lessons())
        label = texts.say("begin", title=begin.title, minutes=lessons()[begin.name].minutes)
        st.page_link(table.script(begin.name), label=f"**{label}**", icon=":material/school:")
        own = texts.say("own_pictures")
        st.page_link(table.script("playground"), label=own, icon=":material/add_photo_alternate:")
    with right:
        now = context(state.selection(first.record()))
        components.picture_map(
            now,
            "first_map",
            now.patch_map(),
            f"Layer {now.chosen.layer + 1}, mean of all heads",
            caption=texts.sections("start")["caption"],
            clickable=True,
            height=440,
        )
        scrub.follow(now, "first_map", "Layer {layer}, mean of all heads")


def context(chosen: Selection) -> Context:
    """The photograph of the first page as the reader sees it."""
    picture, again = pictures.get(first.PICTURE), partial(context, chosen)
    return Context(first.MODEL, picture, first.record(), chosen, resources.run, again=again)


def cards() -> None:
    """One card a page, in teaching order, section by section; lessons with their number and minutes."""
    course = [one.name for one in table.lessons()]
    for group in dict.fromkeys(one.section for one in table.PAGES if one.section):
        st.subheader(group, anchor=False)
        pages = [one for one in table.PAGES if one.section == group]
        for start in range(0, len(pages), 3):
            for column, one in zip(st.columns(3), pages[start : start + 3], strict=False):
                with column.container(border=True, height="stretch"):
                    _card(one, course.index(one.name) + 1 if one.name in course else 0)


def _card(one: table.Page, number: int) -> None:
    lesson = lessons().get(one.name)
    label = one.title if lesson is None else texts.say("card", number=number, title=one.title, minutes=lesson.minutes)
    st.page_link(table.script(one.name), label=f"**{label}**")
    st.caption(one.about if lesson is None else f"{lesson.objectives[0][:1].upper()}{lesson.objectives[0][1:]}.")


def about(card: Card) -> str:
    """What a bundled model can and cannot see, with its measured figures."""
    knows, cosine = card.knows[:1].lower() + card.knows[1:], card.measured.get("cosine", {"": 0.0})
    values = {"card": card, "measured": card.measured, "knows": knows, "millions": card.parameters / 1e6}
    return texts.sections("start")[card.name].format(**values, photographs=len(cosine), cosine=min(cosine.values()))
