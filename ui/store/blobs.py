"""Files that visitors brought, as bytes by their digest: one bounded store for the whole server.

A session keeps digests and names alone. What is pushed out by newer files has to be brought again; a page says so.
"""

import hashlib
import threading
from collections import OrderedDict

MOST = 40_000_000
"""Bytes of all files together."""


class Blobs:
    """Bytes by digest, the oldest out first.

    Args:
        most: bytes that are kept in all.

    >>> kept = Blobs(most=8)
    >>> first, second = kept.put(b"12345"), kept.put(b"67890")
    >>> kept.get(first), kept.get(second)
    (None, b'67890')
    """

    def __init__(self, most: int = MOST) -> None:
        self.most, self.total = most, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, data: bytes) -> str:
        """Keep `data`; its digest, by which it is found again. What alone is too large stays until the next one comes."""
        digest = hashlib.sha256(data).hexdigest()[:20]
        with self._lock:
            if (before := self._kept.pop(digest, None)) is not None:
                self.total -= len(before)
            self._kept[digest] = data
            self.total += len(data)
            while self.total > self.most and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self.total -= len(gone)
        return digest

    def get(self, digest: str) -> bytes | None:
        """The bytes of that digest; None if they are not kept any more."""
        with self._lock:
            if digest not in self._kept:
                return None
            self._kept.move_to_end(digest)
            return self._kept[digest]


blobs = Blobs()
"""The store of this server."""
