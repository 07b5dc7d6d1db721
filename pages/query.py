"""One row of attention step by step, with the live numbers of a chosen patch and head, and a toy to do by hand."""

from ui import routing

routing.ensure_router()

import streamlit as st

from ui import components, display, lesson, query_view, trust
from visualizer.export import files as export

text = lesson.head("query")
now = components.context()
lesson.action(text)
if query_view.mode() == "Toy":
    st.markdown(text.sections["The toy"])
    query_view.toy_page(now)
else:
    shown = lesson.predict(text, now)
    left, right = st.columns(2)
    with left:
        truth = query_view.truth_switch(now)
        query_view.picture(now, shown, truth)
        query_view.moves()
    if shown:
        with right:
            query_view.arithmetic(now)
        query_view.table(now)
        trust.card(now, now.patch_map(), now.row(), f"the row of {now.query_name()}")
        query_view.what_if(now)
        lesson.check(text, now)
lesson.rest(text, now)
components.code(
    now,
    "from visualizer.measures.arithmetic import row_steps\n\n"
    "queries, keys = model.queries_and_keys(picture, layer)\n"
    "steps = row_steps(queries[head or 0][query], keys[head or 0])\n"
    "print(steps.products, steps.scaled, steps.powers, steps.total, steps.weights)\n"
    "abs(steps.weights - weights[head or 0, query]).max()  # rounding\n",
    *query_view.commands(now),
)
components.downloads(
    "query",
    {
        "Map (PNG)": (
            "query.png",
            lambda: display.overlay(now, now.patch_map(), query_view.map_name(now), query=query_view.asking(now)),
        ),
        "Map (CSV)": ("query.csv", lambda: export.to_csv(now.patch_map()).encode()),
        "Every step (CSV)": ("query-steps.csv", lambda: query_view.steps_csv(now)),
    },
)
