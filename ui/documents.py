"""Every page the Read section can show by its id: receipts and forms whose truth is known, and the reader's own page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import streamlit as st
from PIL import Image

from vit_attention.inputs.pictures import PictureError, open_picture
from worlds import receipts
from worlds.naming import Name, parse

DOCUMENT = "document"
"""Key of the menu and name in the address."""

UPLOAD = "uploaded_document"
UPLOAD_ID = "own document"
GALLERY = ("receipt-3-3", "receipt-5-2", "receipt-8-4", "receipt-21-5", "invented-3-3", "form-1", "form-6")
DEFAULT = GALLERY[0]


@dataclass(frozen=True, eq=False)
class Document:
    """A page to read.

    Attributes:
        id: what the address carries.
        key: what caches go by; for an own page a digest of its bytes.
        title: for people.
        image: upright RGB.
        truth: what is printed and where, for drawn pages.
        notes: what was done while opening it, in sentences.
    """

    id: str
    key: str
    title: str
    image: Image.Image
    truth: receipts.Document | None = None
    notes: tuple[str, ...] = ()

    @property
    def prompt(self) -> str:
        """The task prompt this page calls for under the bundled reader."""
        return "<s_receipt>" if self.truth is None else self.truth.task

    @property
    def values(self) -> list[tuple[str, str, list[tuple[float, float, float, float]]]]:
        """(path, text, box of every character but blanks) of each value to be read; [] without truth."""
        if self.truth is None:
            return []
        words = self.truth.words
        return [
            (p.field, p.text, [words[w].characters[i] for w, t in zip(p.words, p.text.split(" "), strict=True) for i in range(len(t))])
            for p in self.truth.pieces
            if p.words
        ]  # fmt: skip


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
    name = _drawn(document_id)
    assert name is not None
    made = name.draw()
    assert isinstance(made, receipts.Document)
    return Document(document_id, document_id, name.title, made.picture, made)


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
