"""Pictures and reviews of seats: the same kind as a lesson's own, another one at every seat, the same at a seat every time."""

from functools import lru_cache
from itertools import islice

from worlds.captions import caption
from worlds.naming import parse
from worlds.photographs import photographs
from worlds.scenes import Scene
from worlds.sentences import Sentence

MOST = 999
"""The highest number of a seat; the lowest is 1."""
_WINDOW = 100
"""Seeds that belong to one seat, among which one of the same kind is looked for."""
_NAMES = 997
"""Remainders of the seeds of names, so that different ones have windows of their own."""


@lru_cache(maxsize=4096)
def seated(name: str, student: int, turn: int = 0) -> str:
    """The picture or review that a seat has in the place of the one of this name.

    A scene has as many objects, and their relation is as clear; a receipt as many articles; a review turns on the same kinds of
    words. Photographs with outlines take turns, and so do those without. No two seats share a drawn picture of the same name.

    Args:
        name: as in `worlds.naming`; what names nothing there, such as a model, is every seat's.
        student: number of the seat, 1 to 999.
        turn: another number gives the same seat another picture, for a second try.

    Raises:
        ValueError: the number of the seat or of the turn is out of range.

    >>> (
    ...     seated("scene-6-2-50", 17) == seated("scene-6-2-50", 17),
    ...     seated("scene-6-2-50", 17) != seated("scene-6-2-50", 18),
    ... )
    (True, True)
    >>> seated("coffee", 1), seated("coffee", 2), seated("scene-vit", 17)
    ('rocket', 'camera', 'scene-vit')
    """
    if not 1 <= student <= MOST:
        raise ValueError(f"student: want 1 to {MOST}, got {student}")
    if not 0 <= turn <= 99:
        raise ValueError(f"turn: want 0 to 99, got {turn}")
    known = parse(name)
    if known is None:
        return name
    if known.photograph is not None:
        return _rotated(known.photograph.name, student + turn)
    first, kind = _WINDOW * ((known.seed % _NAMES) * (MOST + 1) + student), _kind(name)
    window = [_numbered(name, seed) for seed in range(first, first + _WINDOW)]
    found = list(islice((one for one in window if _kind(one) == kind), turn + 1))
    return found[turn % len(found)] if found else window[0]


def _numbered(name: str, seed: int) -> str:
    """The name with another seed."""
    stem, _, *rest = name.split("-")
    return "-".join((stem, str(seed), *rest))


def _kind(name: str) -> object:
    """What drawings of a kind have in common: of those of the same form of name."""
    known = parse(name)
    drawn = known.draw() if known and known.kind in ("scene", "sentence") else None
    if isinstance(drawn, Scene):
        return len(drawn.things), caption(drawn).clear
    return drawn.kinds if isinstance(drawn, Sentence) else ()


def _rotated(name: str, by: int) -> str:
    """The photograph that stands `by` places further among those that are outlined, or those that are not."""
    outlined = bool(photographs()[name].outlines)
    row = [one.name for one in photographs().values() if bool(one.outlines) == outlined]
    return row[(row.index(name) + by) % len(row)]
