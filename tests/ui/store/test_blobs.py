"""The server's store of files is bounded, and finds what it keeps by its digest."""

from __future__ import annotations

import hashlib

from ui.store.blobs import Blobs


def test_the_oldest_goes_first_and_what_is_used_stays() -> None:
    kept = Blobs(most=30)
    names = [kept.put(bytes([n]) * 10) for n in range(3)]
    assert kept.get(names[0]) == b"\x00" * 10  # used, so the second is the oldest now
    fourth = kept.put(b"\x09" * 10)
    assert [kept.get(name) is not None for name in (*names, fourth)] == [True, False, True, True]
    assert kept.total == 30


def test_the_same_file_is_kept_once() -> None:
    kept = Blobs(most=100)
    assert kept.put(b"abc") == kept.put(b"abc") == hashlib.sha256(b"abc").hexdigest()[:20]
    assert kept.total == 3


def test_a_file_larger_than_the_store_is_there_until_the_next_comes() -> None:
    kept = Blobs(most=5)
    large = kept.put(b"123456789")
    assert kept.get(large) == b"123456789"
    kept.put(b"1")
    assert kept.get(large) is None
    assert kept.total == 1
