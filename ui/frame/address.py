"""What the reader has chosen, and the address that carries it: a link restores a view, and Back the view before.

Widgets are not bound to the address by Streamlit: a click that changes three of them would leave three entries in the browser's
history, and Back would restore none. Instead each control takes its value here, notes it here, and the address is written once,
at the end of a run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import streamlit as st

from tutorials.plain import plain

# Session keys: parameters still to be honoured; part of the page to what it noted; every key ever noted; the parameters
# last written; what was chosen, by key; the page; the part being drawn; whether the whole script runs, and not a
# fragment alone.
ASKED, NOTED, OWN, WRITTEN, KEPT, PAGE, PART, RUNNING = (
    f"_address_{name}" for name in ("asked", "noted", "own", "written", "kept", "page", "part", "running")
)
# Session key: sentences about parameters that could not be honoured.
COMPLAINTS = "_address_complaints"
# Letters of a parameter that are read.
LONGEST = 3000


def start(page: str, anew: tuple[str, ...] = ()) -> bool:
    """Begin a run of the whole script: read the address if it is not the one that was written last.

    Args:
        page: the page that is drawn.
        anew: keys that have their defaults again when the page is entered.

    Returns:
        Whether the page has just been entered.
    """
    state, found = st.session_state, dict(st.query_params)
    moved = state.get(PAGE) != page
    kept = state.setdefault(KEPT, {})
    if found if moved else found != state.get(WRITTEN):
        # A link, an address that was typed, or Back: what it leaves out has its default again.
        forget([*kept, *(key for noted in state.get(NOTED, {}).values() for key in noted)])
        state[ASKED], state[COMPLAINTS] = found, []
    else:
        # On one page what a link asks for waits for its control, which a later step may draw.
        state[ASKED], state[COMPLAINTS] = {} if moved else state.get(ASKED, {}), []
        # What was left at a page's default has the next page's, which may be another.
        left = [key for noted in state.get(NOTED, {}).values() for key, text in noted.items() if text is None]
        forget([*anew, *left] if moved else ())
    state.update({PAGE: page, NOTED: {}, PART: "", RUNNING: True})
    return moved


def forget(keys: Iterable[str]) -> None:
    """Have these keys their defaults again, unless the address asks for something."""
    for key in dict.fromkeys(keys):
        st.session_state.pop(key, None)
        st.session_state[KEPT].pop(key, None)


def take(key: str, default: Any, read: Callable[[str], Any], name: str = "") -> None:
    """Give the session key its value before its widget is drawn: what the address asks for, what was chosen, or the default.

    Args:
        key: of the widget, and its name in the address.
        default: its value at first.
        read: a parameter's text to the value; raises ValueError, whose sentence is shown together with what is drawn instead.
        name: what the sentence calls the thing.
    """
    state, asked = st.session_state, st.session_state.setdefault(ASKED, {})
    problem = ""
    if key in asked:
        try:
            state[key] = read(str(asked.pop(key))[:LONGEST])
        except ValueError as error:
            state.pop(key, None)
            problem = str(error)
    if key not in state:
        state[key] = state.setdefault(KEPT, {}).get(key, default)
    if problem:
        complain(f"{problem}; {name} {plain(str(state[key]))} is shown.".replace("  ", " "))


def wanted(key: str) -> str:
    """The parameter of this key, if it is still to be honoured; else ""."""
    return str(st.session_state.get(ASKED, {}).get(key, ""))[:LONGEST]


def complain(sentence: str) -> None:
    """Have a sentence about a parameter said at the head of the page; Markdown."""
    said = st.session_state.setdefault(COMPLAINTS, [])
    if sentence not in said:
        said.append(sentence)


def note(key: str, value: Any, default: Any, text: str = "") -> None:
    """Have the address carry `value`, as `text`, unless it is the default."""
    state = st.session_state
    noted = state.setdefault(NOTED, {}).setdefault(state.get(PART, ""), {})
    state.setdefault(OWN, set()).add(key)
    kept = state.setdefault(KEPT, {})
    if value == default:
        noted[key] = None
        kept.pop(key, None)
    else:
        noted[key], kept[key] = text or str(value), value


@contextmanager
def part(name: str) -> Iterator[None]:
    """A part of the page that may be drawn again alone, as a fragment: what it notes replaces what it noted before."""
    state = st.session_state
    before, state[PART] = state.get(PART, ""), name
    state.setdefault(NOTED, {})[name] = {}
    try:
        yield
    finally:
        state[PART] = before
    if not state.get(RUNNING):  # and nothing was raised: a run that begins anew is given the address of before
        _write()


def whole() -> bool:
    """Whether the whole script runs, and not a fragment alone."""
    return bool(st.session_state.get(RUNNING))


def finish() -> None:
    """End a run of the whole script: write the address, if it has changed, as one entry of the history."""
    st.session_state[RUNNING] = False
    _write()


def _write() -> None:
    state, found = st.session_state, dict(st.query_params)
    noted = {key: text for one in state.get(NOTED, {}).values() for key, text in one.items()}
    strangers = {key: text for key, text in found.items() if key not in state.get(OWN, ())}
    wanted = {**strangers, **{key: text for key, text in noted.items() if text is not None}}
    if wanted != found:
        st.query_params.from_dict(wanted)
    state[WRITTEN] = wanted


def link(**parameters: object) -> Mapping[str, str]:
    """Parameters of a link to a page, as text; what is None is left out.

    >>> link(layer=3, head=None)
    {'layer': '3'}
    """
    return {key: str(value) for key, value in parameters.items() if value is not None}
