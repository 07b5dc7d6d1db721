"""What the decoder of a document reader looked at to write each token, on the page itself."""

from ui.frame import routing

routing.ensure_router()

import streamlit as st

from ui.parts import lesson
from ui.read import documents, reading, reading_view

text = lesson.head("reading")
now = reading.context()
lesson.action(text)
documents.own_page()
reading_view.live(now)
if lesson.predict(text, now):
    reading_view.tags(now)
lesson.check(text, now)
lesson.rest(text, now)
st.caption("The next page gathers these maps to words and fields: From token to field.")
