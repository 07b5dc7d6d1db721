"""Every kind of control, once: its value is checked, stands in the address, and is kept while other pages are visited.

Each function draws a widget of the given key and returns its value; with ``place=None`` the value is kept and nothing is drawn.
What the address asks for and cannot have is answered by a sentence at the head of the page.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import streamlit as st
from streamlit.errors import StreamlitAPIException

from tutorials.plain import plain
from ui.frame import address
from vit_attention.gate.refusal import shown

N = TypeVar("N", int, float)
WHOLE = "_whole_{}"
"""Session key: the ends of a span when it was drawn last."""


def _name(label: str) -> str:
    """What a label calls its thing inside a sentence."""
    return label.split(" (")[0].rstrip("?").lower()


def quoted(text: str) -> str:
    """A stranger's text in a sentence of Markdown."""
    return plain(shown(text))


def _settle(
    key: str, default: Any, read: Callable[[str], Any], fits: Callable[[Any], bool], drawn: Any, label: str = ""
) -> None:
    found = address.take(key, default, read, _name(label))
    fitting = found if fits(found) else default  # left over from something that has more, or set by a stranger
    # A widget that was gone for a run comes back without its value unless it is set; one that is drawn cannot be set again.
    if drawn or fitting is not found:
        st.session_state[key] = fitting


def _among(options: Sequence[str], label: str, text: str) -> str:
    if text not in options:
        raise ValueError(f"There is no {_name(label)} {quoted(text)}")
    return text


def toggle(label: str, key: str, default: bool = False, *, place: Any = st, **how: Any) -> bool:
    """A switch."""
    _settle(key, default, partial(_on_or_off, label), lambda value: isinstance(value, bool), place)
    on = bool(place.toggle(label, key=key, **how) if place else st.session_state[key])
    address.note(key, on, default, str(on).lower())
    return on


