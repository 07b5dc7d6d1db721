"""What several pages draw: charts with a text alternative, the guard, pictures to click, code and export."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import streamlit as st
from numpy.typing import ArrayLike, NDArray

from tutorials.findings.context import Context, Picture
from ui import controls, fetching, patch_count, pictures, resources, snippets, state
from visualizer.export import files as export
from visualizer.figures import overlay, summary
from visualizer.method.base import SHARE
from visualizer.words.maps import describe
from vit_attention import registry
from vit_attention.cli.recipe import OWN_PICTURE
from vit_attention.models.cards import caution
from vit_attention.records import AttentionRecord

CONFIG = {"displayModeBar": False, "scrollZoom": False}


Labels = Callable[[str, Picture], tuple[str, ...]]
"""From a model's name and a picture to the labels that it is compared with."""


def context(counted: bool = False, labelled: Labels | None = None) -> Context:
    """Model, picture, record and choice of this run; stops the page with a message if there is no record to show.

    Args:
        counted: whether the page lets people choose into how many patches the picture is cut.
        labelled: asks for labels, on a page that takes any.
    """
    picture = pictures.get(str(st.session_state[state.PICTURE]))
    wanted, name = str(st.session_state[state.MODEL]), resources.active_model()
    if wanted in state.READS:
        st.info(f"{wanted} reads sentences and is shown in the playground; this page shows {name}.")
    elif wanted != name:
        fetching.offer(wanted, resources.BUNDLED_MODEL, "fetch_weights")
    size = patch_count.control(name, picture) if counted else None
    advice = "Choose another model or picture in the sidebar; everything else is as you left it."
    labels = labelled(name, picture) if labelled is not None and size is None else ()
    record = looked(name, picture, advice, size, labels)
    if name in state.KNOW_SCENES and picture.is_photograph:
        st.warning(mismatch(name, picture), icon="⚠️")
        use = {state.MODEL: resources.PHOTO_MODEL}
        st.button("Look with photo-dino", key="use_photo_model", on_click=st.session_state.update, args=(use,))
    elif told := mismatch(name, picture):
        st.caption(told)
    for note in picture.notes:
        st.caption(note)
    return Context(name, picture, record, state.selection(record), resources.run, size, labels)


def mismatch(name: str, picture: Picture) -> str:
    """What to know of a model that was trained on another kind of pictures; "" for one of this kind."""
    if name in state.KNOW_SCENES:
        return _DRAWN.format(name) * picture.is_photograph
    told = f"{registry.card(name).label} was trained on photographs, not on drawn scenes. {caution(name)}"
    return "" if picture.is_photograph else told.strip()


_DRAWN = (
    "This is a photograph, and {} knows only twelve drawn shapes: its maps here are real, but they say little about the "
    "photograph."
)


def looked(
    name: str,
    picture: Picture,
    advice: str = "",
    size: tuple[int, int] | None = None,
    labels: tuple[str, ...] = (),
) -> AttentionRecord:
    """The record of a picture or sentence under a model; stops the page with a message and `advice` if there is none.

    With a `size`, (height, width) of the model's input in pixels, only part of the maps is in it; with `labels`, they are its
    classes.
    """
    try:
        with st.spinner("The model is looking ..."):
            if size is not None:
                return resources.fine_record(name, picture, size, state.layer())
            return resources.record(name, picture, **({"labels": labels} if labels else {}))
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{name} cannot show this picture: {error}")
        if advice:
            st.info(advice)
        st.stop()


def chart(figure: Any, key: str, alt: str, on_select: Callable[[], None] | None = None) -> None:
    """A Plotly figure with its text alternative; `on_select` makes its markers clickable."""
    extra: dict[str, Any] = {} if on_select is None else {"on_select": on_select, "selection_mode": ("points", "box")}
    st.plotly_chart(figure, key=key, alt=alt, config=CONFIG, **extra)


def in_words(text: str) -> None:
    """The same map as text, for readers who do not rely on colour."""
    with st.expander("This map in words"):
        st.text(text)


def panel(
    figure: Any,
    key: str,
    words: str,
    on_select: Callable[[], None] | None = None,
    caption: str = "",
    alt: str = "",
    below: bool = True,
) -> None:
    """A figure, what there is to say about it, and the same in words.

    Args:
        figure: from Plotly.
        key: of the chart.
        words: the figure in words.
        on_select: makes its markers clickable.
        caption: what there is to say about it.
        alt: its text alternative if not the words.
        below: whether the words stand below, too.
    """
    chart(figure, key, alt or words, on_select)
    if caption:
        st.caption(caption)
    if below:
        in_words(words)


