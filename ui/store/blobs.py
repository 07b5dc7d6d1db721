"""Files that visitors brought, as bytes by their digest: one bounded store for the whole server.

A session keeps digests and names alone. What is pushed out by newer files has to be brought again; a page says so.
"""

import hashlib

from ui.store.kept import Kept

MOST = 40_000_000
"""Bytes of all files together."""


class Blobs(Kept):
    """Bytes by digest, the oldest out first.

    Args:
        most: bytes that are kept in all.
    """

    def __init__(self, most: int = MOST) -> None:
        super().__init__(most, len)

    def put(self, data: bytes) -> str:
        """Keep `data`; its digest, by which it is found again."""
        digest = hashlib.sha256(data).hexdigest()[:20]
        self(digest, lambda: data)
        return digest


blobs = Blobs()
"""The store of this server."""
