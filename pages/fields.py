"""Sub-words gathered to words and words to fields: where on the page each value of the JSON was read."""

from ui.frame import routing

routing.ensure_router()

import streamlit as st

from ui.parts import lesson
from ui.read import fields, reading

text = lesson.head("fields")
now = reading.context()
lesson.action(text)
fields.live(now)
if lesson.predict(text, now):
    fields.ranking(now)
lesson.check(text, now)
lesson.rest(text, now)
st.caption("Zoom, single tokens and your own page: Reading with cross-attention.")