def bar_chart(
    key: str,
    named: Iterable[tuple[str, float]],
    unit: str,
    each: str = "{}: {:.1%}",
    ends: Sequence[str] = ("", ""),
    **look: Any,
) -> None:
    """Bars by name; `each` of them between the `ends` are the text alternative, `look` is as `bars` takes it."""
    names, values = zip(*named, strict=True)
    listed = "; ".join(map(each.format, names, values))
    chart(summary.bars(names, values, unit, **look), key, listed.join(ends))


def picture_map(
    now: Context,
    key: str,
    values: NDArray[Any],
    title: str,
    *,
    name: str = "",
    unit: str = SHARE,
    alt: str = "",
    caption: str = "",
    clickable: bool = False,
    **look: Any,
) -> None:
    """A map over the page's picture, the asking patches outlined.

    Args:
        now: what the page looks at.
        key: of the chart.
        values: (rows, columns) the map.
        title: over it.
        name: of the map in words; "" takes the title.
        unit: what one value is.
        alt: the text alternative; "" takes the map in words.
        caption: what there is to say about it.
        clickable: a click makes a patch the query; such maps stand in words below.
        look: as `overlay` takes it.
    """
    look = {"query": controls.query_patches(now), **look, "unit": unit, "clickable": clickable, "title": title}
    pick = pick_patches(key, now.grid[1]) if clickable else None
    said = alt or describe(values, None, name or title, unit)
    chart(overlay.overlay(now.picture.image, values, now.record.geometry, **look), key, said, pick)
    if caption:
        st.caption(caption)
    if clickable:
        in_words(said)


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
        points = chosen_points(key)
        numbers = sorted({int(one[0] if isinstance(one, (list, tuple)) else one) for one in points})
        if numbers:
            state.ask_patch(*divmod(numbers[0], columns), numbers if len(numbers) > 1 else ())

    return pick


def pick_head(key: str) -> Callable[[], None]:
    """A callback for figures whose points carry [layer, head] (0 first): makes them the shared choice."""

    def pick() -> None:
        points = chosen_points(key)
        if points and isinstance(points[0], (list, tuple)) and len(points[0]) >= 2:
            layer, head = (int(number) + 1 for number in points[0][:2])
            st.session_state.update({state.LAYER: layer, state.HEAD: str(head)})

    return pick


def pick_number(key: str, shared: str, first: int = 0) -> None:
    """Make the clicked map of a mosaic, numbered from 0, the shared layer or head; for callbacks."""
    points = chosen_points(key)
    if points and isinstance(points[0], int):
        number = first + points[0] + 1
        st.session_state[shared] = number if shared == state.LAYER else str(number)


def query_arrows(key: str = "move", move: Callable[[int, int], None] | None = None) -> None:
    """Buttons that move the asking patch down and right: the twin of clicking, for keyboard and touch."""
    with st.container(horizontal=True):  # columns would stack four full rows on a phone
        for sign, word, *step in (("←", "left", 0, -1), ("↑", "up", -1, 0), ("↓", "down", 1, 0), ("→", "right", 0, 1)):
            st.button(sign, key=f"{key}_{word}", on_click=move or _move, args=step, help=f"Ask the patch {word}")


def _move(down: int, right: int) -> None:
    row, column = int(st.session_state[state.ROW]) + down, int(st.session_state[state.COLUMN]) + right
    state.ask_patch(max(1, row) - 1, max(1, column) - 1)


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
    if any(OWN_PICTURE in line for line in commands):  # nobody knows where on the disk it is
        st.caption(f"{OWN_PICTURE} stands for your own picture: put its path there.")
    if note:
        st.caption(note)


def downloads(name: str, files: Mapping[str, tuple[str, Callable[[], bytes]]], title: str = "Export") -> None:
    """Download buttons whose data is made on the click: label to (file name, maker)."""
    with st.expander(title):
        for column, (label, (file, make)) in zip(st.columns(len(files)), files.items(), strict=True):
            column.download_button(
                label, data=make, file_name=file, key=f"{name}_{file}", on_click="ignore", width="stretch"
            )


def png(now: Context, values: ArrayLike, caption: str, **look: Any) -> bytes:
    """A map over the page's picture, for `downloads`; `look` as `overlay_png` takes it."""
    return export.overlay_png(now.picture.image, values, now.record.geometry, caption, **look)


def csv(values: ArrayLike, colours: NDArray[Any] | None = None) -> bytes:
    """A map as a table, for `downloads`; with the colours that it brings."""
    return export.to_csv(values, colours).encode()