def _on_or_off(label: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{label}: want true or false, got {quoted(text)}")
    return text == "true"


def menu(
    label: str, options: Sequence[str], key: str, default: str | None = None, *, place: Any = st, **how: Any
) -> str:
    """One of `options`, from a folded menu; the first unless `default` says otherwise."""
    return _one(place and place.selectbox, label, options, key, default, **how)


def choice(
    label: str, options: Sequence[str], key: str, default: str | None = None, *, place: Any = st, **how: Any
) -> str:
    """One of `options`, from buttons side by side."""
    return _one(place and place.segmented_control, label, options, key, default, required=True, **how)


def steps(
    label: str, options: Sequence[str], key: str, default: str | None = None, *, place: Any = st, **how: Any
) -> str:
    """One of `options`, in their order, from a slider; no slider for a single one."""
    if len(options) == 1:
        return options[0]
    return _one(place and place.select_slider, label, options, key, default, **how)


def _one(draw: Any, label: str, options: Sequence[str], key: str, default: str | None, **how: Any) -> str:
    first = default if default in options else options[0]
    assert first is not None
    _settle(key, first, partial(_among, options, label), lambda value: value in options, draw, label)
    value = draw(label, list(options), key=key, **how) if draw else st.session_state[key]
    found = str(value) if value in options else first
    address.note(key, found, first)
    return found


def several(label: str, options: Sequence[str], key: str, most: int, *, place: Any = st, **how: Any) -> tuple[str, ...]:
    """At most `most` of `options`, each once; the address carries them with commas."""
    read = partial(_those, options, label, most)
    _settle(key, [], read, lambda value: isinstance(value, list) and {*value} <= {*options}, place, label)
    given = place.multiselect(label, options, key=key, max_selections=most, **how) if place else st.session_state[key]
    found = tuple(one for one in given if one in options)[:most]
    address.note(key, [*found], [], ",".join(found))
    return found


def _those(options: Sequence[str], label: str, most: int, text: str) -> list[str]:
    found = list(dict.fromkeys(text.split(",")))
    if len(found) > most:
        raise ValueError(f"{label}: want at most {most}, got {len(found)}")
    return [_among(options, label, one) for one in found]


def slider(
    label: str, low: N, high: N, key: str, default: N, step: N | None = None, *, place: Any = st, **how: Any
) -> N:
    """A number between `low` and `high`, from a slider; no slider where there is one number."""
    if low >= high:
        return low
    return _number(place and place.slider, label, low, high, key, default, step, **how)


def number(
    label: str, low: int, high: int, key: str, default: int, step: int = 1, *, place: Any = st, **how: Any
) -> int:
    """A whole number between `low` and `high`, typed in."""
    return _number(place and place.number_input, label, low, high, key, default, step, **how)


def _number(draw: Any, label: str, low: N, high: N, key: str, default: N, step: N | None, **how: Any) -> N:
    kind = type(default)
    default = kind(min(max(default, low), high))
    st.session_state.pop(key, None) if not _is_number(st.session_state.get(key, default)) else None
    taken = address.take(key, default, partial(_within, label, low, high, kind), _name(label))
    # Also what fits: a slider of other ends is a new one, and begins anew. What was drawn in this run cannot be set again.
    with suppress(StreamlitAPIException):
        st.session_state[key] = kind(within(taken, low, high))
    given = draw(label, low, high, step=step, key=key, **how) if draw else st.session_state[key]
    found = kind(within(given, low, high))
    address.note(key, found, default, f"{found:g}" if kind is float else str(found))
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _within(label: str, low: N, high: N, kind: type[N], text: str) -> N:
    """The number that a parameter says; "1e999" and 400 digits are refused before they are read."""
    written = r"-?[0-9]{1,9}" if kind is int else r"-?[0-9]{1,9}(\.[0-9]{1,9})?"
    if not re.fullmatch(written, text) or not low <= kind(text) <= high:
        raise ValueError(f"There is no {_name(label)} {quoted(text)[1:-1]}, only {low:g} to {high:g}")
    return kind(text)


def within(value: Any, low: float, high: float) -> float:
    """`value` clamped; `low` for what is no number."""
    try:
        return min(max(float(value), low), high)
    except (TypeError, ValueError, OverflowError):
        return low


def span(label: str, low: int, high: int, key: str, *, place: Any = st, **how: Any) -> tuple[int, int]:
    """The first and the last of a span of whole numbers, which the address carries as ``3-9``; a whole one stays whole."""
    if low >= high:
        return low, high
    whole = st.session_state.setdefault(WHOLE.format(key), (low, high))
    if place and whole != (low, high):
        st.session_state[WHOLE.format(key)] = (low, high)
        if st.session_state.get(key) == whole:  # of what had fewer or more
            st.session_state[key] = (low, high)
    _settle(key, (low, high), partial(_ends, label, low, high), lambda value: _fits(value, low, high), place)
    # With two ends given, two are read from the browser: of a value that only the session has, it would be one.
    draw = place and partial(place.select_slider, label, list(range(low, high + 1)), (low, high))
    ends = draw(key=key, **how) if draw else st.session_state[key]
    found = (min(ends), max(ends))
    address.note(key, found, (low, high), f"{found[0]}-{found[1]}")
    return found


def _fits(value: Any, low: int, high: int) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(low <= one <= high for one in value)


def _ends(label: str, low: int, high: int, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]{1,6})-([0-9]{1,6})", text)
    ends = (int(found[1]), int(found[2])) if found else (0, 0)
    if not low <= ends[0] <= ends[1] <= high:
        raise ValueError(f"{label}: want two numbers such as {low}-{high}, got {quoted(text)}")
    return ends


def text(label: str, key: str, default: str, most: int, *, place: Any = st, area: bool = False, **how: Any) -> str:
    """Text of at most `most` letters, in one line or an `area`."""
    _settle(key, default, lambda given: given[:most], lambda value: isinstance(value, str), place)
    draw = place and (place.text_area if area else place.text_input)
    found = str((draw(label, key=key, max_chars=most, **how) if draw else st.session_state[key]) or "")[:most]
    address.note(key, found, default)
    return found
