"""A picture becomes tokens: patches, their pixels, the linear embedding, positions, and what tokens come to know."""

from ui import routing

routing.ensure_router()

import streamlit as st

from tutorials.findings.patches import chosen_patch
from ui import components, display, lesson, patches_view
from visualizer.export import files as export

text = lesson.head("patches")
now = components.context()
st.markdown(patches_view.count(now))
lesson.action(text)
left, right = st.columns(2)
with left:
    patches_view.cut_picture(now)
with right:
    patches_view.one_patch(now)

st.header("From pixels to a token", anchor=False)
patches_view.embedding(now)

st.header("Where am I? Position embeddings", anchor=False)
patches_view.positions(now)

st.header("Before any layer", anchor=False)
if lesson.predict(text, now):
    patches_view.at_first(now)

st.header("Deeper: what a patch comes to know", anchor=False)
st.markdown(f"After layer {now.chosen.layer + 1}, chosen in the sidebar. Move the layer from 1 upwards and watch.")
values, title, unit = patches_view.deeper(now)
patches_view.trust(now)
lesson.check(text, now)
lesson.rest(text, now)
components.code(
    now,
    "from visualizer.figures.overlay import overlay\nfrom visualizer.measures.similarity import cosine_similarity\n\n"
    "tokens = model.hidden_states(picture)[layer + 1][record.maps[0].query.prefix :]\n"
    "alike = cosine_similarity(tokens - tokens.mean(axis=0))\n"
    f"patch = {chosen_patch(now)}\n"
    "overlay(record.image, alike[patch].reshape(record.maps[0].query.grid), record.geometry, query=(patch,),\n"
    '        unit="cosine similarity").show()\n',
    [patches_view.command(now)],
)
components.downloads(
    "patches",
    {
        "Map (PNG)": (
            "patches.png",
            lambda: display.overlay(now, values, f"{now.model}: {title}", query=(chosen_patch(now),), unit=unit),
        ),
        "Map (CSV)": ("patches.csv", lambda: export.to_csv(values).encode()),
    },
)
