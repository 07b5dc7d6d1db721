"""A saved record of a caption, opened on the page: drawn from its file alone, after a look at what is in it."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from tutorials.findings.captioning import Captioning, plain
from tutorials.findings.context import Picture
from ui import sources
from visualizer.measures.regions import region_heat
from vit_attention.records import AttentionRecord

WORD = "word"
"""Key of the slider and name in the address; words count from 1 there."""
OPENED, PROBLEM, UPLOAD = "captions_record", "captions_problem", "captions_npz"
"""Session keys: (file name, digest, record) of an opened bundle; what went wrong last; the uploader."""


def own_record() -> None:
    """A way to open a saved record, folded away; what goes wrong is said, and what was shown before stays."""
    said = st.container()
    problem = st.session_state.pop(PROBLEM, None)
    if problem:
        said.error(plain(problem))
    with st.expander("A record of your own"):
        st.file_uploader(
            "Record bundle (.npz, at most 10 MB) of a caption, saved by record.save or by the command line", ["npz"],
            key=UPLOAD, on_change=_open,
        )  # fmt: skip
        if st.session_state.get(OPENED) is not None:
            st.button("Close the record and go back to the sidebar's picture", key="captions_close", on_click=_close)
        st.caption("A bundle is drawn from its file alone: no model is run, and nothing in it is executed.")


def _open() -> None:
    given = st.session_state.get(UPLOAD)
    if given is None:
        return
    data = given.getvalue()
    try:
        st.session_state[OPENED] = (given.name, hashlib.sha256(data).hexdigest()[:20], read_bundle(data))
        st.session_state[WORD] = 1
    except ValueError as error:
        st.session_state[PROBLEM] = f"{given.name}: {error}"


def _close() -> None:
    st.session_state[OPENED], st.session_state[WORD] = None, 1


def read_bundle(data: bytes) -> AttentionRecord:
    """The record of a caption in a bundle's bytes.

    Raises:
        ValueError: no bundle, one that unpacks to too much, or a record that is no caption on a picture.
    """
    record = sources.unpacked(data)
    cross = [one for one in record.maps if one.kind == "cross" and one.query.kind == "text" and one.key.kind != "text"]
    whole = all(one.queries is None for one in record.maps) and not any(one.kind == "window" for one in record.maps)
    if len(cross) != 1 or not whole or cross[0].query.prefix or cross[0].key.prefix or not cross[0].query.labels:
        raise ValueError("want the record of a caption: one map from words to regions, got another kind of record")
    if any(len(one.key) != len(cross[0].key) for one in record.maps if one.kind == "self"):
        raise ValueError("want maps over the same regions, got different numbers of them")
    if not record.picture:
        raise ValueError("want a record with its picture (attend(features, picture=...)), got one without")
    region_heat(np.zeros(len(cross[0].key)), cross[0].key, record.geometry)  # says so if nobody knows the boxes
    return record


def opened() -> Captioning | None:
    """The record that was opened, if any, with a line that says so."""
    given = st.session_state.get(OPENED)
    if given is None:
        return None
    name, digest, record = given
    st.info(
        f"From the file {plain(name)}, made by {plain(record.model) or 'an unnamed model'}. The sidebar's picture does not matter here."
    )
    picture = Picture("own record", digest, name, record.image)
    return Captioning(record.model or "unnamed model", picture, record, None, 0, runs=False)


def heads() -> int | None:
    """Decoder heads of the record that was opened, if any."""
    given = st.session_state.get(OPENED)
    return None if given is None else max(len(one.weights) for one in given[2].maps if one.kind == "cross")
