"""Letters of exported pictures: DejaVu Sans, and what it lacks as numbers, never as boxes that all look the same."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont, features

FAMILY = "DejaVu Sans"
REMARK = r"letters that this typeface lacks are printed as their numbers, \u and digits"
"""Printed wherever `drawable` changed something."""
SHAPED = bool(features.check("raqm"))
"""Whether Pillow joins Arabic letters and turns right-to-left lines; without it they would be drawn wrong."""
_UNPRINTABLE = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NEVER = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_TURNED = {"R", "AL", "AN"}
_ABSENT = "\U0010ffff"


def printable(text: object) -> str:
    """`text` with numbers for control characters and halves of pairs, which neither paper nor XML can hold.

    >>> print(printable("a\\x00b"))
    a\\u0000b
    """
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text))


@cache
def typeface(size: int, layout: ImageFont.Layout | None = None) -> ImageFont.FreeTypeFont:
    """DejaVu Sans in pixels; raises ModuleNotFoundError if matplotlib, whose file it is, is not installed."""
    # find_spec: importing matplotlib itself would cost 30 MB for nothing but the path.
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("pictures are lettered in the DejaVu faces of matplotlib: want it installed")
    return ImageFont.truetype(
        str(Path(found.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"), size, layout_engine=layout
    )


def drawable(text: object, shaped: bool = SHAPED) -> str:
    """`text` in letters that DejaVu Sans has; any other becomes its number, and kinds of blanks one blank.

    Args:
        text: of any script.
        shaped: whether what draws it joins and turns letters that want it; if not, those become numbers too.

    >>> print(drawable("Übung 図"))
    Übung \\u56f3
    """
    return "".join(_drawn(sign, shaped) for sign in unicodedata.normalize("NFC", str(text)))


def remark(texts: Iterable[object], shaped: bool = SHAPED) -> str:
    """`REMARK` if `drawable` writes a letter of one of the texts as its number, or ""."""
    signs = {sign for text in texts for sign in unicodedata.normalize("NFC", str(text))}
    return REMARK if any(len(_drawn(sign, shaped)) > 1 for sign in signs) else ""


def wrapped(text: str, room: float, size: int) -> list[str]:
    """Lines of at most `room` pixels, parted at blanks, and inside a word that alone is longer."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and length(longer, size) <= room:
            lines[-1] = longer
        else:
            lines += _parts(word, room, size)
    return lines


def _parts(word: str, room: float, size: int) -> list[str]:
    parts = [""]
    for sign in word:
        if parts[-1] and length(parts[-1] + sign, size) > room:
            parts.append("")
        parts[-1] += sign
    return parts


def length(text: str, size: int) -> float:
    """How many pixels a line takes."""
    # Where a viewer's typefaces draw it, an ideograph is as wide as it is high.
    return typeface(size).getlength("".join("W" if unicodedata.east_asian_width(c) in "WF" else c for c in text))


def fitted(text: str, room: float, size: int) -> str:
    """`text` if it fits into `room` pixels, or as much of it as does, and a sign that more follows.

    >>> fitted("antidisestablishmentarianism", 60, 11)
    'antidise…'
    """
    if length(text, size) <= room:
        return text
    for end in range(len(text) - 1, 0, -1):
        if not _holds(text[end]) and text[end - 1] != "\u200d" and length(text[:end] + "…", size) <= room:
            return text[:end] + "…"
    return "…"


def cut(text: str, most: int = 26) -> str:
    """`text` in at most `most` signs, cut neither before a mark nor inside an emoji of several signs.

    >>> cut("e\u0301" * 4, 4) == "e\u0301…"
    True
    """
    if len(text) <= most:
        return text
    end = most - 1
    while end > 0 and (_holds(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return text[:end] + "…"


def _holds(sign: str) -> bool:
    """Whether a sign belongs to the one before it: a mark, a joiner, or the colour of a skin."""
    return unicodedata.category(sign)[0] == "M" or sign == "\u200d" or "\U0001f3fb" <= sign <= "\U0001f3ff"


def right_to_left(texts: Iterable[str]) -> bool:
    """Whether most letters of some texts are of scripts that are written from right to left.

    >>> right_to_left(["[CLS]", "שלום", "עולם"]), right_to_left(["hello"])
    (True, False)
    """
    kinds = [unicodedata.bidirectional(sign) for text in texts for sign in text if sign.isalpha()]
    return 2 * sum(kind in _TURNED for kind in kinds) > len(kinds)


@lru_cache(maxsize=8192)
def _drawn(sign: str, shaped: bool) -> str:
    if sign in "\t\n\r" or unicodedata.category(sign) == "Zs":
        return "\n" if sign == "\n" else " "
    if _has(sign) and (shaped or not _wants_shaping(sign)):
        return sign
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"


def _wants_shaping(sign: str) -> bool:
    return unicodedata.bidirectional(sign) in _TURNED or unicodedata.category(sign)[0] == "M"


def _has(sign: str) -> bool:
    """Whether the sign leaves ink that is not the box for absent ones."""
    if unicodedata.category(sign) in _NEVER:
        return False
    ink = _ink(sign)
    return any(ink) and ink != _ink(_ABSENT)


def _ink(sign: str) -> bytes:
    # The plain layout: the other lays a dotted circle under marks that stand alone, and so hides that they are absent.
    return bytes(typeface(24, ImageFont.Layout.BASIC).getmask(sign))
