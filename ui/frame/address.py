"""What the reader has chosen, and the address that carries it: a link restores a view, and Back the view before.

Widgets are not bound to the address by Streamlit: a click that changes three of them would leave three entries in the browser's
history, and Back would restore none. Instead each control takes its value here, notes it here, and the address is written once,
at the end of a run.
"""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tutorials.plain import plain

KEY = "_address"
"""Session key of everything below: one look-up instead of nine, since each costs the server time."""


def of_session() -> Any:
    """What a session's address asks for and carries.

    asked: parameters still to be honoured; noted: part of the page to what it noted; own: every key ever noted; found: the
    parameters that the browser shows; written: those of the last run that came to its end; passed: those written before, which
    requests that are on their way may still carry; kept: what was chosen, by key;
    given: what the step of the lesson sets, by key, which a link to the step brings without saying so; complaints: sentences
    about parameters that could not be honoured; page, part: the page, and the part being drawn; running: whether the whole
    script runs, and not a fragment alone; again: whether the next whole run follows from what this one did, and not from an
    address.
    """
    if KEY not in st.session_state:
        empty = {
            "asked": {},
            "noted": {},
            "own": set(),
            "kept": {},
            "given": {},
            "complaints": [],
            "page": "",
            "part": "",
        }
        st.session_state[KEY] = SimpleNamespace(
            **empty, found={}, written=None, running=False, again=False, passed=deque(maxlen=PASSED)
        )
    return st.session_state[KEY]


STUDENT = "student"
"""Key of the number of a seat: the one parameter that links need not name, since a visit has one seat."""

# Letters of a parameter that are read.
LONGEST = 3000
# Addresses that a request on its way may carry: as many as clicks within the time of a message there and back.
PASSED = 8


def start(page: str, anew: tuple[str, ...] = ()) -> bool:
    """Begin a run of the whole script: read the address if it is not the one that the browser was last known to show.

    Args:
        page: the page that is drawn.
        anew: keys that have their defaults again when the page is entered.

    Returns:
        Whether the page has just been entered.
    """
    state, found = of_session(), dict(st.query_params)
    moved, noted = state.page != page, [one for part in state.noted.values() for one in part.items()]
    if state.written is not None and not moved and (state.again or _late(found)):
        found = state.written
    if found if moved else found != state.written:
        # A link, an address that was typed, or Back: what it leaves out has its default again.
        forget({*state.kept, *(key for key, _ in noted)} - {STUDENT})
        state.asked, state.complaints = dict(found), []
    else:
        # On one page what a link asks for waits for its control, which a later step may draw.
        state.asked, state.complaints = {} if moved else state.asked, state.complaints if state.again else []
        # What was left at a page's default has the next page's, which may be another.
        forget([*anew, *(key for key, text in noted if text is None)] if moved else ())
    state.given, state.again, state.found = {} if moved else state.given, False, found
    state.page, state.noted, state.part, state.running = page, {}, "", True
    return moved


def _late(found: dict[str, str]) -> bool:
    """Whether a request was sent before the browser had the address that was written last: it brings that of before, and is not Back."""
    state, context = of_session(), get_script_run_ctx()
    if found == state.written:
        state.passed.clear()
    back = getattr(context, "is_history_navigation", False) or not st.context.headers.get("User-Agent")
    return found in state.passed and not back


def forget(keys: Iterable[str]) -> None:
    """Have these keys their defaults again, unless the address asks for something."""
    kept = of_session().kept
    for key in dict.fromkeys(keys):
        st.session_state.pop(key, None)
        kept.pop(key, None)


def take(key: str, default: Any, read: Callable[[str], Any], name: str = "") -> Any:
    """Give the session key its value before its widget is drawn: what the address asks for, what was chosen, or the default.

    Args:
        key: of the widget, and its name in the address.
        default: its value at first.
        read: a parameter's text to the value; raises ValueError, whose sentence is shown together with what is drawn instead.
        name: what the sentence calls the thing.

    Returns:
        The value.
    """
    state, own = st.session_state, of_session()
    problem = ""
    if key in own.asked:
        try:
            state[key] = read(str(own.asked.pop(key))[:LONGEST])
        except ValueError as error:
            state.pop(key, None)
            problem = str(error)
    if key not in state:
        state[key] = own.kept.get(key, default)
    found = state[key]
    if problem:
        complain(f"{problem}; {name} {plain(str(found))} is shown.".replace("  ", " "))
    return found


def wanted(key: str) -> str:
    """The parameter of this key, if it is still to be honoured; else ""."""
    return str(of_session().asked.get(key, ""))[:LONGEST]


def bare(besides: Container[str]) -> bool:
    """Whether an address made now would carry nothing, `besides` these keys and the seat."""
    found = [key for one in of_session().noted.values() for key, text in one.items() if text is not None]
    return all(key in besides or key == STUDENT for key in found)


def complain(sentence: str) -> None:
    """Have a sentence about a parameter said at the head of the page; Markdown."""
    said = of_session().complaints
    if sentence not in said:
        said.append(sentence)


def again() -> None:
    """Have the next whole run go on from this one, whatever address its request carries, and say what this one says."""
    of_session().again = True


def rerun() -> NoReturn:
    """Have a part of the page draw the whole of it, as it is now."""
    again()
    st.rerun()


def note(key: str, value: Any, default: Any, text: str = "") -> None:
    """Have the address carry `value`, as `text`, unless it is the default, or what the step sets."""
    state = of_session()
    noted = state.noted.setdefault(state.part, {})
    state.own.add(key)
    noted[key] = None if value == state.given.get(key, default) else text or str(value)
    if value == default:
        state.kept.pop(key, None)
    else:
        state.kept[key] = value


@contextmanager
def part(name: str) -> Iterator[None]:
    """A part of the page that may be drawn again alone, as a fragment: what it notes replaces what it noted before."""
    state = of_session()
    before, state.part = state.part, name
    state.noted[name] = {}
    try:
        yield
    finally:
        state.part = before
    if not state.running:  # and nothing was raised: a run that begins anew is given the address of before
        _write()


def whole() -> bool:
    """Whether the whole script runs, and not a fragment alone."""
    return bool(of_session().running)


def finish() -> None:
    """End a run of the whole script: write the address, if it has changed, as one entry of the history."""
    of_session().running = False
    _write()


def _write() -> None:
    # Not `st.query_params`: a part's request may carry the address of before the last one was written.
    state = of_session()
    noted = {key: text for one in state.noted.values() for key, text in one.items()}
    strangers = {key: text for key, text in state.found.items() if key not in state.own}
    wanted = {**strangers, **{key: text for key, text in noted.items() if text is not None}}
    if wanted != state.found:
        st.query_params.from_dict(wanted)
        state.passed.append(state.found)
    state.found = state.written = wanted
