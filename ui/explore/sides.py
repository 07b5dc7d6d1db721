"""The two sides of the page "Compare": what each looks at, by which method, and its map."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st

from tutorials.findings.context import Context, Selection
from ui.parts import controls, live, long_runs, looking, pickers, widgets
from ui.store import pictures, resources
from visualizer.method import Map, methods
from vit_attention import registry
from vit_attention.records import AttentionRecord

SAME = "as on the left"
PICTURE, MODEL, LAYER, HEAD = "compare_picture", "compare_model", "compare_layer", "compare_head"

REFUSED = {"components": "each map is fitted by itself, so two of them share no axis"}
"""Methods whose maps cannot be compared, and why."""


def linked(now: Context, record: AttentionRecord, layer: str = SAME, head: str = SAME) -> Selection:
    """The left side's choice carried over to another record: same query place, same layer and head unless told."""
    axis, chosen = record.maps[0].query, now.chosen
    rows, columns = axis.grid or (1, 1)
    number = min(int(layer) - 1 if layer.isdigit() else chosen.layer, len(record.maps) - 1)
    which = None if head == "mean" else int(head) - 1 if head.isdigit() else chosen.head
    row = int((chosen.row + 0.5) * rows / now.grid[0])
    column = int((chosen.column + 0.5) * columns / now.grid[1])
    by_patch = not chosen.by_class_token or now.axis.prefix == 0 or axis.prefix == 0
    return Selection(
        layer=max(number, 0),
        head=None if which is None else min(which, len(record.maps[number].weights) - 1),
        query=axis.prefix + row * columns + column if by_patch else 0,
        row=row,
        column=column,
        patches=chosen.patches if (rows, columns) == now.grid else (),
    )


class Asked(NamedTuple):
    """The method of one side, the class that it is about, and its parameters, as `Context.answer` takes them."""

    name: str
    target: str
    knobs: dict[str, Any]


class Side(NamedTuple):
    """One side: what it is called, what it looks at, its method, and its map."""

    name: str
    now: Context
    asked: Asked
    found: Map


def here() -> tuple[str, ...]:
    """Models that can be shown without a download."""
    names = (card.name for card in registry.models() if card.task in ("classify", "label"))
    return tuple(name for name in names if resources.usable(name))


def right_side(now: Context, here: Sequence[str]) -> Context:
    """The right side's context, from its own controls, the models `here` among them; what is not changed is the left side's."""
    first, second = st.columns(2)
    model = widgets.menu("Model", [SAME, *here], MODEL, place=first, help="Models that are on this machine.")
    with second:
        pickers.one_of(
            "Picture",
            PICTURE,
            SAME,
            lambda one: [SAME, *pictures.options(one)],
            pictures.OWN,
            lambda one: SAME if one == SAME else pictures.title(one),
            on_change=live.whole_page,
        )
    wanted = str(st.session_state[PICTURE])
    picture = now.picture if wanted == SAME else pictures.get(wanted)
    name = now.model if model == SAME else model
    if name != now.model:  # the sidebar says it of the left side's
        card = registry.card(name)
        st.caption(f"{card.label}. {card.knows}")
    unchanged = (name, picture.key) == (now.model, now.picture.key)
    if not unchanged and (told := looking.mismatch(name, picture)):
        st.caption(told)
    record = now.record if unchanged else looking.recorded(name, picture)
    heads = max(len(one.weights) for one in record.maps)
    layers = [SAME, *(str(n + 1) for n in range(len(record.maps)))]
    layer = widgets.menu("Layer", layers, LAYER, place=first)
    head = widgets.menu("Head", [SAME, "mean", *(str(n + 1) for n in range(heads))], HEAD, place=second)
    return looking.made(looking.Looked(name, picture.id), linked(now, record, layer, head))


def method(now: Context, key: str, more: Sequence[str] = (), prefix: str = "") -> Asked:
    """What the controls of one side ask."""
    name = controls.method(now, key, more, first="rollout" if more else "", refused=REFUSED)
    if name in more:
        return Asked(name, "", {})
    method = methods()[name]
    found = long_runs.knobs(now, method, prefix, 2)
    return Asked(name, controls.target(now, f"{prefix}target") if method.asks_class else "", found)


def side(name: str, now: Context, asked: Asked) -> Side:
    """One side with its map; the page stops before a long run until it is wanted."""
    told = long_runs.wait(now, methods()[asked.name], asked.target, asked.knobs, f"compare_run_{name}")
    return Side(name, now, asked, resources.answer(now, *asked, told=told))
