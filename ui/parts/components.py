"""What several pages draw: charts with a text alternative, the guard, pictures to click, code and export."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike, NDArray

from tutorials.findings.context import Context
from tutorials.plain import plain
from ui.frame import shell, state
from ui.parts import controls, panels, script, snippets
from ui.store import figures
from visualizer.export import files as export
from visualizer.figures import overlay, rooms, summary
from visualizer.figures.comparison import before_after
from visualizer.method.base import SHARE
from visualizer.words.maps import describe
from vit_attention.cli.recipe import OWN_PICTURE

CONFIG = {"displayModeBar": False, "scrollZoom": False}


def chart(figure: Any, key: str, alt: str, pick: script.Pick | None = None) -> None:
    """A Plotly figure with its text alternative; `pick` is called with what the clicked markers carry."""
    if pick is not None:
        script.listen(key, pick)
    where = (controls.on_phone(), bool(st.session_state.get(shell.PRESENT)))
    # Only where it is needed: a figure that is not kept yet is copied for it.
    height: Any = rooms.height(figure.to_dict()["layout"], *where) if any(where) else "content"
    with st.container(key=f"figure_{key}"):
        st.plotly_chart(figure, key=key, alt=alt, config=CONFIG, height=height)


def in_words(text: str) -> None:
    """The same map as text, for readers who do not rely on colour."""
    if panels.wanted(panels.WORDS):
        with st.container(border=True):
            st.text(text)


def panel(
    figure: Any,
    key: str,
    words: str,
    pick: script.Pick | None = None,
    caption: str = "",
    alt: str = "",
) -> None:
    """A figure, what there is to say about it, and the same in words.

    Args:
        figure: from Plotly.
        key: of the chart.
        words: the figure in words.
        pick: what a click does; see `chart`.
        caption: what there is to say about it.
        alt: its text alternative if not the words.
    """
    chart(figure, key, alt or words, pick)
    if caption:
        st.caption(caption)


def kept(
    now: Any, key: str, make: Callable[..., tuple[Any, ...]], *asked: Any, pick: script.Pick | None = None, **how: Any
) -> None:
    """A panel that is made once for each view, and no more where a rerun changes nothing in it.

    Args:
        now: what is looked at; its `view` tells one view from another.
        key: of the chart.
        make: given `now` and what is `asked`, gives the figure, its words, and its caption if it has one; or why there is none.
        asked: what else the figure depends on.
        pick, how: as for `panel`.
    """
    figure, *said = figures.kept((key, now.view, *map(told, asked)), lambda: make(now, *asked))
    panel(figure, key, said[0], pick, *said[1:], **how) if said else st.info(figure)


def shown(
    key: str, make: Callable[..., tuple[Any, ...]], *asks: Callable[[Any], Any], **how: Any
) -> Callable[[Any], None]:
    """Draws such a panel, for a lesson's views; `asks` say, given what is looked at, what else it depends on."""
    return lambda now: kept(now, key, make, *(ask(now) for ask in asks), **how)


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
    asked = ("bars", names, values, unit, repr(look))
    chart(figures.one(asked, lambda: summary.bars(names, values, unit, **look)), key, listed.join(ends))


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
        clickable: a click makes a patch the query.
        look: as `overlay` takes it; shares of attention are drawn like `controls.shares` unless it says otherwise.
    """
    look = {"query": controls.query_patches(now), **controls.shares(unit), **look}
    look |= {"unit": unit, "clickable": clickable, "title": title}
    pick = pick_patches(now.grid[1]) if clickable else None

    def make() -> tuple[Any, str]:
        figure = overlay.overlay(now.picture.image, values, now.record.geometry, **look)
        return figure, alt or describe(values, None, name or title, unit)

    asked = ("map", now.view, digest(values), alt, name, *((name, told(one)) for name, one in look.items()))
    figure, said = figures.kept(asked, make)
    chart(figure, key, said, pick)
    if caption:
        st.caption(caption)


@contextmanager
def drawing() -> Iterator[None]:
    """Say in a sentence why a map cannot be drawn, such as one with values below zero on a logarithmic scale."""
    try:
        yield
    except ValueError as error:
        st.error(f"This map cannot be drawn: {plain(str(error))}")


def two_maps(now: Context, maps: Sequence[NDArray[Any]], names: tuple[str, str], **look: Any) -> Any:
    """Two maps of attention side by side over the page's picture, drawn as single ones are, the asking patches outlined.

    Args:
        now: what the page looks at.
        maps: two of (rows, columns).
        names: of the two, over them.
        look: as `before_after` takes it; each map has its own scale unless it says otherwise.
    """
    look = {"scale": "per map", "query": controls.query_patches(now), **controls.shares(SHARE), **look}
    first, second = maps
    return before_after(now.picture.image, first, second, names, now.record.geometry, difference=False, **look)


def told(value: Any) -> str | bytes:
    """What tells a look's values apart, for keys of the store: arrays by a digest, the rest by how they are written."""
    if isinstance(value, np.ndarray) or (isinstance(value, list) and value and isinstance(value[0], np.ndarray)):
        return digest(np.asarray(value))
    return repr(value)


