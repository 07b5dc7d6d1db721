"""Parts that several pages share: the guard, long runs, tables and records as files, files of one's own."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from tutorials.plain import plain
from ui.frame.stop import stop
from ui.parts import steps


@contextmanager
def or_stop(problem: str, choices: str) -> Iterator[None]:
    """Say what failed inside, and which `choices` of the sidebar are left, and stop the page."""
    try:
        yield
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{plain(problem)}: {plain(str(error))}")
        st.info(f"Choose another {choices} in the sidebar; everything else is as you left it.")
        stop()


def agree(wish: tuple[str, ...], takes: Callable[[], str], label: str, key: str) -> None:
    """State what a long run takes and wait for a click on the button of that key; stops the page until then."""
    if st.session_state.get(f"{key}_agreed") == wish:
        return
    st.info(takes())
    if st.button(label, key=key):
        st.session_state[f"{key}_agreed"] = wish
        st.rerun()
    stop()


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
    title: str, label: str, kinds: Sequence[str], key: str, take: Callable[[str, bytes], None], most: int = 10
) -> DeltaGenerator:
    """A way to bring a file, folded away; what goes wrong is said, and what was shown before stays.

    Args:
        title: of the box.
        label: over the field.
        kinds: endings of names.
        key: of the field.
        take: keeps the file of that name and content; raises ValueError with what is wrong with it.
        most: megabytes of a file.

    Returns:
        The box, for what else belongs into it.
    """
    above = st.container()
    if problem := st.session_state.pop(f"{key}_problem", None):
        above.error(plain(problem))
    box = st.expander(title)
    box.file_uploader(label, kinds, key=key, on_change=partial(_take, key, take), max_upload_size=most)
    return box


def _take(key: str, take: Callable[[str, bytes], None]) -> None:
    given = st.session_state.get(key)
    if given is not None:
        steps.leave_question()
        try:
            take(given.name, given.getvalue())
        except ValueError as error:
            st.session_state[f"{key}_problem"] = f"{given.name}: {error}"
