"""What the playground looks at or reads: an opened record, a sentence, or a picture; by names alone, and made from them."""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from tutorials.findings.context import Context, Picture, Selection
from tutorials.plain import plain
from ui.explore import sources
from ui.frame import state
from ui.frame.stop import stop
from ui.parts import fetching, labels, looking, patch_count, pickers, sentences, snippets
from ui.store import pictures, resources
from vit_attention.inputs.pictures import PictureError, open_picture
from vit_attention.records import AttentionRecord
from worlds.sentences import sentence


class Chosen(NamedTuple):
    """What is looked at, by names: a fragment and a download may keep it for as long as a session lasts.

    Attributes:
        model: name of the model; of a bundle, the file's.
        given: id of a picture, a text, or the digest of a bundle.
        kind: "picture", "text" or "bundle".
        size: (height, width) of the model's input in pixels, where it is larger than usual; None for the usual one.
        labels: what a dual encoder compares the picture with.
        review: number of the made-up review that a text may be.
    """

    model: str
    given: str
    kind: str = "picture"
    size: tuple[int, int] | None = None
    labels: tuple[str, ...] = ()
    review: int = 0


def choose(first: str) -> Chosen:
    """Draw the sidebar; what it says, unless a record is open or another model is loaded."""
    pickers.model_and_picture(first, ("classify", "label", "text"))
    if (opened := st.session_state.get(sources.BUNDLE)) is not None:
        name, digest = opened
        return Chosen(name, digest, "bundle")
    picture = str(st.session_state.get(state.PICTURE, first))
    if name := sources.other():
        return Chosen(name, picture, "text" if _reads(name) else "picture")
    wanted = str(st.session_state.get(state.MODEL, ""))
    name = resources.active_model(reads=True)
    if name != wanted:
        fetching.offer(wanted, name, "fetch_weights")
    return Chosen(name, picture, "text" if name in state.READS else "picture")


def _reads(name: str) -> bool:
    try:
        return bool(resources.model(name).card.task == "text")
    except (ValueError, RuntimeError, OSError):  # said where its record is asked for
        return False


def context(looked: Chosen, more: DeltaGenerator) -> Context:
    """Draw what belongs to the kind, and the pickers of layer, head and query; stops the page if there is no map.

    Args:
        looked: what the sidebar says.
        more: takes controls that are seldom wanted.
    """
    if looked.kind == "bundle":
        _about_file(looked)
    elif looked.kind == "text":
        looked = looked._replace(given=sentences.field(looked.model), review=sentences.review())
    else:
        picture = pictures.get(looked.given)
        with more:
            looked = looked._replace(size=patch_count.control(looked.model, picture))
        if looked.size is None:
            looked = looked._replace(labels=labels.field(looked.model, picture))
    if looked.model == sources.other():
        st.text(f"Model: {looked.model}, instead of the sidebar's.")
    record = _recorded(looked)
    for said in record.settings.get("notes", []) if looked.labels or looked.kind == "text" else ():
        st.text(str(said))
    pickers.places(record)
    if record.maps[0].query.kind == "text":
        sentences.tokens(record.maps[0].query)
    return made(looked, state.selection(record))


def _recorded(looked: Chosen) -> AttentionRecord:
    """The record, with a spinner while the model is looking; stops the page with a sentence if there is none."""
    if looked.kind == "bundle":
        try:
            return sources.bundle(looked.given)
        except ValueError as error:
            st.error(plain(str(error)))
            stop()
    advice = "Choose another model or picture in the sidebar; everything else is as you left it."
    if looked.kind == "text":
        advice = "Change the text; everything else is as you left it."
    return looking.recorded(looked.model, _picture(looked), advice, looked.size, looked.labels)


def _picture(looked: Chosen) -> Picture:
    if looked.kind == "text":
        return Picture.sentence(looked.given, sentence(looked.review))
    return pictures.get(looked.given)


def made(looked: Chosen, chosen: Selection) -> Context:
    """The context of names and a choice, its record from the store or run anew."""
    again = partial(made, looked, chosen)
    if looked.kind == "bundle":
        record, picture = opened(looked)
        return Context(record.model, picture, record, chosen, resources.run, again=again)
    picture, more = _picture(looked), {"labels": looked.labels} if looked.labels else {}
    if looked.size is None:
        record = resources.record(looked.model, picture, **more)
    else:
        record = resources.fine_record(looked.model, picture, looked.size, chosen.layer)
    return Context(looked.model, picture, record, chosen, resources.run, looked.size, looked.labels, again=again)


def opened(looked: Chosen) -> tuple[AttentionRecord, Picture]:
    """A bundle's record and the picture that it carries; grey where that cannot be read."""
    record = sources.bundle(looked.given)
    try:
        image = open_picture(record.picture).image
    except PictureError:
        rows, columns = record.maps[0].query.grid or (1, 1)
        wide, high = record.geometry.seen if record.geometry is not None else (columns, rows)
        image = Image.new("RGB", (256, min(max(1, round(256 * high / wide)), 1024)), (128, 128, 128))
        record = replace(record, geometry=None)
    key = f"{snippets.BUNDLE}-{looked.given}"
    return record, Picture(snippets.BUNDLE, key, looked.model, image, text=record.text)


def _about_file(looked: Chosen) -> None:
    """What to know about an opened record."""
    record = _recorded(looked)
    whose = record.model or "an unnamed model"
    st.text(f"From the file {looked.model}, made by {whose}. The sidebar's model does not matter here.")
    if record.maps[0].query.kind != "text" and opened(looked)[0].geometry is None:
        st.caption("The bundle carries no readable picture, so the map lies on grey.")
    if any(one.queries is not None or one.heads is not None for one in record.maps):
        st.caption("It holds a part of the maps; what needs the rest is refused below.")
    kept = [one.layer for one in record.maps]
    if kept != list(range(len(kept))):
        st.caption(f"It holds only layers {', '.join(str(k + 1) for k in kept)}; they are counted from 1 here.")
