"""From the choice in the sidebar to what a page draws: the record of a picture under a model, and who asks in it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import streamlit as st

from tutorials.findings.context import Context, Picture, Selection
from tutorials.plain import plain
from ui.frame import state
from ui.frame.stop import stop
from ui.parts import fetching, live, pickers
from ui.store import pictures, resources
from vit_attention import registry
from vit_attention.models.cards import caution
from vit_attention.records import AttentionRecord
from worlds.sentences import sentence


class Looked(NamedTuple):
    """What is looked at, by names alone: a fragment may keep it for as long as a session lasts.

    Attributes:
        model: name of the model.
        picture: id of the picture; "" where a text is read.
        labels: what a dual encoder compares the picture with.
        text: what is read instead of a picture.
        review: number of the made-up review that the text may be.
    """

    model: str
    picture: str = ""
    labels: tuple[str, ...] = ()
    text: str = ""
    review: int = 0


def choose(first: str) -> Looked:
    """Draw the sidebar's menus and say what does not fit together; the model that can be shown, and the picture.

    Args:
        first: id of the picture that the page begins with.
    """
    pickers.model_and_picture(first)
    return Looked(model_shown(), pictures.get(str(st.session_state[state.PICTURE])).id)


def model_shown() -> str:
    """The chosen model, or the bundled one with a sentence if it cannot be shown yet."""
    wanted, name = str(st.session_state[state.MODEL]), resources.active_model()
    if wanted in state.READS:
        st.info(f"{wanted} reads sentences and is shown in the playground; this page shows {name}.")
    elif wanted != name:
        fetching.offer(wanted, name, "fetch_weights")
    return name


def context(looked: Looked, needs: Sequence[str] = pickers.ALL) -> Context:
    """Draw the pickers that a figure needs; the picture under the model as the reader sees it now.

    Stops the page with a message if the model cannot show the picture.
    """
    record = recorded(
        looked.model,
        subject(looked),
        "Choose another model or picture in the sidebar; everything else is as you left it.",
    )
    pickers.places(record, needs)
    return made(looked, state.selection(record))


def made(looked: Looked, chosen: Selection) -> Context:
    """The context of names and a choice, its record from the store or run anew."""
    picture, more = subject(looked), {"labels": looked.labels} if looked.labels else {}
    record = resources.record(looked.model, picture, **more)
    again = partial(made, looked, chosen)
    return Context(looked.model, picture, record, chosen, resources.run, labels=looked.labels, again=again)


def subject(looked: Looked) -> Picture:
    """The picture that is looked at, or the text that is read."""
    if looked.text:
        return Picture.sentence(looked.text, sentence(looked.review))
    return pictures.get(looked.picture)


def remarks(now: Any) -> None:
    """What to know of this model on this picture, and of how the picture was opened."""
    if now.model in state.KNOW_SCENES and now.picture.is_photograph:
        st.warning(mismatch(now.model, now.picture), icon="⚠️")
        st.button("Look with photo-dino", key="use_photo_model", on_click=_use_photo_model)
    elif told := mismatch(now.model, now.picture):
        st.caption(told)
    for note in (*now.picture.notes, now.picture.credit):
        if note:
            st.caption(note)


def _use_photo_model() -> None:
    st.session_state[state.MODEL] = resources.PHOTO_MODEL
    live.whole_page()


def mismatch(name: str, picture: Picture) -> str:
    """What to know of a model that was trained on another kind of pictures; "" for one of this kind."""
    if name in state.KNOW_SCENES:
        return _DRAWN.format(name) * picture.is_photograph
    told = f"{registry.card(name).label} was trained on photographs, not on drawn scenes. {caution(name)}"
    return "" if picture.is_photograph else told.strip()


_DRAWN = (
    "This is a photograph, and {} knows only twelve drawn shapes: its maps here are real, but they say little about the "
    "photograph."
)


def recorded(
    name: str,
    picture: Picture,
    advice: str = "",
    size: tuple[int, int] | None = None,
    labels: tuple[str, ...] = (),
) -> AttentionRecord:
    """The record of a picture or sentence under a model; stops the page with a message and `advice` if there is none.

    With a `size`, (height, width) of the model's input in pixels, only part of the maps is in it; with `labels`, they are its
    classes.
    """
    try:
        if size is not None:
            return resources.fine_record(name, picture, size, state.layer())
        return resources.record(name, picture, **({"labels": labels} if labels else {}))
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{name} cannot show this picture: {plain(str(error))}")
        if advice:
            st.info(advice)
        stop()
