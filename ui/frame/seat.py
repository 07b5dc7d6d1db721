"""The seat of a class: `?student=17` in the address, which stays there through the visit, and the pictures that the seat has."""

import streamlit as st

from ui.frame import address
from ui.frame.address import STUDENT
from worlds.seats import MOST, seated


def take() -> None:
    """Read the seat from the address and have it stay there."""
    address.take(STUDENT, 0, _number)
    address.note(STUDENT, number(), 0)


def number() -> int:
    """The number of the seat, from 1; 0 without one."""
    return int(st.session_state.get(STUDENT) or 0)


def own(name: str) -> str:
    """The picture or review that this seat has in the place of the one of that name; itself without a seat."""
    return seated(name, number()) if number() else name


def _number(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST:
        return int(text[:9])
    address.complain(f"There is no such seat: want a number from 1 to {MOST}. The lessons' own pictures are shown.")
    return 0
