"""What several pages draw: charts with a text alternative, the guard, pictures to click, code and export."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from tutorials.findings.context import Context, Picture
from ui import controls, pictures, resources, snippets, state
from ui.commands import OWN_PICTURE, own
from vit_attention import registry

CONFIG = {"displayModeBar": False, "scrollZoom": False}


def context() -> Context:
    """Model, picture, record and choice of this run; stops the page with a message if there is no record to show."""
    picture = pictures.get(str(st.session_state[state.PICTURE]))
    wanted, name = str(st.session_state[state.MODEL]), resources.active_model()
    if wanted != name:
        offer(wanted, resources.BUNDLED_MODEL, "fetch_weights")
    try:
        with st.spinner("The model is looking ..."):
            record = resources.record(name, picture)
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{name} cannot show this picture: {error}")
        st.info("Choose another model or picture in the sidebar; everything else is as you left it.")
        st.stop()
    _say_limits(name, picture)
    return Context(name, picture, record, state.selection(record), resources.run)


def offer(wanted: str, shown: str, key: str, more: str = "") -> None:
    """Say that a chosen model's weights are not here yet, and how to get them.

    Args:
        wanted: the chosen model.
        shown: the model that stands in for it until then.
        key: of the button.
        more: a sentence on what running it takes.
    """
    card = registry.card(wanted)
    with st.container(border=True):
        st.markdown(
            f"**{card.label}** is not on this machine yet. Until it is, this page shows **{shown}**. Its published weights are "
            f"{card.megabytes:.0f} MB.{f' {more}' if more else ''}"
        )
        if st.button("Download them now", key=key):
            problem = resources.fetch_weights(wanted)
            if problem is None:
                st.rerun()
            st.error(problem)


def _say_limits(name: str, picture: Picture) -> None:
    if name == resources.BUNDLED_MODEL and picture.is_photograph:
        st.warning(
            "This is a photograph, and scene-vit knows only twelve drawn shapes: its maps here are real, but they say "
            "little about the photograph. For photographs choose ViT-B/16 in the sidebar.",
            icon="⚠️",
        )
    if name != resources.BUNDLED_MODEL and not picture.is_photograph:
        st.caption(f"{registry.card(name).label} was trained on photographs, not on drawn scenes.")
    for note in picture.notes:
        st.caption(note)


def chart(figure: Any, key: str, alt: str, on_select: Callable[[], None] | None = None) -> None:
    """A Plotly figure with its text alternative; `on_select` makes its markers clickable."""
    extra: dict[str, Any] = {} if on_select is None else {"on_select": on_select, "selection_mode": ("points", "box")}
    st.plotly_chart(figure, key=key, alt=alt, config=CONFIG, **extra)


def in_words(text: str) -> None:
    """The same map as text, for readers who do not rely on colour."""
    with st.expander("This map in words"):
        st.text(text)


def table(columns: Mapping[str, Sequence[object]]) -> None:
    """A small table, cells as they are written; not `st.dataframe`, which would import pandas and its memory."""
    rows = zip(*columns.values(), strict=True)
    lines = [_row(columns), _row("---" for _ in columns), *(_row(_plain(cell) for cell in row) for row in rows)]
    st.markdown("\n".join(lines))


def say_wide() -> None:
    """On a phone, that the table above goes on to the right."""
    if controls.on_phone():
        st.caption("The table goes on to the right; scroll it sideways.")


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(cell: object) -> str:
    """A cell without Markdown: class names come from files."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>$~:])", r"\\\1", str(cell))


def chosen_points(key: str) -> list[Any]:
    """`customdata` of the points just chosen on the chart of this key; [] for anything unexpected."""
    event = st.session_state.get(key) or {}
    try:
        return [point["customdata"] for point in event["selection"]["points"] if point.get("customdata") is not None]
    except (KeyError, TypeError):
        return []


def pick_patches(key: str, columns: int) -> Callable[[], None]:
    """A callback that makes the clicked patch, or the box of patches, the query."""

    def pick() -> None:
        numbers = sorted({int(_first(point)) for point in chosen_points(key)})
        if len(numbers) == 1:
            state.ask_patch(*divmod(numbers[0], columns))
        elif numbers:
            state.ask_patches(numbers, columns)

    return pick


def pick_head(key: str) -> Callable[[], None]:
    """A callback for figures whose points carry [layer, head] (0 first): makes them the shared choice."""

    def pick() -> None:
        points = chosen_points(key)
        if points and isinstance(points[0], (list, tuple)) and len(points[0]) >= 2:
            st.session_state[state.LAYER] = int(points[0][0]) + 1
            st.session_state[state.HEAD] = str(int(points[0][1]) + 1)

    return pick


def _first(point: Any) -> Any:
    return point[0] if isinstance(point, (list, tuple)) else point


def query_arrows() -> None:
    """Buttons that move the asking patch: the twin of clicking, for keyboard and touch."""
    moves = (("←", 0, -1), ("↑", -1, 0), ("↓", 1, 0), ("→", 0, 1))
    words = {"←": "left", "↑": "up", "↓": "down", "→": "right"}
    with st.container(horizontal=True):  # columns would stack four full rows on a phone
        for sign, down, right in moves:
            st.button(
                sign, key=f"move_{words[sign]}", on_click=_move, args=(down, right), help=f"Ask the patch {words[sign]}"
            )


def _move(down: int, right: int) -> None:
    row = max(1, int(st.session_state[state.ROW]) + down)
    column = max(1, int(st.session_state[state.COLUMN]) + right)
    state.ask_patch(row - 1, column - 1)


def code(now: Context, lines: str, commands: Sequence[str] = (), note: str = "") -> None:
    """Show the code that makes this view, ready to paste into a notebook, and the commands that make its pictures."""
    with st.expander("Show me the code"):
        st.code(snippets.record_code(now) + lines, language="python")
        copy_commands(commands, note)


def copy_commands(commands: Sequence[str], note: str = "") -> None:
    """Lines for a shell, with a button that copies them; for the inside of "Show me the code"."""
    if commands:
        st.caption("The same from the command line, into the folder attn_vis. The button in its corner copies it.")
        st.code("\n".join(commands), language="bash")
    if own(commands):
        st.caption(f"{OWN_PICTURE} stands for your own picture: put its path there.")
    if note:
        st.caption(note)


def downloads(name: str, files: dict[str, tuple[str, Callable[[], bytes]]]) -> None:
    """Download buttons whose data is made on the click: label to (file name, maker)."""
    with st.expander("Export"):
        for column, (label, (file, make)) in zip(st.columns(len(files)), files.items(), strict=True):
            column.download_button(
                label, data=make, file_name=file, key=f"{name}_{file}", on_click="ignore", width="stretch"
            )
