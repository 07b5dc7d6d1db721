"""Start here: what this is, where to begin, what the bundled model can and cannot see. Imports no torch."""

from ui import routing

routing.ensure_router()

import streamlit as st

from ui import start
from vit_attention.cards import CARDS

st.markdown(
    "A vision transformer cuts a picture into patches and lets every patch look at every other one, in many heads and "
    "layers. **Sightlines** shows you where a real, trained model looks, explains how that is computed, and helps you "
    "ask the question that matters: *may I believe this map?*"
)
start.hero()
st.header("Where to begin", anchor=False)
start.cards()
st.header("What the bundled model can and cannot see", anchor=False)
st.markdown(start.about(CARDS[0]))
st.header("How to read a page", anchor=False)
st.markdown(
    "- The **sidebar** holds what all pages share: model, picture, layer, head, and which token asks. On a phone, open "
    "it with the arrow at the top left.\n"
    "- Each lesson asks you to **guess first**; the outcome is computed from what you look at, and so is the answer to "
    "its check question.\n"
    "- Sentences about what attention “means” stand under **claims to test**. Press the button and see whether they hold.\n"
    "- Under each map: the map **in words**, a **trust card**, the **code** that makes it, and **export**.\n"
    "- The address in your browser always restores what you see (own pictures excepted: they stay in your session)."
)
