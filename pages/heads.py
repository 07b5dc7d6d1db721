"""All heads of a layer, all heads of the model, and how far, how alike and how good they are."""

from ui import routing

routing.ensure_router()

import streamlit as st

from ui import components, display, heads_view, lesson, query_view, trust
from visualizer.export import files as export

text = lesson.head("heads")
now = components.context()
lesson.action(text)
scale = display.scale("heads")
truth = query_view.truth_switch(now)
left, right = st.columns(2)
with left:
    heads_view.grid(now, scale)
with right:
    heads_view.chosen_map(now, scale, truth)
    display.steps(now, "heads")
trust.card(now, now.patch_map(), now.row(), display.map_name(now))

st.header("Near or far?", anchor=False)
if lesson.predict(text, now):
    heads_view.first_layer(now)

st.header("All heads of all layers", anchor=False)
heads_view.everything(now)
lesson.check(text, now)
lesson.rest(text, now)
components.code(
    now,
    "from visualizer import attention_distance\nfrom visualizer.figures.mosaic import head_grid\n\n"
    "axis = record.maps[layer].query\n"
    "maps = weights[:, query, axis.prefix :].reshape(-1, *axis.grid)\n"
    "width, height = record.geometry.seen\n"
    "distance = attention_distance(weights, axis.grid, axis.prefix, (height // axis.grid[0], width // axis.grid[1]))\n"
    f'head_grid(maps, captions=[f"{{d:.0f}} px" for d in distance], scale="{scale.mode}", chosen=head).show()\n',
    *heads_view.commands(now, scale, truth is not None),
)
asking = query_view.asking(now)
title = f"{now.model}, {display.map_name(now)}"
components.downloads(
    "heads",
    {
        "Chosen map (PNG)": (
            "heads.png",
            lambda: display.overlay(
                now, now.patch_map(), title, query=asking, truth=truth, scale=scale, together=heads_view.layer_maps(now)
            ),
        ),
        "Chosen map (CSV)": ("heads.csv", lambda: export.to_csv(now.patch_map()).encode()),
        "Distances (CSV)": ("heads-distance.csv", lambda: heads_view.distances_csv(now)),
    },
)
