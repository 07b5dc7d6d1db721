"""Inside the encoder: stages, windows and shifted windows on the page, and what one cell reads, stitched back."""

from ui.frame import routing

routing.ensure_router()

import streamlit as st

from ui.parts import components, lesson
from ui.read import swin, swin_proof, swin_view

text = lesson.head("swin")
menus, stages, cell = st.container(), st.container(), st.container()
now = swin.context(menus, cell)
with stages:
    swin_view.tracker(now)
    lesson.action(text)
    how = swin_view.look()
left, right = st.columns(2)
with left:
    swin_view.page(now)
with right:
    swin_view.stitched(now, how)
swin_view.notes(now)

st.header("How much is compared?", anchor=False)
if lesson.predict(text, now):
    swin_view.work_table(now)

st.header("Rolled, masked, and every head", anchor=False)
left, right = st.columns(2)
with left:
    swin_view.rolled(now, how)
with right:
    every_head = swin_view.heads(now)
components.in_words(every_head)
swin_proof.card(now)

st.header("What place alone adds, and how cells merge", anchor=False)
left, right = st.columns(2)
with left:
    swin_view.bias(now)
with right:
    swin_view.merging(now)

st.header("What can have reached this cell?", anchor=False)
st.markdown(
    "Through all blocks so far, windows, masks and merging counted. More on it under **The receptive field** below."
)
swin_view.reach_table(now)
lesson.check(text, now)
lesson.rest(text, now)
swin_proof.code(now, how)
swin_proof.downloads(now)
