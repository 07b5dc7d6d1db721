"""Two models, pictures, heads or methods side by side on one scale, with their difference and how alike they are."""

from ui.frame import routing

routing.ensure_router()

import streamlit as st

from ui.explore import compare
from ui.parts import components

st.caption(
    "The left side is what the sidebar says; on the right, change the model, picture, layer, head or method. The same "
    "token asks on both sides and both maps share one scale. The address restores both sides, except for your own "
    "picture."
)
compare.view(components.context())
