"""Every page the Read section can show by its id: receipts and forms whose truth is known, and the reader's own page."""

import hashlib

import streamlit as st

from tutorials.findings.page import Document
from ui.parts import parts
from vit_attention.inputs.pictures import open_picture
from worlds.naming import Name, parse

DOCUMENT = "document"
"""Key of the menu and name in the address."""
UPLOAD, UPLOAD_ID = "uploaded_document", "own document"
"""Session key of the own page, and its id."""
GALLERY = ("receipt-3-3", "receipt-5-2", "receipt-8-4", "receipt-21-5", "invented-3-3", "form-1", "form-6")
DEFAULT = GALLERY[0]
LARGEST = 2560
"""Pixels that the longer side of an own page may keep: as many as the largest published reader sees."""


def _drawn(document_id: str) -> Name | None:
    name = parse(document_id)
    return name if name is not None and name.kind not in ("scene", "photograph", "sentence") else None


def options(current: str) -> list[str]:
    """Ids for the menu: gallery, the own page if there is one, and a valid `current` one."""
    own = [UPLOAD_ID] if st.session_state.get(UPLOAD) is not None else []
    # Not first: an address that names a menu's default option is ignored.
    return list(dict.fromkeys([*GALLERY, *own, *([current] if _drawn(current) else [])]))


@st.cache_resource(max_entries=32, show_spinner=False)
def _open(document_id: str) -> Document:
    return Document.drawn(document_id)


def get(document_id: str) -> Document:
    """The page of this id; the default one for an id that names none (a link to somebody else's upload)."""
    own: Document | None = st.session_state.get(UPLOAD)
    if document_id == UPLOAD_ID and own is not None:
        return own
    return _open(document_id if _drawn(document_id) else DEFAULT)


def own_page() -> None:
    """A way to read one's own page."""
    parts.own_file(
        "Read a page of your own",
        "Page (JPEG, PNG, WebP, GIF, BMP or TIFF; at most 10 MB)",
        ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"],
        "reading_upload",
        _take,
    ).caption(
        "It stays in this session's memory: no link restores it, and nobody else can see it. receipt-donut was trained "
        "on drawn receipts and forms alone; for photographed ones choose a published Donut in the sidebar."
    )


def _take(name: str, data: bytes) -> None:
    """Make `data` the session's own page and choose it; raises ValueError for no picture."""
    opened = open_picture(data, max_side=LARGEST)
    key = "own-" + hashlib.sha256(data).hexdigest()[:20]
    own = Document(UPLOAD_ID, key, "My own page", opened.image, notes=opened.notes)
    st.session_state.update({UPLOAD: own, DOCUMENT: UPLOAD_ID})
