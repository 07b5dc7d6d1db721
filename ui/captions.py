"""What the caption page works on: its sidebar, and the model, picture, record and choice of a run."""

from __future__ import annotations

import random
from dataclasses import replace

import streamlit as st

from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Picture
from ui import captions_open, controls, pictures, resources, state
from ui.captions_open import OPENED, WORD, own_record
from vit_attention import registry
from worlds import captions as worlds_captions
from worlds.naming import scene_name

__all__ = [
    "BEAMS", "BUNDLED", "CAPTIONER", "COVER", "DEFAULT", "GALLERY", "HEAD", "MEAN", "OF_BOXES", "OPENED", "SCENE", "WORD",
    "context", "names", "options", "own_record", "sidebar",
]  # fmt: skip

CAPTIONER, SCENE, HEAD, BEAMS = "captioner", "scene", "caption_head", "beams"
"""Keys of the widgets and names in the address; heads count from 1 there."""
BUNDLED, MEAN = "scene-aoanet", "mean"
MOST_BEAMS = 5
COVER = 0.4
"""How strongly maps cover the picture at first: under more, red and green things are hard to tell apart."""
OF_BOXES = "White outlines: the three strongest regions. Where boxes overlap the strongest is drawn; what no box covers stays bare."
"""How boxes are drawn."""
GALLERY = ("scene-6-2-50", "scene-0-2-50", "scene-14-2-50", "scene-2-2-50", "scene-15-2-50", "scene-4-1-50")
DEFAULT = GALLERY[0]


def names() -> list[str]:
    """Every captioner by name, the bundled one first."""
    return [card.name for card in registry.models() if card.task == "caption"]


def sidebar() -> None:
    """The sidebar of the caption page; everything in it is in the address."""
    with st.sidebar:
        st.selectbox(
            "Captioner", names(), key=CAPTIONER, bind="query-params",
            help="scene-aoanet ships with this app and works offline. The published network needs your own files.",
        )  # fmt: skip
        st.caption(registry.card(str(st.session_state[CAPTIONER])).label)
        _picture_menu()
        if st.session_state.get(HEAD, MEAN) not in (choices := [MEAN, *(str(n + 1) for n in range(_heads()))]):
            st.session_state[HEAD] = MEAN
        st.selectbox("Decoder head", choices, key=HEAD, bind="query-params", help="mean: the mean of all heads.")
        st.slider(
            "Beams", 1, MOST_BEAMS, 1, key=BEAMS, bind="query-params",
            help="1 takes the likeliest word at every step. More keep that many captions alive and choose the likeliest whole one.",
        )  # fmt: skip


def _heads() -> int:
    return captions_open.heads() or registry.card(BUNDLED).heads


def options(current: str) -> list[str]:
    """Ids for the menu: gallery, the own picture if there is one, and a valid `current` scene."""
    ids = [*GALLERY]
    if st.session_state.get(state.UPLOAD) is not None:
        ids.append(pictures.UPLOAD_ID)
    if current not in ids and current in pictures.options(current):
        ids.append(current)
    return ids


def _picture_menu() -> None:
    wanted = str(st.session_state.get(SCENE, DEFAULT))
    choices = options(st.query_params.get(SCENE, wanted))
    if wanted not in choices:
        choices = options(wanted)
    if wanted not in choices:
        st.session_state[SCENE] = DEFAULT
    st.selectbox(
        "Picture", choices, choices.index(DEFAULT), key=SCENE, bind="query-params",
        help="Scenes are drawn by this app, so what they show, and where, is known. Own pictures: page Playground.",
    )  # fmt: skip
    st.caption(pictures.title(str(st.session_state[SCENE])))
    st.button("Another scene of two objects", key="captions_new", on_click=_new_scene, width="stretch")


def _new_scene() -> None:
    while True:
        seed = random.randrange(10_000)
        picture = scene_name(seed, 2)
        made = pictures.get(picture).scene
        if made is not None and worlds_captions.caption(made).clear:
            st.session_state[SCENE] = picture
            return


def context() -> Captioning:
    """Model, picture, record and choice of this run; stops the page with a message if there is no record to show."""
    opened = captions_open.opened()
    if opened is not None:
        return _chosen(opened)
    picture = pictures.get(str(st.session_state.get(SCENE, DEFAULT)))
    if str(st.session_state.get(CAPTIONER, BUNDLED)) != BUNDLED:
        _say_how()
    beams = int(controls.within(st.session_state.get(BEAMS, 1), 1, MOST_BEAMS))
    try:
        with st.spinner("The model is looking ..."):
            record = resources.record(BUNDLED, picture, beams=beams)
    except (ValueError, RuntimeError, OSError) as error:
        st.error(f"{BUNDLED} cannot tell this picture: {error}")
        st.info("Choose another picture in the sidebar; everything else is as you left it.")
        st.stop()
    _say_limits(picture)
    return _chosen(Captioning(BUNDLED, picture, record, None, 0, beams, run=resources.run))


def _chosen(now: Captioning) -> Captioning:
    head, heads = str(st.session_state.get(HEAD, MEAN)), len(now.decoder.weights)
    at = int(head) - 1 if head.isdigit() and 1 <= int(head) <= heads else None
    word = int(controls.within(st.session_state.get(WORD, 1), 1, len(now.words))) - 1
    return replace(now, head=at, word=word)


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
            'model.attend("features.npz", picture="picture.jpg", half=True).save("told.npz")\n',
            language="python",
        )


def _say_limits(picture: Picture) -> None:
    if picture.is_photograph:
        st.warning(
            "scene-aoanet knows sentences about twelve drawn shapes and nothing else. It will say one of them about this "
            "picture, too: its maps are real, but the sentence is made up.",
            icon="⚠️",
        )
    for note in picture.notes:
        st.caption(note)
