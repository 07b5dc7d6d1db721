"""Which heads are turned, how far, and around what: the controls of the trial, and the set that clicks collect."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from tutorials.findings import Context
from tutorials.findings.heads_off import Heads
from tutorials.findings.trial_measured import HOW
from ui.parts import components, looking, pickers, script, widgets

WHAT, SET, GAIN, AROUND = "trial_what", "trial_set", "trial_gain", "trial_around"
"""Keys: what is turned, the heads of the set, the gain, and what it is a gain around."""
ONE, LAYER, SEVERAL = KINDS = ("one head", "whole layer", "set of heads")
GAINS = tuple(n / 4 for n in range(-4, 13))
POSITIONS = tuple(f"{gain:g}" for gain in GAINS)
MOST = 24
"""Heads of a set."""


def context(looked: Any, needs: Sequence[str] = pickers.ALL) -> Context:
    """What is looked at, with the pickers that choose the heads; those that do nothing are not drawn."""
    idle = {ONE: (), LAYER: ("head",), SEVERAL: ("layer", "head")}[_what(None)]
    found: Context = looking.context(looked, (*(need for need in needs if need not in idle), "one head"))
    return found


def _what(place: Any) -> str:
    tip = "A click in a grid of heads chooses one, or takes it into the set or out of it."
    return widgets.choice("What is turned", KINDS, WHAT, place=place, help=tip)


def controls(now: Context) -> None:
    """How far heads are turned, which, and around what."""
    tip = "The head's output times this: 1 leaves it, 0 switches it off, -1 turns it over."
    widgets.steps("Gain", POSITIONS, GAIN, "0", help=tip)
    left, right = st.columns([3, 2])
    if _what(left) == SEVERAL:
        widgets.several("Heads of the set (layer.head)", _names(now), SET, MOST)
    tip = (
        "zero: the gain is that of the head's output. mean: of its difference from its mean output over other pictures."
    )
    widgets.choice("Gain around", HOW, AROUND, place=right, help=tip)


def _names(now: Context) -> list[str]:
    return [f"{n + 1}.{head + 1}" for n, one in enumerate(now.record.maps) for head in range(len(one.weights))]


def heads(now: Context) -> Heads:
    """(layer, head), from 0, of the heads that are turned; a set may have none."""
    kind = st.session_state.get(WHAT)
    if kind == SEVERAL:
        known = {*_names(now)}
        chosen = [one.split(".") for one in st.session_state.get(SET, ()) if one in known]
        return tuple(sorted((int(layer) - 1, int(head) - 1) for layer, head in chosen))
    if kind == LAYER:
        return tuple((now.chosen.layer, n) for n in range(len(now.record.maps[now.chosen.layer].weights)))
    return ((now.chosen.layer, now.chosen.head or 0),)


def named(now: Context) -> str:
    """The same in words."""
    found, kind = heads(now), st.session_state.get(WHAT)
    if kind == LAYER:
        return f"all heads of layer {now.chosen.layer + 1}"
    if kind == SEVERAL:
        return f"{len(found)} head{'s' * (len(found) != 1)} of the set"
    return f"layer {found[0][0] + 1}, head {found[0][1] + 1}"


def gain() -> float:
    """How far they are turned."""
    return GAINS[at()]


def at() -> int:
    """The place of the gain among all."""
    chosen = str(st.session_state.get(GAIN, "0"))
    return POSITIONS.index(chosen if chosen in POSITIONS else "0")


def around() -> str:
    """What the gain is around, one of `HOW`."""
    found = str(st.session_state.get(AROUND, HOW[0]))
    return found if found in HOW else HOW[0]


def pick(points: list[Any]) -> None:
    """For figures whose points carry [layer, head]: makes them the choice, or takes them into the set or out of it."""
    components.pick_head(points)
    found = script.numbers(points)
    if st.session_state.get(WHAT) == SEVERAL and len(found) >= 2:
        name, now = f"{found[0] + 1}.{found[1] + 1}", list(st.session_state.get(SET, ()))
        st.session_state[SET] = [one for one in now if one != name] if name in now else [*now, name][:MOST]


def empty() -> None:
    """What to say of a set that holds nothing yet."""
    st.info("The set is empty. Choose heads from its menu, or click them in the grid of all heads (a later step).")
