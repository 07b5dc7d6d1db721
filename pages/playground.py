"""Any model, any picture, any query, any method: one map, how it is drawn, and everything to take home."""

from ui.frame import routing

routing.ensure_router()

import streamlit as st

from ui.explore import playground, sources

st.caption(
    "Everything at once, without a lesson: choose model, picture, layer, head and query in the sidebar and a method "
    "below; click a patch on the map to let it ask. A model that reads takes a sentence in the picture's place. The address restores what you see, except for your own picture, an "
    "opened record or another model: those stay in this session."
)
sources.draw()
now = sources.context()
playground.view(now)
if now.picture.credit:
    st.caption(now.picture.credit)
