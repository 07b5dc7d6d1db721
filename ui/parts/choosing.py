"""Choosing patches of a picture: by clicks, between two corners, inside a polygon, by row and column, or by a name; the address carries them."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import streamlit as st
from PIL import Image, ImageDraw

from tutorials.plain import plain
from ui.frame import address, texts
from ui.parts import script, widgets

PATCH, RECTANGLE, POLYGON = "patch", "rectangle", "polygon"
OBJECT = "object"
"""Name of the patches of the objects, where they are known."""
MODES = (PATCH, RECTANGLE, POLYGON)
MOST_CORNERS = 40
"""Corners of a polygon."""


class Chooser(NamedTuple):
    """Which patches of a grid are chosen; it holds names and numbers alone.

    Attributes:
        key: of the choice in the session, and its name in the address.
        grid: (rows, columns) of the patches.
        named: sets of patches that can be chosen by a name; `OBJECT` has a button.
    """

    key: str
    grid: tuple[int, int]
    named: Mapping[str, tuple[int, ...]] = {}

    @property
    def size(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def text(self) -> str:
        """The choice as the address carries it: a name, numbers such as 3-5,17, or "" for none."""
        found = str(address.take(self.key, "", self._checked, "the choice of patches"))
        address.note(self.key, found, "")
        return found

    @property
    def patches(self) -> tuple[int, ...]:
        """Numbers of the chosen patches, 0 first, sorted; a name that means nothing here means none."""
        text = self.text
        return tuple(n for n in self.named.get(text, numbers(text)) if n < self.size)

    @property
    def mode(self) -> str:
        """What a click means."""
        found = str(st.session_state.get(f"{self.key}_by", PATCH))
        return found if found in MODES else PATCH

    @property
    def corners(self) -> tuple[int, ...]:
        """Corners that were clicked so far, of a rectangle or polygon."""
        kept = st.session_state.get(f"{self.key}_corners", ())
        return tuple(n for n in kept if n < self.size) if self.mode != PATCH else ()

    def _checked(self, text: str) -> str:
        if text not in self.named and numbers(text, self.size) == () and text:
            raise ValueError(f"Want patches such as 3-5,17, from 0 to {self.size - 1}, got {widgets.quoted(text)}")
        return text

    def pick(self) -> script.Pick:
        """What a click on a figure of these patches does."""
        return partial(_picked, self.key, self.grid, self.mode, self.patches)

    def draw(self) -> None:
        """Draw the controls, in a row that wraps."""
        chosen, corners = self.patches, self.corners
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"{self.key}_tools"):
            tip = texts.say("choose_by_help")
            widgets.choice(
                texts.say("choose_by"), MODES, f"{self.key}_by", width="content", label_visibility="collapsed", help=tip
            )
            if self.mode == POLYGON:
                self._button("close", _inside(self.grid, corners), disabled=len(corners) < 3)
            if self.named.get(OBJECT):
                self._button(OBJECT, OBJECT)
            self._button("invert", [n for n in range(self.size) if n not in chosen])
            self._button("clear", [])
            with st.popover(texts.say("choose_by_numbers")):
                self._by_numbers()
            if names := [name for name in self.named if name != OBJECT]:
                with st.popover(texts.say("choose_by_name")):
                    for n, name in enumerate(names):
                        st.button(plain(name), key=f"{self.key}_name_{n}", on_click=_set, args=(self.key, name))
        if corners:
            places = ", ".join(f"row {n // self.grid[1] + 1}, column {n % self.grid[1] + 1}" for n in corners)
            st.caption(texts.say(f"choose_corners_{self.mode}", places=places))

    def _button(self, name: str, chosen: Sequence[int] | str, **how: Any) -> None:
        text = chosen if isinstance(chosen, str) else written(chosen)
        st.button(texts.say(f"choose_{name}"), key=f"{self.key}_{name}", on_click=_set, args=(self.key, text), **how)

    def _by_numbers(self) -> None:
        row, column = (
            widgets.number(label, 1, most, f"{self.key}_{label.lower()}", 1)
            for label, most in zip(("Row", "Column"), self.grid, strict=True)
        )
        at = (row - 1) * self.grid[1] + column - 1
        st.button(texts.say("choose_click"), key=f"{self.key}_click", on_click=self.pick(), args=([at],))


def numbers(text: str, most: int = 10_000) -> tuple[int, ...]:
    """The numbers below `most` of a text such as 3-5,17, sorted; () for anything else.

    >>> numbers("3-5,17"), numbers("5-3"), numbers("object"), numbers("3-5", 4)
    ((3, 4, 5, 17), (), (), ())
    """
    if not re.fullmatch(r"\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*", text, re.ASCII):
        return ()
    ends = [[int(n) for n in part.split("-")] for part in text.split(",")]
    if any(one[0] > one[-1] or one[-1] >= most for one in ends):
        return ()
    return tuple(sorted({n for one in ends for n in range(one[0], one[-1] + 1)}))


def written(patches: Sequence[int]) -> str:
    """Numbers as `numbers` reads them, neighbours together.

    >>> written([5, 3, 4, 17])
    '3-5,17'
    """
    found: list[list[int]] = []
    for n in sorted(set(patches)):
        if found and n == found[-1][-1] + 1:
            found[-1][1:] = [n]
        else:
            found.append([n])
    return ",".join("-".join(map(str, one)) for one in found)


def _set(key: str, text: str) -> None:
    st.session_state.update({key: text, f"{key}_corners": ()})


def _picked(key: str, grid: tuple[int, int], mode: str, before: tuple[int, ...], points: list[Any]) -> None:
    """One click: a patch in or out, or a corner; the second corner of a rectangle puts all between the two in."""
    at = next((n for n in script.numbers(points)[:1] if 0 <= n < grid[0] * grid[1]), None)
    if at is None:
        return
    if mode == PATCH:
        _set(key, written(sorted({*before} ^ {at})))
        return
    corners = (*st.session_state.get(f"{key}_corners", ()), at)[:MOST_CORNERS]
    if mode == RECTANGLE and len(corners) > 1:
        _set(key, written(sorted({*before, *_between(grid[1], *corners[:2])})))
    else:
        st.session_state[f"{key}_corners"] = corners


def _between(columns: int, one: int, other: int) -> list[int]:
    """Numbers of the patches of the rectangle that has these two in opposite corners.

    >>> _between(4, 6, 1)
    [1, 2, 5, 6]
    """
    rows, places = (sorted(pair) for pair in zip(divmod(one, columns), divmod(other, columns), strict=True))
    return [r * columns + c for r in range(rows[0], rows[1] + 1) for c in range(places[0], places[1] + 1)]


def _inside(grid: tuple[int, int], corners: Sequence[int]) -> list[int]:
    """Numbers of the patches on and inside the polygon between the middles of its corners.

    >>> _inside((4, 4), (0, 3, 15, 12)) == list(range(16)), _inside((4, 4), (0, 1))
    (True, [])
    """
    if len(corners) < 3:
        return []
    drawn = Image.new("1", grid[::-1])
    ImageDraw.Draw(drawn).polygon([(n % grid[1], n // grid[1]) for n in corners], fill=1, outline=1)
    return [n for n, on in enumerate(drawn.convert("L").tobytes()) if on]
