"""Reading a page of one's own: the file, and what is said about it."""

from __future__ import annotations

import streamlit as st

from ui import documents

UPLOAD, PROBLEM = "reading_upload", "reading_problem"


def ask() -> None:
    """A way to read one's own page, folded away; what goes wrong is said, and what was shown before stays."""
    said = st.container()
    problem = st.session_state.pop(PROBLEM, None)
    if problem:
        said.error(problem)
    with st.expander("Read a page of your own"):
        st.file_uploader(
            "Page (JPEG, PNG, WebP, GIF, BMP or TIFF; at most 10 MB)", ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"],
            key=UPLOAD, on_change=_take,
        )  # fmt: skip
        st.caption(
            "It stays in this session's memory: no link restores it, and nobody else can see it. receipt-donut was trained "
            "on drawn receipts and forms alone; for photographed ones choose a published Donut in the sidebar."
        )


def _take() -> None:
    given = st.session_state.get(UPLOAD)
    if given is not None:
        st.session_state[PROBLEM] = documents.take_upload(given.getvalue(), given.name or "page")
