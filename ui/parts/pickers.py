"""What is looked at: model and picture in the sidebar; layer, head and query token beside the figure, sized from the record."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from ui.frame import address, state
from ui.parts import widgets
from ui.store import pictures, resources
from vit_attention import registry
from vit_attention.models.cards import Card
from vit_attention.records import AttentionRecord

ALL = ("layer", "head", "query")
"""What a figure may depend on."""
MEAN = "mean"
"""What pickers of layers and heads call the mean of all."""


def model_and_picture(first: str, tasks: Sequence[str] = ("classify", "label")) -> None:
    """Draw the menus of pictures and models in the sidebar.

    Args:
        first: id of the picture that the page begins with.
        tasks: of the models that the page shows.
    """
    with st.sidebar:
        reads = st.session_state.get(state.MODEL) in state.READS or address.wanted(state.MODEL) in state.READS
        if not (reads and "text" in tasks):
            picture(first)
        model(tasks)


def picture(first: str) -> None:
    """The menu of pictures."""
    tip = "Scenes are drawn by this app, so their truth is known. More ways to get a picture: page Playground."
    one_of(
        "Picture",
        state.PICTURE,
        first,
        pictures.options,
        pictures.UPLOAD_ID,
        format_func=pictures.title,
        help=tip,
        on_change=state.suit_model,
    )
    if outlines := pictures.outlines(str(st.session_state[state.PICTURE])):
        label, own = "Outline", f"{state.OUTLINE}-{st.session_state[state.PICTURE]}"  # each picture has its own names
        tip = "Drawn by hand; the trust card tells how much of the map lies inside."
        widgets.menu(label, list(outlines), own, help=tip)


def one_of(label: str, key: str, first: str, offered: Callable[[str], list[str]], own: str, **how: Any) -> None:
    """A menu of pictures or pages by their ids; what is gone, such as one's own of an earlier session, gives way.

    Args:
        label: over the menu.
        key: of the menu, and its name in the address.
        first: id chosen at first.
        offered: the ids on offer, with the given one if there is such a picture.
        own: id of one's own.
        how: as for `st.selectbox`.
    """
    wanted = address.wanted(key) or str(st.session_state.get(key, first))
    name = label.lower()

    def known(text: str) -> str:
        if text not in offered(wanted):
            gone = f"An own {name} stays in its session and is in no link" if text == own else ""
            raise ValueError(gone or f"There is no {name} named {widgets.quoted(text)}")
        return text

    address.take(key, first, known, name)
    options = offered(str(st.session_state[key]))
    if st.session_state[key] not in options:
        st.session_state[key] = first
    st.selectbox(label, options, key=key, **how)
    address.note(key, st.session_state[key], first)


def model(tasks: Sequence[str]) -> None:
    """The menu of models; at first the one that suits the picture."""
    asked = address.wanted(state.MODEL) or str(st.session_state.get(state.MODEL, ""))
    # Models that read stay on offer where they are chosen already: the choice waits for the next visit of the playground.
    tasks = (*tasks, *(["text"] if asked in state.READS else []))
    names = [card.name for card in registry.models() if card.task in tasks]
    suiting = state.suiting(str(st.session_state.get(state.PICTURE, "")))
    widgets.menu(
        "Model",
        names,
        state.MODEL,
        suiting,
        help="scene-vit and scene-clip (for drawn scenes) and photo-dino (for photographs) ship with this app and work offline, "
        "and so does review-encoder, which reads sentences in the playground. The others are downloaded once, on request.",
    )
    card: Card = registry.card(str(st.session_state[state.MODEL]))
    fetched = "" if resources.at_hand(card.name) else f" ({card.megabytes:.0f} MB download)"
    st.caption(f"{card.label}{fetched}. {card.knows}")


def places(record: AttentionRecord, needs: Sequence[str] = ALL) -> None:
    """Draw the pickers of layer, head and query token that the figure needs; the others keep what they have."""
    layers = len(record.maps)
    left, right = st.columns(2) if {"layer", "head"} & set(needs) else (None, None)
    first = min(state.NUMBERS[state.LAYER], layers)
    place = left if "layer" in needs else None
    widgets.slider("Layer", 1, layers, state.LAYER, first, place=place, help="1 is nearest the picture.")
    heads = len(record.maps[min(state.layer(), layers - 1)].weights)
    one_or_mean("Head", state.HEAD, heads, place=right if "head" in needs else None)
    if record.maps[0].query.kind == "patches":
        _query(record, "query" in needs)


def one_or_mean(label: str, key: str, most: int, default: str = MEAN, *, place: Any = st) -> int | None:
    """A slider of the numbers of layers or heads and the mean of all; the number, 0 first, or None for the mean.

    Args:
        label: over the slider; its last word says what there are.
        key: of the slider, and its name in the address.
        most: how many there are.
        default: what is chosen at first.
        place: where it is drawn; None draws nothing.
    """
    options = [MEAN, *(str(n + 1) for n in range(most))]
    tip = f"mean: the mean of all {label.split()[-1].lower()}s."
    found = widgets.steps(label, options, key, default, place=place, help=tip)
    return None if found == MEAN else int(found) - 1


def _query(record: AttentionRecord, drawn: bool) -> None:
    axis = record.maps[0].query
    rows, columns = axis.grid or (1, 1)
    place = st.container(horizontal=True, vertical_alignment="bottom", key="query_token") if drawn else None
    asks = state.PATCH
    if axis.prefix:
        tip = "The token whose attention is shown. Click a patch on a picture to make it the query."
        options = (state.CLASS_TOKEN, state.PATCH)
        asks = widgets.choice("Query token", options, state.ASK, place=place, width="content", help=tip)
    place = place if asks == state.PATCH else None
    for label, key, most in (("Row", state.ROW, rows), ("Column", state.COLUMN, columns)):
        first = min(state.NUMBERS[key], most)
        widgets.number(label, 1, most, key, first, place=place, width=130, on_change=_alone)


def _alone() -> None:
    st.session_state[state.PATCHES] = ()
