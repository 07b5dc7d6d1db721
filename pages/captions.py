"""Where a captioning network looked for every word it said, and how much of what it saw its gates let through."""

from ui.frame import routing

routing.ensure_router()

import streamlit as st

from ui.parts import lesson
from ui.read import captions, captions_regions, captions_view

text = lesson.head("captions")
now = captions.context()
lesson.action(text)
captions.own_record()
captions_view.live(now)
captions_regions.refiner(now)
st.header("A set has no first region", anchor=False)
if lesson.predict(text, now):
    captions_regions.order_outcome(now)
lesson.check(text, now)
lesson.rest(text, now)
