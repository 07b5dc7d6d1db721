"""Small pieces of text that figures and their words share."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: object) -> str:
    """`text` without control characters, which neither paper nor XML can hold."""
    return _UNPRINTABLE.sub(" ", str(text))


def offset(down: int, right: int) -> str:
    """Where a key lies from its query, in words.

    >>> offset(0, 0), offset(2, -1)
    ('at the query', '2 rows down, 1 column left')
    """
    parts = []
    for count, name, words in ((down, "row", ("up", "down")), (right, "column", ("left", "right"))):
        if count:
            parts.append(f"{abs(count)} {name}{'s' * (abs(count) > 1)} {words[count > 0]}")
    return ", ".join(parts) or "at the query"
