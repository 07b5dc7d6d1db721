"""Every picture the app can show by its id: drawn scenes with known truth, sample photographs, the reader's own."""

import io
from collections.abc import Mapping
from functools import lru_cache

import streamlit as st
from PIL import Image

from tutorials.findings.context import Picture
from ui.frame import state
from ui.store.blobs import blobs
from vit_attention.inputs.pictures import PictureError, open_picture
from worlds.naming import Name, parse
from worlds.outlines import Outline, parsed
from worlds.photographs import photographs

GALLERY = {
    "scene-7": "Scene 7",
    "scene-11": "Scene 11",
    "scene-2": "Scene 2",
    "scene-24": "Scene 24",
    "scene-8": "Scene 8",
    "scene-12": "Scene 12",
}
# Begins the ids of pictures that readers bring; the digest of the file follows.
OWN = "own-"
# Own pictures of a session; the oldest goes first.
MOST_OWN = 12
# Begins the keys of outlines that readers draw, one for each picture that has none.
DRAWN = "drawn"


def _scene(picture_id: str) -> Name | None:
    name = parse(picture_id)
    return name if name is not None and name.kind == "scene" else None


def own() -> dict[str, str]:
    """Pictures that this session brought and the store still has: id to file name, the newest first."""
    brought: dict[str, str] = st.session_state.get(state.UPLOAD, {})
    return {one: name for one, name in reversed(brought.items()) if blobs.get(one.removeprefix(OWN)) is not None}


def options(current: str) -> list[str]:
    """Ids for the picture menu: own pictures, photographs, gallery, and a valid `current` scene."""
    ids = [*own(), *photographs(), *GALLERY]
    return ids if current in ids or not _scene(current) else [*ids, current]


def title(picture_id: str) -> str:
    """The id in words for menus; the name of an own picture is its file's, and never markup."""
    return own().get(picture_id) or _title(picture_id)


@lru_cache(maxsize=256)
def _title(picture_id: str) -> str:
    if name := _scene(picture_id):
        return name.title
    return photographs()[picture_id].title if picture_id in photographs() else "My own picture"


@st.cache_resource(max_entries=32, show_spinner=False)
def _open(picture_id: str) -> Picture:
    if _scene(picture_id):
        return Picture.drawn(picture_id)
    return Picture.photograph(picture_id)


@st.cache_resource(max_entries=4, show_spinner=False)
def _open_own(picture_id: str) -> Picture:
    data = blobs.get(picture_id.removeprefix(OWN))
    assert data is not None
    opened = open_picture(data, max_side=LARGEST)
    return Picture(picture_id, picture_id, "My own picture", opened.image, notes=opened.notes)


def get(picture_id: str) -> Picture:
    """The picture of this id; the default one for an id that names none (a link to somebody else's upload)."""
    if picture_id in own():
        return _open_own(picture_id)
    known = picture_id in photographs() or _scene(picture_id)
    return _open(picture_id if known else state.DEFAULTS[state.PICTURE])


@st.cache_data(max_entries=200, show_spinner=False)
def thumbnail(picture_id: str, side: int = 72) -> bytes:
    """The middle square of a picture as JPEG."""
    image, out = get(picture_id).image, io.BytesIO()
    half = min(image.size) // 2
    x, y = image.width // 2, image.height // 2
    image.crop((x - half, y - half, x + half, y + half)).resize((side, side)).save(out, "JPEG", quality=80)
    return out.getvalue()


def outlines(picture_id: str) -> Mapping[str, Outline]:
    """Outlines of a sample photograph by name, the main object first; {} for every other picture."""
    return photographs()[picture_id].outlines if picture_id in photographs() else {}


def outline(picture_id: str) -> Outline | None:
    """The outline that the reader has chosen for a photograph, else its main object, or what the reader drew; or None."""
    known = outlines(picture_id)
    chosen = st.session_state.get(f"{state.OUTLINE}-{picture_id}")
    return known.get(str(chosen), next(iter(known.values()), None)) or drawn(picture_id)


def outline_name(picture_id: str) -> str | None:
    """The outline as the command line names it; "" for a scene's own, None for one that the reader drew."""
    found = outline(picture_id)
    return "" if found is None else found.name if outlines(picture_id) else None


def drawn(picture_id: str) -> Outline | None:
    """What the reader has outlined on a picture; None for fewer than three corners."""
    corners = parsed(str(st.session_state.get(f"{DRAWN}-{picture_id}", "")))
    if len(corners) < 3:
        return None
    wide, high = get(picture_id).image.size
    scaled = tuple((x * wide / 1000, y * high / 1000) for x, y in corners)
    return Outline("your outline", (scaled,), (), (wide, high))


# Pixels that the longer side of an own picture may keep, so that many sessions fit into memory.
LARGEST = 2048


# How to get a picture that can be opened out of a phone.
AS_JPEG = (
    "On an iPhone, Settings, Camera, Formats, Most Compatible makes the camera save JPEG, and in Files a picture's menu has "
    "Quick Actions, Convert Image. On Android, switch off high-efficiency pictures (HEIC or HEIF) in the camera's settings. For an "
    "old picture, a screenshot will do."
)


def take_upload(data: bytes, name: str) -> str:
    """Keep `data` as a picture of this session and choose it; returns what is wrong with it instead, "" if nothing is."""
    try:
        image = open_picture(data, max_side=LARGEST).image
    except PictureError as error:
        return f"{name}: {error}" + f". {AS_JPEG}" * (data[4:8] == b"ftyp")
    key = OWN + blobs.put(data if len(data) <= WHOLE else _smaller(image))
    kept = {one: title for one, title in st.session_state.get(state.UPLOAD, {}).items() if one != key}
    kept[key] = name.rpartition(".")[0] or name
    st.session_state[state.UPLOAD] = dict(list(kept.items())[-MOST_OWN:])
    st.session_state[state.PICTURE] = key
    state.suit_model()
    return ""


# Bytes of a file that is kept as it is.
WHOLE = 2_000_000


def _smaller(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    return out.getvalue()
