"""Attention multiplied through all layers, beside one layer alone, and what such a map cannot tell."""

from ui import routing

routing.ensure_router()

import streamlit as st

from ui import components, lesson, rollout_view

text = lesson.head("rollout")
now = components.context()
lesson.action(text)
rollout_view.live(now)
if lesson.predict(text, now):
    rollout_view.deletion_test(now)
rollout_view.two_classes(now)
st.caption("Maximum flow instead of products: `visualizer.attention_flow`, for small grids; see Attention flow below.")
lesson.check(text, now)
lesson.rest(text, now)
