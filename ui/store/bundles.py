"""Records in files that visitors brought: read from their bytes, and nothing in them is run."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from vit_attention.records import AttentionRecord
from vit_attention.records.attention_json import read_attention_json


def unpacked(data: bytes) -> AttentionRecord:
    """The record in the bytes of a stranger's bundle.

    Raises:
        ValueError: no bundle, or one that unpacks to too much.
    """
    return _read(data, "record.npz", lambda path: AttentionRecord.load(path, "uploaded bundle"))


def from_json(data: bytes) -> AttentionRecord:
    """The record in the bytes of a stranger's JSON of a sentence, in either of its two forms.

    Raises:
        ValueError: no such file, or one with numbers that are no shares of attention.
    """
    return _read(data, "attention.json", read_attention_json)


def _read(data: bytes, name: str, read: Callable[[Path], AttentionRecord]) -> AttentionRecord:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            return read(path)
        except ValueError as error:  # it knows the visitor's file by a name that means nothing to them
            raise ValueError(str(error).removeprefix(f"{name}: ")) from error
