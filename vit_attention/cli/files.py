"""Names for files that fit every system, whatever script they were written in."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

MOST_BYTES = 180
"""Of the part of a name that comes from outside: file systems take 255 in all, and endings and numbers come behind it."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def safe(name: str) -> str:
    """`name` as a part of a file name: letters and marks of any script, digits, signs such as emoji, dots and dashes;
    everything else an underline, and the whole cut to `MOST_BYTES`.

    >>> safe("core/attention 1"), safe("nul.tar"), safe("हिन्दी")
    ('core_attention_1', '_nul.tar', 'हिन्दी')
    """
    plain = re.sub("\0+", "_", "".join(map(_fitting, unicodedata.normalize("NFC", name))))
    cut = plain.encode("utf-8")[:MOST_BYTES].decode("utf-8", "ignore").strip(".") or "unnamed"
    return f"_{cut}" if _RESERVED.match(cut) else cut


def _fitting(sign: str) -> str:
    kind = unicodedata.category(sign)
    return sign if sign in ".-_" or kind[0] in "LMN" or kind == "So" else "\0"


def folded(name: str) -> str:
    """What two names share that some file systems hold for one."""
    return unicodedata.normalize("NFC", name).casefold()


def distinct(paths: Iterable[Path]) -> list[str]:
    """A name for each path: its stem; with its ending where two stems are the same; then numbered.

    >>> distinct([Path("a/cat.jpg"), Path("b/dog.jpg"), Path("a/Cat.png"), Path("b/cat.png")])
    ['cat.jpg', 'dog', 'Cat.png', 'cat.png-2']
    """
    given = list(paths)
    stems = [safe(path.stem) for path in given]
    alike = [folded(stem) for stem in stems]
    full = [s if alike.count(folded(s)) == 1 else safe(path.name) for s, path in zip(stems, given, strict=True)]
    taken = {folded(name) for name in full}
    out: dict[str, str] = {}
    for name in full:
        unique, count = name, 1
        while folded(unique) in out or (count > 1 and folded(unique) in taken):
            count += 1
            unique = f"{name}-{count}"
        out[folded(unique)] = unique
    return list(out.values())
