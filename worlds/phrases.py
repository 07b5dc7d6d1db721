"""What the objects of scenes are called, "red ring": the texts that a dual encoder is asked about."""

from worlds.scenes import Thing
from worlds.shapes import COLOURS, NAMES


def phrase(thing: Thing) -> str:
    """Colour and shape of an object; it is right only if both words are.

    >>> from worlds.scenes import scene
    >>> [phrase(thing) for thing in scene(2, objects=2).things]
    ['red cross', 'purple star']
    """
    return f"{thing.colour} {thing.shape}"


def phrases() -> tuple[str, ...]:
    """All 96 phrases: every shape of `worlds.shapes.NAMES` in every colour of `COLOURS`, shape by shape.

    >>> phrases()[:2], phrases()[-1], len(set(phrases()))
    (('red circle', 'orange circle'), 'pink bolt', 96)
    """
    return tuple(f"{colour} {shape}" for shape in NAMES for colour in COLOURS)
