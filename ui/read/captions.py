"""What the caption page works on: its sidebar, and the model, picture, record and choice of a run or of an opened file."""

import hashlib
import random
from dataclasses import replace

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Picture
from tutorials.plain import plain
from ui.explore import sources
from ui.parts import parts
from ui.store import pictures, resources
from visualizer.measures.regions import region_heat
from vit_attention import registry
from worlds import captions as worlds_captions
from worlds.naming import scene_name

CAPTIONER, SCENE, HEAD, BEAMS, WORD = "captioner", "scene", "caption_head", "beams", "word"
"""Keys of the widgets and names in the address; heads and words count from 1 there."""
OPENED = "captions_record"
"""Session key of what an opened bundle holds."""
BUNDLED, MOST_BEAMS = "scene-aoanet", 5
COVER = 0.4
"""How strongly maps cover the picture at first: under more, red and green things are hard to tell apart."""
OF_BOXES = "White outlines: the three strongest regions. Where boxes overlap the strongest is drawn; what no box covers stays bare."
GALLERY = ("scene-6-2-50", "scene-0-2-50", "scene-14-2-50", "scene-2-2-50", "scene-15-2-50", "scene-4-1-50")
DEFAULT = GALLERY[0]


def sidebar() -> None:
    """The sidebar of the caption page, the bundled model first; everything in it is in the address."""
    opened = st.session_state.get(OPENED)
    heads = registry.card(BUNDLED).heads if opened is None else len(opened.decoder.weights)
    with st.sidebar:
        st.selectbox(
            "Captioner",
            [card.name for card in registry.models() if card.task == "caption"],
            key=CAPTIONER,
            help="scene-aoanet ships with this app and works offline. The published network needs your own files.",
        )
        st.caption(registry.card(str(st.session_state[CAPTIONER])).label)
        parts.picture_menu(
            "Picture",
            SCENE,
            options,
            DEFAULT,
            "Scenes are drawn by this app, so what they show, and where, is known. Own pictures: page Playground.",
        )
        st.caption(pictures.title(str(st.session_state[SCENE])))
        st.button("Another scene of two objects", key="captions_new", on_click=_new_scene, width="stretch")
        parts.number_menu("Decoder head", HEAD, heads, help="mean: the mean of all heads.")
        st.slider(
            "Beams",
            1,
            MOST_BEAMS,
            1,
            key=BEAMS,
            help="1 takes the likeliest word at every step. More keep that many captions alive and choose the likeliest whole one.",
        )


def options(current: str) -> list[str]:
    """Ids for the menu: gallery, the own picture if there is one, and a valid `current` scene."""
    own = list(pictures.own())
    valid = [current] if current in pictures.options(current) else []
    return list(dict.fromkeys([*GALLERY, *own, *valid]))


def _new_scene() -> None:
    while True:
        name = scene_name(random.randrange(10_000), 2)
        made = pictures.get(name).scene
        if made is not None and worlds_captions.caption(made).clear:
            st.session_state[SCENE] = name
            return


def context() -> Captioning:
    """Model, picture, record and choice of this run; stops the page with a message if there is no record to show."""
    now: Captioning | None = st.session_state.get(OPENED)
    if now is None:
        now = _captioned()
    else:
        st.info(
            f"From the file {plain(now.picture.title)}, made by {plain(now.record.model) or 'an unnamed model'}. The sidebar's "
            "picture does not matter here."
        )
    word = parts.whole(st.session_state.get(WORD, 1), 1, len(now.words)) - 1
    return replace(now, head=parts.menu_number(HEAD, len(now.decoder.weights)), word=word)


def _captioned() -> Captioning:
    picture = pictures.get(str(st.session_state.get(SCENE, DEFAULT)))
    if str(st.session_state.get(CAPTIONER, BUNDLED)) != BUNDLED:
        _say_how()
    beams = parts.whole(st.session_state.get(BEAMS, 1), 1, MOST_BEAMS)
    with parts.or_stop(f"{BUNDLED} cannot tell this picture", "picture"), st.spinner("The model is looking ..."):
        record = resources.record(BUNDLED, picture, beams=beams)
    if picture.is_photograph:
        st.warning(
            "scene-aoanet knows sentences about twelve drawn shapes and nothing else. It will say one of them about this "
            "picture, too: its maps are real, but the sentence is made up.",
            icon="⚠️",
        )
    for note in picture.notes:
        st.caption(note)
    return Captioning(BUNDLED, picture, record, None, 0, beams, run=resources.run)


def _say_how() -> None:
    with st.container(border=True):
        st.markdown(
            "**The published AoANet** has no address this app could fetch it from, and its files are too large to upload. "
            "On your own machine, tell a picture with `python -m vit_attention extract` (or with the lines below), and open "
            "the saved record here under *A record of your own*. Until then this page shows **scene-aoanet**."
        )
        st.code(
            "import vit_attention as va\n\n"
            'model = va.load("aoanet", weights="model.pth", infos="infos.pkl")\n'
            'model.attend("features.npz", picture="picture.jpg", half=True).save("caption.npz")\n',
            language="python",
        )


def own_record() -> None:
    """A way to open a saved record: drawn from its file alone, after a look at what is in it."""
    label = "Record bundle (.npz, at most 10 MB) of a caption, saved by record.save or by the command line"
    with parts.own_file("A record of your own", label, ["npz"], "captions_npz", _open):
        if st.session_state.get(OPENED) is not None:
            label = "Close the record and go back to the sidebar's picture"
            st.button(label, key="captions_close", on_click=st.session_state.update, args=({OPENED: None, WORD: 1},))
        st.caption("A bundle is drawn from its file alone: no model is run, and nothing in it is executed.")


def _open(name: str, data: bytes) -> None:
    st.session_state.update({OPENED: read_bundle(name, data), WORD: 1})


def read_bundle(name: str, data: bytes) -> Captioning:
    """The caption in the bytes of a bundle of that name.

    Raises:
        ValueError: no bundle, one that unpacks to too much, or a record that is no caption on a picture.
    """
    record = sources.unpacked(data)
    cross = [one for one in record.maps if one.kind == "cross" and one.query.kind == "text" and one.key.kind != "text"]
    whole = all(one.queries is None and one.kind != "window" for one in record.maps)
    if len(cross) != 1 or not whole or cross[0].query.prefix or cross[0].key.prefix or not cross[0].query.labels:
        raise ValueError("want the record of a caption: one map from words to regions, got another kind of record")
    if any(len(one.key) != len(cross[0].key) for one in record.maps if one.kind == "self"):
        raise ValueError("want maps over the same regions, got different numbers of them")
    if not record.picture:
        raise ValueError("want a record with its picture (attend(features, picture=...)), got one without")
    region_heat(np.zeros(len(cross[0].key)), cross[0].key, record.geometry)  # says so if nobody knows the boxes
    picture = Picture("own record", hashlib.sha256(data).hexdigest()[:20], name, record.image)
    return Captioning(record.model or "unnamed model", picture, record, None, 0, runs=False)
