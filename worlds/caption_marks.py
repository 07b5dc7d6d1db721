"""What is true of a caption that a model wrote: its pairs of colour and shape, its relation, and what its nouns name."""

from collections import Counter
from collections.abc import Sequence

from worlds.captions import RELATIONS, Caption, opposite
from worlds.shapes import COLOURS, NAMES

Pair = tuple[str | None, str]


def pairs(words: Sequence[str]) -> list[Pair]:
    """(colour, shape) of every noun in order; the colour is the word just before it, None if that is no colour.

    >>> pairs("a red circle left of a square".split())
    [('red', 'circle'), (None, 'square')]
    """
    before = [None, *words]
    return [(b if b in COLOURS else None, w) for b, w in zip(before, words, strict=False) if w in NAMES]


def pairs_right(words: Sequence[str], truth: Caption) -> bool:
    """Whether every colour and every shape is right and nothing is left out or made up; order does not count."""
    return Counter(pairs(words)) == Counter(pairs(truth.words))


def named(words: Sequence[str], truth: Caption) -> dict[int, int | None]:
    """Index of every noun in `words` to the index of the thing it names, None if no such shape is in the scene."""
    things = {truth.words[at]: thing for at, thing in truth.nouns.items()}
    return {at: things.get(word) for at, word in enumerate(words) if word in NAMES}


def relation_right(words: Sequence[str], truth: Caption) -> bool:
    """Whether the relation said holds between the two objects in the order in which they were said.

    "a blue square right of a red circle" is as true as "a red circle left of a blue square". Which object comes first is
    told by its shape, else by its colour, else by what the second one is; with none of these the true order is taken.

    >>> truth = Caption(tuple("a red circle left of a blue square".split()), {2: 0, 7: 1}, "left", True)
    >>> relation_right("a blue square right of a red circle".split(), truth)
    True
    >>> relation_right("a blue star left of a red circle".split(), truth)
    False
    """
    if truth.relation is None:
        raise ValueError("truth: want a caption of two objects, got one")
    said = [word for word in words if word in RELATIONS]
    if len(said) != 1:
        return False
    return said[0] == (opposite(truth.relation) if _swapped(pairs(words), pairs(truth.words)) else truth.relation)


def _swapped(said: list[Pair], true: list[Pair]) -> bool:
    for part in (1, 0):  # shape, then colour
        for place, pair in enumerate(said[:2]):
            for other, wanted in enumerate(true):
                if pair[part] is not None and pair[part] == wanted[part]:
                    return place != other
    return False
