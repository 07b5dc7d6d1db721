"""Every page that can be read, by its id: receipts and forms whose truth is known, and the reader's own."""

import streamlit as st

from tutorials.findings.page import Document
from ui.frame import address
from ui.frame.state import DOCUMENT
from ui.store.blobs import blobs
from vit_attention.inputs.pictures import open_picture
from worlds.naming import Name, parse

# Session key of the digest of the own page, and its id in the menu.
UPLOAD, UPLOAD_ID = "uploaded_document", "own document"
# Begins what caches go by for an own page; its digest follows.
OWN = "own-"
GALLERY = ("receipt-3-3", "receipt-5-2", "receipt-8-4", "receipt-21-5", "invented-3-3", "form-1", "form-6")
DEFAULT = GALLERY[0]
# Pixels that the longer side of an own page may keep: as many as the largest published reader sees.
LARGEST = 2560


def _drawn(document_id: str) -> Name | None:
    name = parse(document_id)
    return name if name is not None and name.kind not in ("scene", "photograph", "sentence") else None


def options(current: str) -> list[str]:
    """Ids for the menu: gallery, the own page if there is one, and a valid `current` one."""
    own = [UPLOAD_ID] if st.session_state.get(UPLOAD) else []
    return list(dict.fromkeys([*GALLERY, *own, *([current] if _drawn(current) else [])]))


def title(document_id: str) -> str:
    """The id in words for menus."""
    name = _drawn(document_id)
    return name.title if name else "My own page"


@st.cache_resource(max_entries=32, show_spinner=False)
def _open(document_id: str) -> Document:
    return Document.drawn(document_id)


# Few, since one may take 20 MB.
@st.cache_resource(max_entries=3, show_spinner=False)
def _opened(digest: str, _data: bytes) -> Document:
    opened = open_picture(_data, max_side=LARGEST)
    return Document(UPLOAD_ID, OWN + digest, "My own page", opened.image, notes=opened.notes)


def chosen() -> str:
    """What the page chosen in the menu is known by in caches: the same for every session."""
    wanted = str(st.session_state.get(DOCUMENT, DEFAULT))
    return OWN + str(st.session_state.get(UPLOAD)) if wanted == UPLOAD_ID else wanted


def get(key: str) -> Document:
    """The page of this id or, for an own one, key; the default one for a key that names none."""
    if key.startswith(OWN):
        if (data := blobs.get(key.removeprefix(OWN))) is not None:
            return _opened(key.removeprefix(OWN), data)
        address.complain("Your own page is no longer kept on this server: bring it again. A drawn page is shown.")
    return _open(key if _drawn(key) else DEFAULT)


def take(_name: str, data: bytes) -> None:
    """Make `data` the session's own page and choose it; raises ValueError, before anything is kept, for no picture."""
    open_picture(data, max_side=LARGEST)
    st.session_state.update({UPLOAD: blobs.put(data), DOCUMENT: UPLOAD_ID})
