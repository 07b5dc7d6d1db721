"""The one program that a page runs in the browser: what figures it listens to, and what a click on one of them does."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from ui.frame import address, state
from ui.parts import visit

FOLDER = Path(__file__).parent / "js"
FILES = ("clicks", "keys", "thumb", "scrub", "bars", "press", "visit", "page")
COMPONENT = "page_script"
"""Key of the component."""
LISTENING = "_listening"
"""Session key: what the page being drawn wants of the program."""

Pick = Callable[[list[Any]], None]
"""What a click does, given the data that the points carry."""


@lru_cache(maxsize=1)
def program() -> str:
    """The files as one module."""
    return "\n".join((FOLDER / f"{name}.js").read_text("utf-8") for name in FILES)


def begin() -> None:
    """Before a page or fragment is drawn: forget what the run before listened to."""
    st.session_state[LISTENING] = {"picks": {}}


def listen(key: str, pick: Pick) -> None:
    """Have a click on the figure of this key call `pick`, before the next run; it may hold numbers, never a record."""
    st.session_state.setdefault(LISTENING, {"picks": {}})["picks"][key] = pick


def follow(maps: dict[str, Any]) -> None:
    """Have a figure follow its sliders in the browser; see `ui.parts.scrub`."""
    st.session_state.setdefault(LISTENING, {"picks": {}})["scrub"] = maps


def follow_bars(values: dict[str, Any]) -> None:
    """Have bars follow a slider in the browser; see `ui.parts.scrub.bars_that_follow`."""
    st.session_state.setdefault(LISTENING, {"picks": {}})["bars"] = values


def press(key: str, after: float, at: int) -> None:
    """Have the browser press the button of this key `after` seconds; `at` tells one time from the next."""
    wanted = {"button": key, "after": 1000 * after, "at": at}
    st.session_state.setdefault(LISTENING, {"picks": {}})["press"] = wanted


def wait() -> None:
    """Have the browser say what the tab has kept of a visit, even if that is nothing."""
    st.session_state.setdefault(LISTENING, {"picks": {}})["waiting"] = True


def waits() -> bool:
    """Whether something that was drawn waits for what the tab has kept."""
    return "waiting" in st.session_state.get(LISTENING, ())


def run(buttons: tuple[str, str] | None = None, back: Callable[[], None] = lambda: None) -> None:
    """After everything is drawn: start the program.

    Args:
        buttons: keys of the buttons that Page Up and Page Down press, (back, next); None on a page without steps.
        back: called when the answers of before a reload have come back.
    """
    wanted = st.session_state.get(LISTENING, {"picks": {}})
    picks: dict[str, Pick] = dict(wanted["picks"])
    data = {
        "figures": list(picks),
        "buttons": None if buttons is None else {"back": buttons[0], "next": buttons[1]},
        "scrub": wanted.get("scrub"),
        "bars": wanted.get("bars"),
        "step": st.session_state.get(state.STEP) if buttons else None,  # another step begins at its head
        "press": wanted.get("press"),
        "visit": {"session": visit.of_session().session, "text": visit.text(), "waiting": "waiting" in wanted},
    }
    # Registered anew each run: a component is known to the server that registered it, and a second one may follow.
    component = st.components.v2.component("sightlines_page", html="<span></span>", js=program())
    # In a tuple: Streamlit looks for tables in a dictionary, and would import pandas and pyarrow (60 MB) to know one.
    component(key=COMPONENT, data=(data,), on_picked_change=lambda: _picked(picks), on_visit_change=lambda: _kept(back))


def _event(name: str) -> Any:
    """What the browser has sent under that name; None for nothing."""
    found: Any = st.session_state.get(COMPONENT) or {}
    return found.get(name) if hasattr(found, "get") else None


def _kept(back: Callable[[], None]) -> None:
    if (stored := _event("visit")) is not None:
        visit.restore(stored)
        address.again()
        back()


def _picked(picks: dict[str, Pick]) -> None:
    event = _event("picked")
    if not hasattr(event, "get"):
        return
    key, points = event.get("key"), event.get("points")
    if isinstance(key, str) and key in picks and isinstance(points, Sequence) and 0 < len(points) <= 5000:
        picks[key](list(points))


def numbers(points: Sequence[Any]) -> list[int]:
    """The numbers that the first point carries, whatever the browser sent; [] for anything else.

    >>> numbers([[3, 4]]), numbers([7]), numbers(["x"])
    ([3, 4], [7], [])
    """
    first: Any = points[0] if points else None
    carried: Sequence[Any] = first if isinstance(first, (list, tuple)) else [first]
    sound = all(isinstance(one, (int, float)) and not isinstance(one, bool) and abs(one) < 1e9 for one in carried)
    return [int(one) for one in carried] if sound else []
