"""Every key of the shared session state, what the reader has chosen, checked, and who is looking."""

from collections.abc import Sequence

import streamlit as st

from tutorials.findings.context import MEAN, Selection
from ui.frame import address
from vit_attention.models.cards import CARDS
from vit_attention.records import AttentionRecord

# Keys of the sidebar's widgets; the same words stand in the address, so a view can be linked to.
MODEL, PICTURE, LAYER, HEAD, ASK, ROW, COLUMN = "model", "picture", "layer", "head", "ask", "row", "column"

# Begins the keys of the menus of outlines, one for each photograph that has any.
OUTLINE = "outline"

# The reader's own pictures, ids to file names; they are known to this session only and cannot be linked to.
UPLOAD = "uploaded_picture"

# Patches chosen with a box on the picture, as numbers; () when one patch or the class token is asked.
PATCHES = "chosen_patches"

DEFAULTS = {MODEL: "photo-dino", PICTURE: "coffee", HEAD: "mean", ASK: "class token"}
# What a fresh session looks at; numbers count from 1.
NUMBERS = {LAYER: 10, ROW: 7, COLUMN: 7}

CLASS_TOKEN, PATCH = "class token", "patch"

# Key of the field of a text that is read, and its name in the address.
TEXT = "text"
# Key of a lesson's step, which counts from 1.
STEP = "step"
# Key of the menu of a sentence's tokens, which begin with their numbers from 1, and of a reading's token, a number from
# 1; and what that menu calls their mean.
TOKEN, ALL_TOKENS = "token", "mean of all"
# Keys of what is looked at in a reading; numbers count from 1.
DECODER_LAYER, DECODER_HEAD, FIELD = "decoder_layer", "decoder_head", "field"
# Keys of the menus of pages and of what reads them.
DOCUMENT, READER = "document", "reader"
# Session key: the key of the number that is being walked through, if any.
WALK = "_walk"

OF_AN_ENCODER = ("stage", "block", "swin_row", "swin_column", "swin_place")
# Keys of what is looked at in an encoder with windows, and in a caption.
OF_A_CAPTION = ("word", "region", "refiner_layer")
# What begins anew when a lesson is entered.
OF_A_LESSON = (
    *(LAYER, HEAD, ASK, ROW, COLUMN, PATCHES, STEP, TOKEN, DECODER_LAYER, DECODER_HEAD, FIELD, WALK),
    *(*OF_AN_ENCODER, *OF_A_CAPTION),
)

# Bundled models for drawn scenes, and the one for photographs.
KNOW_SCENES, KNOWS_PHOTOGRAPHS = ("scene-vit", "scene-clip"), "photo-dino"
# Models that read sentences and look at no picture.
READS = tuple(card.name for card in CARDS if card.task == "text")


def set_defaults() -> None:
    """Give shared keys a value, so that a page that runs alone finds one; of pictures and models each page has its own."""
    kept = address.of_session().kept
    for key, value in {HEAD: DEFAULTS[HEAD], ASK: DEFAULTS[ASK], **NUMBERS, PATCHES: ()}.items():
        # What was chosen and is not drawn just now is forgotten by Streamlit, and kept by the address.
        st.session_state.setdefault(key, kept.get(key, value))


def selection(record: AttentionRecord) -> Selection:
    """The reader's choice, clamped to what `record` holds: the address and the browser are not to be trusted."""
    axis = record.maps[0].query
    if axis.kind == "text":
        return _of_text(record)
    rows, columns = axis.grid or (1, 1)
    layer = _clamp(st.session_state.get(LAYER), 1, len(record.maps)) - 1
    row = _clamp(st.session_state.get(ROW), 1, rows) - 1
    column = _clamp(st.session_state.get(COLUMN), 1, columns) - 1
    by_patch = st.session_state.get(ASK) == PATCH or axis.prefix == 0
    patches = tuple(int(p) for p in st.session_state.get(PATCHES, ()) if by_patch and 0 <= int(p) < rows * columns)
    return Selection(
        layer=layer,
        head=_head(record, layer),
        query=axis.prefix + row * columns + column if by_patch else 0,
        row=row,
        column=column,
        patches=patches if len(patches) > 1 else (),
    )


def _of_text(record: AttentionRecord) -> Selection:
    layer = _clamp(st.session_state.get(LAYER), 1, len(record.maps)) - 1
    asked = str(st.session_state.get(TOKEN))
    token = _clamp(asked.split(" ")[0], 1, len(record.maps[0].query)) - 1
    return Selection(layer, _head(record, layer), MEAN if asked == ALL_TOKENS else token, 0, 0, ())


def _head(record: AttentionRecord, layer: int) -> int | None:
    head = str(st.session_state.get(HEAD))
    known = head.isdecimal() and head.isascii() and int(head) > 0
    return min(int(head), len(record.maps[layer].weights)) - 1 if known else None


def layer() -> int:
    """The chosen layer, 0 first, before any record says how many there are."""
    return _clamp(st.session_state.get(LAYER), 1, 1000) - 1


def suiting(picture: str) -> str:
    """The bundled model that knows pictures of this kind."""
    return KNOW_SCENES[0] if picture.startswith("scene-") else KNOWS_PHOTOGRAPHS


def suit_model() -> None:
    """After a picture was chosen: the bundled model that knows its kind takes over from the one that does not; for callbacks."""
    drawn = str(st.session_state.get(PICTURE, "")).startswith("scene-")
    model = str(st.session_state.get(MODEL, DEFAULTS[MODEL]))
    if model in (KNOWS_PHOTOGRAPHS, *READS) if drawn else model in (*KNOW_SCENES, *READS):
        st.session_state[MODEL] = KNOW_SCENES[0] if drawn else KNOWS_PHOTOGRAPHS


def _clamp(value: object, low: int, high: int) -> int:
    try:
        return min(max(int(str(value)), low), high)
    except ValueError:
        return low


def ask_patch(row: int, column: int, together: Sequence[int] = ()) -> None:
    """Make one patch (0 first) the query, or all of the numbers `together` with it; for callbacks."""
    st.session_state.update({ASK: PATCH, ROW: row + 1, COLUMN: column + 1, PATCHES: tuple(together)})