def digest(values: NDArray[Any]) -> bytes:
    """A short digest of an array."""
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=12).digest()


def table(columns: Mapping[str, Sequence[object]]) -> None:
    """A small table, cells as they are written; not `st.dataframe`, which would import pandas and its memory."""
    rows = zip(*columns.values(), strict=True)
    lines = [
        _row(name.replace("<", r"\<") for name in columns),
        _row("---" for _ in columns),
        *(_row(_plain(cell) for cell in row) for row in rows),
    ]
    # In a box of its own that scrolls sideways, which Tab reaches: else a wide table would push the whole page.
    box = f'<div class="sightlines-table" role="region" tabindex="0" aria-label="Table: {escape(", ".join(columns))}">'
    st.markdown("\n".join([box, "", *lines, "", "</div>"]), unsafe_allow_html=True)


def say_wide() -> None:
    """On a phone, that the table above goes on to the right."""
    if controls.on_phone():
        st.caption("The table goes on to the right; scroll it sideways.")


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(cell: object) -> str:
    """A cell without Markdown: class names come from files."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>$~:])", r"\\\1", str(cell))


def pick_patches(columns: int) -> script.Pick:
    """A click makes a patch the query, or the box of patches."""

    def pick(points: list[Any]) -> None:
        numbers = sorted({number for point in points for number in script.numbers([point])[:1] if number >= 0})
        if numbers:
            state.ask_patch(*divmod(numbers[0], columns), numbers if len(numbers) > 1 else ())

    return pick


def pick_head(points: list[Any]) -> None:
    """For figures whose points carry [layer, head] (0 first): makes them the shared choice."""
    if len(found := script.numbers(points)) >= 2:
        st.session_state.update({state.LAYER: found[0] + 1, state.HEAD: str(found[1] + 1)})


def pick_number(shared: str, points: list[Any], first: int = 0) -> None:
    """Make the clicked thing, numbered from 0, the choice of that key; the menu of heads holds words."""
    for at in script.numbers(points)[:1]:
        number = max(first + at + 1, 1)
        st.session_state[shared] = str(number) if shared == state.HEAD else number


def code(now: Context, lines: str, commands: Sequence[str] = (), note: str = "") -> None:
    """Show the code that makes this view, ready to paste into a notebook, and the commands that make its pictures."""
    code_box(snippets.record_code(now) + lines, commands, note)


def code_box(lines: str, commands: Sequence[str] = (), note: str = "") -> None:
    """Whole lines of Python and the commands that make a view, if they are wanted."""
    if not panels.wanted(panels.CODE):
        return
    with st.container(border=True):
        st.code(lines, language="python", wrap_lines=True)
        if commands:
            st.caption("The same from the command line, into the folder attn_vis. The button in its corner copies it.")
            st.code("\n".join(commands), language="bash", wrap_lines=True)
        if any(OWN_PICTURE in line for line in commands):  # nobody knows where on the disk it is
            st.caption(f"{OWN_PICTURE} stands for your own picture: put its path there.")
        if note:
            st.caption(note)


def downloads(name: str, files: Mapping[str, tuple[str, Callable[..., bytes]]], now: Any = None) -> None:
    """Download buttons whose data is made on the click.

    Args:
        name: of the page, for the keys.
        files: label to (file name, maker). A button outlives the run that drew it, so that a maker holds numbers alone: it is
            given what is looked at anew, ``now.again()``.
        now: what is looked at.
    """
    if not panels.wanted(panels.FILES):
        return
    again: Any = getattr(now, "again", None)
    with st.container(border=True):
        for column, (label, (file, make)) in zip(st.columns(len(files)), files.items(), strict=True):
            data = make if now is None else partial(_made, make, again)
            column.download_button(
                label, data=data, file_name=file, key=f"{name}_{file}", on_click="ignore", width="stretch"
            )


def _made(make: Callable[[Any], bytes], again: Callable[[], Any]) -> bytes:
    return make(again())


def png(now: Context, values: ArrayLike, caption: str, **look: Any) -> bytes:
    """A map over the page's picture, for `downloads`; `look` as `overlay_png` takes it."""
    look = {**controls.shares(look.get("unit", SHARE)), **look}
    return export.overlay_png(now.picture.image, values, now.record.geometry, caption, **look)


def csv(values: ArrayLike, colours: NDArray[Any] | None = None) -> bytes:
    """A map as a table, for `downloads`; with the colours that it brings."""
    return export.to_csv(values, colours).encode()
