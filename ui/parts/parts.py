"""Parts that the pages of captions, reading and Swin share: menus of numbers, clicks, files of one's own, long runs."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from tutorials.plain import plain
from ui.parts import components, controls
from visualizer.style.scale import MODES

MEAN = "mean"
"""What menus of layers and heads call the mean of all."""
KEEP: dict[str, Any] = {}
AGAIN = "whole_page_again"
"""Session key: a choice was made inside a fragment that the sidebar must show too."""
SCALES = ("shared", "per map", "log")


@contextmanager
def or_stop(problem: str, choices: str) -> Iterator[None]:
    """Say what failed inside, and which `choices` of the sidebar are left, and stop the page."""
    try:
        yield
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{problem}: {error}")
        st.info(f"Choose another {choices} in the sidebar; everything else is as you left it.")
        st.stop()


def agree(wish: tuple[str, ...], takes: Callable[[], str], label: str, key: str) -> None:
    """State what a long run takes and wait for a click on the button of that key; stops the page until then."""
    if st.session_state.get(f"{key}_agreed") == wish:
        return
    st.info(takes())
    if st.button(label, key=key):
        st.session_state[f"{key}_agreed"] = wish
        st.rerun()
    st.stop()


def rerun_if_asked() -> None:
    """For the start of a fragment: run the whole page if a choice in it asked for that."""
    if st.session_state.pop(AGAIN, False):
        st.rerun()


def counted(most: int) -> list[str]:
    """The numbers of so many things, as menus offer them."""
    return [str(number + 1) for number in range(most)]


def number_menu(
    label: str, key: str, most: int, *, reverse: bool = False, place: Any = st, **options: Any
) -> int | None:
    """A menu of numbers and the mean of all; returns the number, 0 first, or None for the mean.

    Args:
        label: over the menu.
        key: of the menu.
        most: how many there are; what is left over from a model with more gives way to what is chosen at first.
        reverse: the last number leads, and so is chosen at first, instead of the mean.
        place: where it is drawn.
        options: of the menu.
    """
    choices = [MEAN, *counted(most)][:: -1 if reverse else 1]
    if st.session_state.get(key, choices[0]) not in choices:
        st.session_state[key] = choices[0]
    place.selectbox(label, choices, key=key, **options)
    return menu_number(key, most)


def menu_number(key: str, most: int) -> int | None:
    """What a menu of that key has chosen, 0 first; None for the mean, and for what there is none of."""
    chosen = str(st.session_state.get(key, MEAN))
    return int(chosen) - 1 if chosen in counted(most) else None


def number(
    label: str,
    key: str,
    low: int,
    high: int,
    start: int,
    *,
    slide: bool = False,
    otherwise: int | None = None,
    place: Any = st,
    **options: Any,
) -> int:
    """One of many, counted from 1 on the page and in the address; returns it 0 first.

    Args:
        label: over the field.
        key: of the field.
        low, high: the first and the last, from 1.
        start: chosen at first.
        slide: a slider, and none for a single choice.
        otherwise: instead of a number that is left over from something with more; None takes the nearest.
        place: where it is drawn.
        options: of the field.
    """
    if key in st.session_state and st.session_state[key] != (near := whole(st.session_state[key], low, high)):
        st.session_state[key] = near if otherwise is None else otherwise
    if slide and low == high:
        return low - 1
    field = place.slider if slide else place.number_input
    return whole(field(label, low, high, start, key=key, **KEEP, **options), low, high) - 1


def whole(value: Any, low: int, high: int) -> int:
    """A whole number within limits, whatever the address says."""
    return int(controls.within(value, low, high))


def picture_menu(label: str, key: str, offered: Callable[[str], list[str]], default: str, tip: str) -> None:
    """A menu of pictures or pages by their ids; what is gone, such as one's own of an earlier session, gives way.

    Args:
        label: over the menu.
        key: of the menu, and its name in the address.
        offered: the ids on offer, with the given one if there is such a picture.
        default: id chosen at first.
        tip: help.
    """
    wanted = str(st.session_state.get(key, default))
    choices = offered(st.query_params.get(key, wanted))
    if wanted not in choices:
        choices = offered(wanted)
    if wanted not in choices:
        st.session_state[key] = default
    st.selectbox(label, choices, choices.index(default), key=key, help=tip)


def clicked(key: str) -> list[int]:
    """The numbers that the point just clicked on the chart of this key carries; [] for anything else."""
    points = components.chosen_points(key)[:1]
    carried = [number for point in points for number in (point if isinstance(point, (list, tuple)) else [point])]
    return [int(number) for number in carried if isinstance(number, (int, float))]


def choose_clicked(key: str, shared: str, kind: type[int] | type[str] = int, again: bool = False) -> None:
    """Make the clicked thing, numbered from 0, the choice under the session key `shared`; for callbacks.

    Args:
        key: of the chart.
        shared: key of the widget, which counts from 1.
        kind: what the widget holds: numbers, or words of a menu.
        again: whether the whole page has to follow.
    """
    for at in clicked(key)[:1]:
        st.session_state[shared] = kind(at + 1)
        st.session_state[AGAIN] = again


def how_drawn(prefix: str, opacity: float, name: str, together: str) -> tuple[str, float]:
    """Scale and opacity of a map, folded away.

    Args:
        prefix: of the widgets' keys and names in the address.
        opacity: at first.
        name: of the map.
        together: whose maps share a scale.
    """
    with st.expander("How it is drawn"):
        scale = controls.menu("Scale of the colours", SCALES, f"{prefix}_scale")
        st.caption(f"{scale}: {MODES[scale]}." + f" Here: all {together}." * (scale == "shared"))
        wanted = st.slider(f"Opacity of the {name}", 0.0, 1.0, opacity, 0.05, key=f"{prefix}_opacity", **KEEP)
    return scale, controls.within(wanted, 0, 1)


def code(lines: str, commands: Sequence[str], note: str = "") -> None:
    """Python and the commands that make the view."""
    with st.expander("Show me the code"):
        st.code(lines, language="python")
        components.copy_commands(commands, note)


def csv_text(rows: Iterable[Sequence[object]], end: str = "\n") -> str:
    """Rows as a file of numbers, each row ended by `end`."""
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(rows)
    return out.getvalue()


def saved(save: Callable[[Path], object]) -> bytes:
    """What a function writes to a file, which has to have an ending; for `components.downloads`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.npz"
        save(path)
        return path.read_bytes()


def own_file(
    title: str, label: str, kinds: Sequence[str], key: str, take: Callable[[str, bytes], None]
) -> DeltaGenerator:
    """A way to bring a file, folded away; what goes wrong is said, and what was shown before stays.

    Args:
        title: of the box.
        label: over the field.
        kinds: endings of names.
        key: of the field.
        take: keeps the file of that name and content; raises ValueError with what is wrong with it.

    Returns:
        The box, for what else belongs into it.
    """
    above = st.container()
    if problem := st.session_state.pop(f"{key}_problem", None):
        above.error(plain(problem))
    box = st.expander(title)
    box.file_uploader(label, kinds, key=key, on_change=partial(_take, key, take), max_upload_size=10)
    return box


def _take(key: str, take: Callable[[str, bytes], None]) -> None:
    given = st.session_state.get(key)
    if given is not None:
        try:
            take(given.name, given.getvalue())
        except ValueError as error:
            st.session_state[f"{key}_problem"] = f"{given.name}: {error}"
