"""Records in files that visitors brought: read from their bytes, and nothing in them is run."""

import tempfile
from pathlib import Path

from vit_attention.records import AttentionRecord


def unpacked(data: bytes) -> AttentionRecord:
    """The record in the bytes of a stranger's bundle.

    Raises:
        ValueError: no bundle, or one that unpacks to too much.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "record.npz"
        path.write_bytes(data)
        try:
            return AttentionRecord.load(path, "uploaded bundle")
        except ValueError as error:  # it knows the visitor's file by a name that means nothing to them
            raise ValueError(str(error).removeprefix(f"{path.name}: ")) from error
