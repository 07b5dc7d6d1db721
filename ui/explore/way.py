"""A learner's path on the first page: where somebody is, what comes next, and the minutes left."""

import streamlit as st

from tutorials.lessons import lessons
from tutorials.paths import Path, paths
from ui.frame import table, texts
from ui.parts import visit, widgets

PATH = "path"
"""Key of the choice, and its name in the address."""


def draw() -> None:
    """The choice of a path, how far it has been gone, and the way on."""
    st.header(texts.say("path"), anchor=False)
    titles = {name: one.title for name, one in paths().items()}
    chosen = widgets.choice(
        texts.say("path"), tuple(titles), PATH, format_func=titles.get, label_visibility="collapsed"
    )
    path, reached = paths()[chosen], visit.reached()
    left = path.left(reached)
    st.progress(1 - left / path.minutes, text=texts.say("path_left", left=left, minutes=path.minutes))
    if onwards := path.next(reached):
        name, step = onwards
        label = texts.say("path_next", title=lessons()[name].title, step=step, minutes=lessons()[name].minutes)
        go = {"step": str(step)} if step > 1 else None
        st.page_link(table.script(name), label=f"**{label}**", icon=":material/arrow_forward:", query_params=go)
    else:
        st.success(texts.say("path_done"))
    st.markdown("\n".join(_part(path, title, names, reached) for title, names in path.parts))


def _part(path: Path, title: str, names: tuple[str, ...], reached: dict[str, int]) -> str:
    """A line of the list: the part, and its lessons with their minutes and how much of each is done."""
    listed = []
    for name in names:
        lesson, done = lessons()[name], path.share(name, reached)
        far = texts.say("path_lesson_done") if done == 1 else f"{done:.0%}" if done else ""
        listed.append(f"{lesson.title} ({lesson.minutes} min{', ' * bool(far)}{far})")
    return f"- {title}: {', '.join(listed)}"
