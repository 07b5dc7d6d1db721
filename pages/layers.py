"""One query's attention through all layers: an animation, snapshots, and curves of what changes."""

from ui import routing

routing.ensure_router()

import streamlit as st

from ui import commands, components, display, layers_view, lesson, query_view, trust

text = lesson.head("layers")
now = components.context()
lesson.action(text)
layers = layers_view.shown(now)
scale = display.scale("layers")
truth = query_view.truth_switch(now)
left, right = st.columns(2)
with left:
    layers_view.animation(now, layers, scale, truth)
with right:
    layers_view.snapshots(now, layers, scale)
    display.steps(now, "layers")
trust.card(now, now.patch_map(), now.row(), display.map_name(now))

st.header("In numbers", anchor=False)
left, right = st.columns(2)
with left:
    layers_view.spread(now)
with right:
    layers_view.reach(now)

st.header("And the object?", anchor=False)
if lesson.predict(text, now):
    layers_view.shares(now)
lesson.check(text, now)
lesson.rest(text, now)
components.code(
    now,
    "import numpy as np\nfrom visualizer import entropy\nfrom visualizer.figures.animation import layer_animation\n\n"
    "axis = record.maps[0].query\n"
    "rows = np.stack([one.mean(axis=0)[query] if head is None else one[head, query] for one in record.layers])\n"
    f"layers = slice({layers[0]}, {layers[-1] + 1})\n"
    "print(entropy(rows))  # bits\n"
    "maps = rows[layers, axis.prefix :].reshape(-1, *axis.grid)\n"
    f'layer_animation(record.image, maps, record.geometry, scale="{scale.mode}").show()\n',
    [commands.layers(now, layers, scale, truth is not None)],
    commands.note(scale.mode),
)
components.downloads(
    "layers",
    {
        "Animation (GIF)": ("layers.gif", lambda: layers_view.film(now, layers, scale, truth, "gif")),
        "Animation (WebP)": ("layers.webp", lambda: layers_view.film(now, layers, scale, truth, "webp")),
        "Pictures (ZIP of PNG)": ("layers.zip", lambda: layers_view.film(now, layers, scale, truth, "zip")),
        "Curves (CSV)": ("layers.csv", lambda: layers_view.curves_csv(now)),
    },
)
