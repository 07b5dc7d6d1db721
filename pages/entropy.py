"""How spread out attention is, in every head and layer, and what low entropy does and does not mean."""

from ui import routing

routing.ensure_router()

import streamlit as st

from ui import commands, components, display, entropy_view, lesson, query_view, trust
from visualizer.export import files as export

text = lesson.head("entropy")
now = components.context()
lesson.action(text)
everyone, share = entropy_view.controls(now)
values = entropy_view.table(now, everyone)
left, right = st.columns(2)
with left:
    entropy_view.heatmap(now, values, everyone, share)
    display.steps(now, "entropy")
with right:
    entropy_view.curve(now, values, everyone, share)
    entropy_view.distribution(now, values, share)

st.header("Focused and spread, side by side", anchor=False)
truth = query_view.truth_switch(now)
scale = display.scale("entropy")
found = entropy_view.extremes(now, truth, scale)

st.header("Does focus mean found?", anchor=False)
if lesson.predict(text, now):
    entropy_view.quarters(now)

st.header("Sinks and long tokens", anchor=False)
entropy_view.sinks(now, truth)
trust.card(now, now.patch_map(), now.row(), display.map_name(now))
lesson.check(text, now)
lesson.rest(text, now)
components.code(
    now,
    "import numpy as np\nfrom visualizer import entropy\nfrom visualizer.figures.summary import head_summary\n\n"
    "bits = np.stack([entropy(one[:, query]) for one in record.layers])  # (layers, heads)\n"
    "print(np.log2(weights.shape[-1]))  # the largest possible, in bits\n"
    "print(bits[layer].mean(), entropy(weights[:, query].mean(axis=0)))  # mean of entropies, entropy of the mean\n"
    'head_summary(bits, "entropy", "bits").show()\n',
    commands.extremes(now, *found, scale, truth is not None),
    "The first line saves the record that the table and the curves are drawn from; `show` on its file tells the mean entropy of "
    "every layer. The other two draw the most focused and the most spread map.",
)
title = f"{now.model}, {display.map_name(now)}"
components.downloads(
    "entropy",
    {
        "Table (CSV)": ("entropy.csv", lambda: export.to_csv(values).replace("row,column", "layer,head", 1).encode()),
        "Chosen map (PNG)": (
            "entropy.png",
            lambda: display.overlay(now, now.patch_map(), title, query=query_view.asking(now), truth=truth),
        ),
    },
)
