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
"""What a figure of attention depends on. Others say "patch" in the place of "query" (a patch, whoever asks), or "one head" beside
them (never the mean of all)."""
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
        pictures.OWN,
        pictures.title,
        help=tip,
        on_change=state.suit_model,
    )
    if outlines := pictures.outlines(str(st.session_state[state.PICTURE])):
        label, own = "Outline", f"{state.OUTLINE}-{st.session_state[state.PICTURE]}"  # each picture has its own names
        tip = "Drawn by hand; the trust card says how much of the map lies inside."
        widgets.menu(label, list(outlines), own, help=tip)


def one_of(
    label: str,
    key: str,
    first: str,
    offered: Callable[[str], list[str]],
    own: str,
    title: Callable[[str], str],
    **how: Any,
) -> None:
    """A menu of pictures or pages by their ids; what is gone, such as one's own of an earlier session, gives way.

    Args:
        label: over the menu.
        key: of the menu, and its name in the address.
        first: id chosen at first.
        offered: the ids on offer, with the given one if there is such a picture.
        own: begins the ids of one's own.
        title: an id in words.
        how: as for `st.selectbox`.
    """
    wanted = address.wanted(key) or str(st.session_state.get(key, first))
    address.take(key, first, lambda text: known(label.lower(), text, offered(wanted), own), label.lower())
    options = offered(str(st.session_state[key]))
    if st.session_state[key] not in options:
        st.session_state[key] = first
    # By a dictionary: what it is asked for may be gone by then.
    titles = {one: title(one) for one in options}
    st.selectbox(label, options, key=key, format_func=lambda one: titles.get(one, one), **how)
    address.note(key, st.session_state[key], first)


def known(name: str, text: str, offered: Sequence[str], own: str = pictures.OWN) -> str:
    """`text` if it is on offer; raises ValueError with a sentence about the `name` of such a thing."""
    if text not in offered:
        gone = f"An own {name} stays in its session and is in no link" if text.startswith(own) else ""
        raise ValueError(gone or f"There is no {name} named {widgets.quoted(text)}")
    return text


def model(tasks: Sequence[str], first: str = "") -> None:
    """The menu of models; at first the named one, or else the one that suits the picture."""
    asked = address.wanted(state.MODEL) or str(st.session_state.get(state.MODEL, ""))
    # Models that read stay on offer where they are chosen already: the choice waits for the next visit of the playground.
    tasks = (*tasks, *(["text"] if asked in state.READS else []))
    names = [card.name for card in registry.models() if card.task in tasks]
    suiting = first or state.suiting(str(st.session_state.get(state.PICTURE, "")))
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
    layers, of_text = len(record.maps), record.maps[0].query.kind == "text"
    left, right = st.columns(2) if {"layer", "head"} <= set(needs) else (st.container(), st.container())
    first = min(state.NUMBERS[state.LAYER], layers)
    place = left if "layer" in needs else None
    widgets.slider(
        "Layer",
        1,
        layers,
        state.LAYER,
        first,
        place=place,
        help=f"1 is nearest the {'text' if of_text else 'picture'}.",
    )
    heads = len(record.maps[min(state.layer(), layers - 1)].weights)
    mean = [] if "one head" in needs else ["mean"]
    place, tip = right if "head" in needs else None, "mean: the mean of all heads." if mean else None
    widgets.steps("Head", [*mean, *(str(h + 1) for h in range(heads))], state.HEAD, place=place, help=tip)
    if record.maps[0].query.kind == "patches":
        _query(record, needs)


def one_or_mean(
    label: str, key: str, most: int, default: str = MEAN, *, place: Any = st, mean: bool = True
) -> int | None:
    """A slider of the numbers of layers or heads and the mean of all; the number, 0 first, or None for the mean.

    Args:
        label: over the slider; its last word says what there are.
        key: of the slider, and its name in the address.
        most: how many there are.
        default: what is chosen at first.
        place: where it is drawn; None draws nothing.
        mean: whether the mean is on offer.
    """
    options = [*[MEAN] * mean, *(str(n + 1) for n in range(most))]
    tip = f"mean: the mean of all {label.split()[-1].lower()}s." if mean else None
    found = widgets.steps(label, options, key, default, place=place, help=tip)
    return None if found == MEAN else int(found) - 1


def _query(record: AttentionRecord, needs: Sequence[str]) -> None:
    axis = record.maps[0].query
    rows, columns = axis.grid or (1, 1)
    drawn = bool({"query", "patch"} & set(needs))
    row = st.container(horizontal=True, vertical_alignment="bottom", key="query_token") if drawn else None
    asks = state.PATCH
    if axis.prefix:
        tip = "The token whose attention is shown. Click a patch on a picture to make it the query."
        options = (state.CLASS_TOKEN, state.PATCH)
        place = row if "query" in needs else None
        asks = widgets.choice("Query token", options, state.ASK, place=place, width="content", help=tip)
    place = row if "patch" in needs or ("query" in needs and asks == state.PATCH) else None
    for label, key, most in (("Row", state.ROW, rows), ("Column", state.COLUMN, columns)):
        first = min(state.NUMBERS[key], most)
        widgets.number(label, 1, most, key, first, place=place, width=130, on_change=_alone)


def _alone() -> None:
    st.session_state[state.PATCHES] = ()
