"""Opening records that visitors bring: files from strangers, drawn without running any model."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from vit_attention.records import AttentionRecord

MOST_UNPACKED = 200 << 20
"""Bytes that an opened bundle may unpack to: one session keeps it."""


def read(data: bytes) -> AttentionRecord:
    """The record in a bundle's bytes.

    Raises:
        ValueError: no bundle, or one that unpacks to too much.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.npz"
        path.write_bytes(data)
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > MOST_UNPACKED:
                raise ValueError(f"want at most {MOST_UNPACKED >> 20} MB unpacked, got {unpacked >> 20} MB")
        try:
            return AttentionRecord.load(path)
        except ValueError as error:  # it knows the visitor's file by a name that means nothing to them
            raise ValueError(str(error).removeprefix(f"{path.name}: ")) from error
