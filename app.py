"""Sightlines: the page table, the shared sidebar, and the chosen page. Run with `streamlit run app.py`."""

import streamlit as st

from ui import heavy, routing, sidebar
from ui.start import section

st.set_page_config(page_title="Sightlines", page_icon="👁️", layout="wide")
page = st.navigation(routing.pages(), position="top", expanded=True)
sidebar.draw(section(page.url_path), page.url_path)
st.title(page.title)
st.session_state[routing.ROUTED] = True
if page.url_path:  # not the first page: its imports must not meet those of the warm-up, half done, in another thread
    heavy.load_all()
page.run()
heavy.warm_up()
