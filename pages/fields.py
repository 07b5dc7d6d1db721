"""Sub-words gathered to words and words to fields: where on the page each value of the JSON was read."""

from ui import routing

routing.ensure_router()

import streamlit as st

from ui import fields_view, lesson, reading

text = lesson.head("fields")
now = reading.context()
lesson.action(text)
fields_view.live(now)
if lesson.predict(text, now):
    fields_view.ranking(now)
lesson.check(text, now)
lesson.rest(text, now)
st.caption("Zoom, single tokens and your own page: Reading with cross-attention.")
