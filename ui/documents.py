"""Every page the Read section can show by its id: receipts and forms whose truth is known, and the reader's own page."""

from __future__ import annotations

import hashlib

import streamlit as st

from tutorials.findings.page import Document
from vit_attention.inputs.pictures import PictureError, open_picture
from worlds.naming import Name, parse

DOCUMENT = "document"
"""Key of the menu and name in the address."""

UPLOAD = "uploaded_document"
UPLOAD_ID = "own document"
GALLERY = ("receipt-3-3", "receipt-5-2", "receipt-8-4", "receipt-21-5", "invented-3-3", "form-1", "form-6")
DEFAULT = GALLERY[0]


def _drawn(document_id: str) -> Name | None:
    name = parse(document_id)
    return name if name is not None and name.kind != "scene" else None


def title(document_id: str) -> str:
    """The id in words."""
    name = _drawn(document_id)
    return "My own page" if name is None else name.title


def options(current: str) -> list[str]:
    """Ids for the menu: gallery, the own page if there is one, and a valid `current` one."""
    ids = [*GALLERY]
    if st.session_state.get(UPLOAD) is not None:
        ids.append(UPLOAD_ID)
    if current not in ids and _drawn(current):
        ids.append(current)  # not first: an address that names a menu's default option is ignored
    return ids


@st.cache_resource(max_entries=32, show_spinner=False)
def _open(document_id: str) -> Document:
    return Document.drawn(document_id)


def get(document_id: str) -> Document:
    """The page of this id; the default one for an id that names none (a link to somebody else's upload)."""
    if document_id == UPLOAD_ID and isinstance(st.session_state.get(UPLOAD), Document):
        own: Document = st.session_state[UPLOAD]
        return own
    return _open(document_id if _drawn(document_id) else DEFAULT)


LARGEST = 2560
"""Pixels that the longer side of an own page may keep: as many as the largest published reader sees."""


def take_upload(data: bytes, name: str) -> str | None:
    """Make `data` the session's own page and choose it; returns what is wrong with it instead, if anything is."""
    try:
        opened = open_picture(data, max_side=LARGEST)
    except PictureError as error:
        return f"{name}: {error}"
    key = "own-" + hashlib.sha256(data).hexdigest()[:20]
    st.session_state[UPLOAD] = Document(UPLOAD_ID, key, "My own page", opened.image, notes=opened.notes)
    st.session_state[DOCUMENT] = UPLOAD_ID
    return None
