"""One picture of a survey: what it is called, where it comes from, and where its object is, if somebody knows."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.gate import GateError, shown
from vit_attention.gate.outlines import outline_mask
from vit_attention.gate.pictures import open_encoded
from worlds.naming import parse


@dataclass(frozen=True, eq=False)
class Item:
    """One picture before it is opened.

    Attributes:
        name: the only one of its shard that is called so.
        given: what `open_picture` takes.
        mask: an encoded picture, a Pillow image or an array; None without one.
        boxes: (left, top, right, bottom) in pixels of the picture, one or several; None without any.
    """

    name: str
    given: Any
    mask: Any = None
    boxes: Any = None

    def __post_init__(self) -> None:
        # A file's name in no encoding comes with signs that neither JSON nor Parquet holds.
        object.__setattr__(self, "name", self.name.encode("utf-8", "backslashreplace").decode("utf-8"))

    def opened(self) -> tuple[Any, Any]:
        """The picture, and its mask if there is one: of a drawn picture and a sample photograph the one that is known.

        Raises:
            OSError, ValueError: it cannot be read.
        """
        if isinstance(self.given, str) and not os.path.lexists(self.given):
            drawn = parse(self.given)
            made = None if drawn is None else drawn.draw()
            picture = getattr(made, "picture", None)  # a review has none
            if picture is not None:
                return picture, getattr(made, "mask", None)
        return self.given if not isinstance(self.given, str) else Path(self.given), self.mask

    def truth(self, mask: Any, size: tuple[int, int]) -> Any:
        """The mask of a picture of (width, height) pixels, as `visualizer.covered` takes it; None if nobody knows it.

        Raises:
            ValueError: a mask or a box that cannot be used.
        """
        if mask is None:
            return None if self.boxes is None else _filled(self.boxes, size)
        found = open_encoded(bytes(mask), "mask").image if isinstance(mask, (bytes, bytearray, memoryview)) else mask
        if isinstance(found, (str, os.PathLike)):
            return found
        return found if np.asarray(found).any() else None  # a picture without the object


def _filled(boxes: Any, size: tuple[int, int]) -> NDArray[np.bool_] | None:
    try:
        found = np.asarray(boxes, np.float64)
    except (TypeError, ValueError) as error:
        raise GateError("box", "four numbers, or several times four", shown(boxes)) from error
    if not found.size:
        return None
    if found.size % 4:
        raise GateError("box", "left, top, right and bottom in pixels", shown(boxes))
    each = [outline_mask(tuple(one), size) for one in found.reshape(-1, 4).tolist()]
    return np.asarray(np.logical_or.reduce(each))


class Source(Protocol):
    """Pictures in numbered shards, each of which can be read alone, on any machine that sees the same files.

    Attributes:
        text: what was given, in words.
        size: pictures of a shard; None where the files say.
        shards: how many there are.
        digest: changes when other pictures, or another order of them, would be read.
    """

    @property
    def text(self) -> str: ...
    @property
    def size(self) -> int | None: ...
    @property
    def shards(self) -> int: ...
    @property
    def digest(self) -> str: ...

    def count(self, shard: int) -> int | None:
        """Pictures of a shard; None if that is known only when it is read."""

    def items(self, shard: int) -> Iterator[Item]:
        """The pictures of a shard, none of which is decoded yet.

        Raises:
            GateError: the shard itself cannot be read.
        """


def order(count: int, shuffle: int | None, first: int | None) -> Sequence[int]:
    """Numbers of the entries that are read, in their order.

    >>> order(5, None, 3), order(3, 0, None)
    (range(0, 3), array([2, 0, 1]))
    """
    if shuffle is None:
        return range(count)[:first]
    # An array: a list would take ten times as much.
    found: Any = np.random.default_rng(shuffle).permutation(count)[:first]
    return found  # type: ignore[no-any-return]


def known(source: Source) -> int | None:
    """Pictures of all shards; None if a shard must be read to know its own."""
    counts = [source.count(shard) for shard in range(source.shards)]
    return None if None in counts else sum(one for one in counts if one is not None)


def thumbnail_of(item: Item) -> Image.Image:
    """The picture of an item, for somebody to look at; raises what opening it raises."""
    from vit_attention.inputs.pictures import open_picture

    return open_picture(item.opened()[0]).image
