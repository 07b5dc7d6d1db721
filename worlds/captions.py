"""Captions of scenes: "a red circle left of a blue square", and which object every noun names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from worlds.scenes import Scene, Thing
from worlds.shapes import COLOURS, NAMES

RELATIONS: dict[str, tuple[str, ...]] = {
    "left": ("left", "of"),
    "right": ("right", "of"),
    "above": ("above",),
    "below": ("below",),
}
"""Relation to the words that say it."""

WORDS: tuple[str, ...] = ("a", "an", "of", *RELATIONS, *COLOURS, *NAMES)
"""Every word of every caption."""

VOCABULARY: tuple[str, ...] = ("", *WORDS, "UNK")
"""Token to word, as AoANet counts: 0 begins, ends and pads, words from 1 on, the unknown word last."""

LONGEST = 8
"""Words of the longest caption: "a red circle left of a blue square"."""

CLEAR = 1.2
"""A relation is clear if the larger of the centre distances, across and down, is at least this many times the smaller."""

_OPPOSITE = {"left": "right", "right": "left", "above": "below", "below": "above"}
_MIRRORED = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Caption:
    """What a scene shows, in words.

    Attributes:
        words: the caption, main object first.
        nouns: index of a noun in `words` to the index of the thing in `Scene.things` that it names.
        relation: a key of `RELATIONS`, what the first object is to the second; None with one object.
        clear: False if the objects lie so close to a diagonal that another relation would be as true; see `CLEAR`.
    """

    words: tuple[str, ...]
    nouns: dict[int, int]
    relation: str | None
    clear: bool

    def __str__(self) -> str:
        return " ".join(self.words)


def centre(thing: Thing) -> tuple[float, float]:
    """Mean (x, y) in pixels of all that can be seen of an object."""
    rows, columns = np.nonzero(thing.mask)
    return float(columns.mean()), float(rows.mean())


def relation(first: tuple[float, float], second: tuple[float, float]) -> tuple[str, bool]:
    """What `first` is to `second`, by the larger of the distances across and down, and whether that is clear.

    Args:
        first: (x, y) of a centre in pixels, y down.
        second: the same of the other object.

    >>> relation((10, 50), (90, 60))
    ('left', True)
    >>> relation((50, 90), (60, 10))
    ('below', True)
    >>> relation((0, 0), (100, 90))
    ('left', False)
    """
    across, down = first[0] - second[0], first[1] - second[1]
    near, far = sorted((abs(across), abs(down)))
    before, after = ("left", "right") if abs(across) == far else ("above", "below")
    along = across if abs(across) == far else down
    return before if along < 0 else after, far >= CLEAR * near and far > 0


def opposite(word: str) -> str:
    """The relation of the second object to the first.

    >>> opposite("above")
    'below'
    """
    return _OPPOSITE[word]


def mirrored(word: str) -> str:
    """The relation in a picture whose left and right are swapped.

    >>> mirrored("left"), mirrored("above")
    ('right', 'above')
    """
    return _MIRRORED.get(word, word)


def article(word: str) -> str:
    """The article before a word.

    >>> article("orange"), article("red")
    ('an', 'a')
    """
    return "an" if word[0] in "aeiou" else "a"


def phrase(
    objects: Sequence[tuple[str, str]], relation_word: str | None = None
) -> tuple[tuple[str, ...], dict[int, int]]:
    """The words for one or two (colour, shape) pairs, and which word is the noun of which pair.

    >>> phrase([("red", "circle"), ("blue", "square")], "above")
    (('a', 'red', 'circle', 'above', 'a', 'blue', 'square'), {2: 0, 6: 1})
    """
    if (len(objects) == 2) != (relation_word is not None) or not 1 <= len(objects) <= 2:
        raise ValueError(f"relation_word: want one for two objects and none for one, got {relation_word!r}")
    words = [article(objects[0][0]), *objects[0]]
    nouns = {2: 0}
    if relation_word is not None:
        words += [*RELATIONS[relation_word], article(objects[1][0]), *objects[1]]
        nouns[len(words) - 1] = 1
    return tuple(words), nouns


def caption(scene: Scene) -> Caption:
    """The caption of a scene, its main object first.

    Near a diagonal ("left of" as true as "above") the larger distance still decides, but the caption is marked as not
    clear: such scenes, about one in nine of those with two objects, are neither taught nor tested.

    >>> from worlds.scenes import scene
    >>> str(caption(scene(1, objects=1)))
    'an orange star'
    >>> two = caption(scene(2, objects=2))
    >>> str(two), two.nouns
    ('a red cross above a purple star', {2: 0, 6: 1})
    """
    things = scene.things
    word, clear = relation(centre(things[0]), centre(things[1])) if len(things) == 2 else (None, True)
    words, nouns = phrase([(t.colour, t.shape) for t in things], word)
    return Caption(words, nouns, word, clear)


def encode(words: Sequence[str]) -> list[int]:
    """Tokens of a caption; a word that no caption has is the unknown one.

    >>> encode(["a", "mauve"]) == [1, len(VOCABULARY) - 1]
    True
    """
    return [WORDS.index(word) + 1 if word in WORDS else len(VOCABULARY) - 1 for word in words]


def decode(tokens: Sequence[int]) -> tuple[str, ...]:
    """Words up to the first end token.

    >>> decode([1, 3, 0, 5])
    ('a', 'of')
    """
    ends = [i for i, token in enumerate(tokens) if token == 0]
    return tuple(VOCABULARY[token] for token in tokens[: ends[0] if ends else None])
