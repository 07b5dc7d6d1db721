"""Every picture the app can show by its id: drawn scenes with known truth, sample photographs, the reader's own."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache

import streamlit as st

from tutorials.findings.context import Picture
from ui.frame import state
from vit_attention.inputs.pictures import PictureError, open_picture
from worlds.naming import Name, parse
from worlds.outlines import Outline
from worlds.photographs import photographs

GALLERY = {
    "scene-7": "Scene 7",
    "scene-11": "Scene 11",
    "scene-2": "Scene 2",
    "scene-24": "Scene 24",
    "scene-8": "Scene 8",
    "scene-12": "Scene 12",
}
UPLOAD_ID = "own picture"


def _scene(picture_id: str) -> Name | None:
    name = parse(picture_id)
    return name if name is not None and name.kind == "scene" else None


def options(current: str) -> list[str]:
    """Ids for the picture menu: gallery, photographs, the own picture if there is one, and a valid `current` scene."""
    ids = [*GALLERY, *photographs()]
    if st.session_state.get(state.UPLOAD) is not None:
        ids.insert(0, UPLOAD_ID)
    if current not in ids and _scene(current):
        ids.append(current)  # not first: an address that names a menu's default option is ignored
    return ids


@lru_cache(maxsize=256)
def title(picture_id: str) -> str:
    """The id in words for menus."""
    if name := _scene(picture_id):
        return name.title
    return photographs()[picture_id].title if picture_id in photographs() else "My own picture"


@st.cache_resource(max_entries=32, show_spinner=False)
def _open(picture_id: str) -> Picture:
    if _scene(picture_id):
        return Picture.drawn(picture_id)
    sample = photographs()[picture_id]
    opened = open_picture(sample.open())
    return Picture(
        picture_id,
        picture_id,
        sample.title,
        opened.image,
        credit=f"{sample.credit}; {sample.licence}.",
        notes=opened.notes,
    )


def get(picture_id: str) -> Picture:
    """The picture of this id; the default scene for an id that names none (a link to somebody else's upload)."""
    own = st.session_state.get(state.UPLOAD)
    if picture_id == UPLOAD_ID and isinstance(own, Picture):
        return own
    known = picture_id in photographs() or _scene(picture_id)
    return _open(picture_id if known else state.DEFAULTS[state.PICTURE])


def outlines(picture_id: str) -> Mapping[str, Outline]:
    """Outlines of a sample photograph by name, the main object first; {} for every other picture."""
    return photographs()[picture_id].outlines if picture_id in photographs() else {}


def outline(picture_id: str) -> Outline | None:
    """The outline that the reader has chosen for a photograph, else its main object; None if nothing is outlined."""
    known = outlines(picture_id)
    chosen = st.session_state.get(f"{state.OUTLINE}-{picture_id}")
    return known.get(str(chosen), next(iter(known.values()), None))


LARGEST = 2048
"""Pixels that the longer side of an own picture may keep, so that many sessions fit into memory."""


AS_JPEG = (
    "On an iPhone, Settings, Camera, Formats, Most Compatible makes the camera save JPEG, and in Files a picture's menu has "
    "Quick Actions, Convert Image. On Android, switch off high-efficiency pictures (HEIC or HEIF) in the camera's settings. For an "
    "old picture, a screenshot will do."
)
"""How to get a picture that can be opened out of a phone."""


def take_upload(data: bytes, name: str) -> str | None:
    """Make `data` the session's own picture and choose it; returns what is wrong with it instead, if anything is."""
    try:
        opened = open_picture(data, max_side=LARGEST)
    except PictureError as error:
        return f"{name}: {error}" + f". {AS_JPEG}" * (data[4:8] == b"ftyp")
    key = "own-" + hashlib.sha256(data).hexdigest()[:20]
    own = Picture(UPLOAD_ID, key, "My own picture", opened.image, notes=opened.notes)
    st.session_state.update({state.UPLOAD: own, state.PICTURE: UPLOAD_ID})
    state.suit_model()
    return None
