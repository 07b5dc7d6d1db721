"""Pictures whose patches are covered, blurred, shuffled, exchanged, rotated, moved or pasted; and pictures with noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vit_attention.gate import GateError, shown
from vit_attention.records.geometry import Geometry

Place = tuple[slice, slice]
"""Rows and columns of pixels."""

WAYS: Mapping[str, str] = MappingProxyType(
    {
        "mean": "filled with the mean colour of the picture",
        "grey": "filled with middle grey, (128, 128, 128)",
        "black": "filled with black",
        "blur": "blurred, with a standard deviation of half a patch",
        "shuffle": "the pixels of each patch in random order",
        "exchange": "the patches in one another's places, at random; none stays where it was",
        "rotate": "each patch turned in its place, by quarter turns counter-clockwise",
        "move": "pasted elsewhere; where they were is the mean colour of the picture",
        "paste": "filled from another picture, at the same place",
    }
)
"""What can be done to patches, by name, in words."""


def edited(
    image: Image.Image,
    geometry: Geometry | None,
    grid: tuple[int, int],
    patches: Sequence[int],
    way: str = "mean",
    *,
    seed: int = 0,
    quarters: int = 2,
    shift: tuple[int, int] = (0, 0),
    other: Image.Image | None = None,
) -> Image.Image:
    """A copy of the picture in which the chosen patches are changed and every other pixel is as it was.

    Covering follows Zeiler & Fergus 2014 (arXiv:1311.2901, section 4.2); a fill that lies far from all pictures changes the
    answer by itself (Sturmfels et al. 2020, doi:10.23915/distill.00022).

    Args:
        image: the picture as it is given to the model.
        geometry: from the picture to the model's input, as the record has it; None means that the model sees the whole picture.
        grid: (rows, columns) of patches that tile the model's input.
        patches: their numbers, 0 first, in the model's reading order, special tokens not counted.
        way: one of `WAYS`.
        seed: of the random orders of "shuffle" and "exchange".
        quarters: quarter turns of "rotate", counter-clockwise. A patch that isn't square in pixels of the picture is resized.
        shift: patches (down, right) by which "move" pastes; what would leave the grid is left out.
        other: picture that "paste" takes its pixels from, resized to this one.

    Returns:
        An RGB picture of the same size. The one that was given is not changed.

    Raises:
        GateError: an unknown way, a number of no patch, or "paste" without another picture.

    >>> halves = Image.fromarray(np.uint8([[[0] * 3, [90] * 3]]))
    >>> np.array(edited(halves, None, (1, 2), [1]))[0, :, 0].tolist()
    [0, 45]
    >>> np.array(edited(halves, None, (1, 2), [0, 1], "exchange"))[0, :, 0].tolist()
    [90, 0]
    """
    if way not in WAYS:
        raise GateError("way", f"one of {', '.join(WAYS)}", shown(way))
    count = grid[0] * grid[1]
    chosen = sorted({_number(one, count) for one in patches})
    work = _Work(image, geometry, grid, chosen, seed, quarters, shift, other)
    _DO[way](work)
    return Image.fromarray(work.pixels)


def _number(patch: Any, count: int) -> int:
    if isinstance(patch, bool) or not isinstance(patch, (int, np.integer)) or not 0 <= patch < count:
        raise GateError("patches", f"numbers from 0 to {count - 1}", shown(patch))
    return int(patch)


def grey_out(image: Image.Image, geometry: Geometry, grid: tuple[int, int], patches: Sequence[int]) -> Image.Image:
    """The picture with these patches (0 first, in the model's reading order) filled with the picture's mean colour."""
    return edited(image, geometry, grid, patches)


def painted_over(image: Image.Image, geometry: Geometry | None, grid: tuple[int, int], patch: int) -> Image.Image:
    """The picture with one patch (0 first, special tokens not counted) painted black, or white if it is dark."""
    pixels = np.array(image.convert("RGB"))
    for place in _places(image, geometry, grid, [patch]):
        pixels[place] = 0 if pixels[place].mean() > 127.5 else 255
    return Image.fromarray(pixels)


@dataclass
class _Work:
    """A picture being edited; `pixels` is a copy of its own."""

    image: Image.Image
    geometry: Geometry | None
    grid: tuple[int, int]
    patches: Sequence[int]
    seed: int
    quarters: int
    shift: tuple[int, int]
    other: Image.Image | None

    def __post_init__(self) -> None:
        self.pixels: NDArray[np.uint8] = np.array(self.image.convert("RGB"))
        self.places = self.at(self.patches)

    def at(self, patches: Sequence[int]) -> list[Place]:
        return _places(self.image, self.geometry, self.grid, patches)

    @property
    def mean(self) -> NDArray[np.uint8]:
        """The mean colour of the picture as it was given."""
        mean: NDArray[np.uint8] = np.array(self.image.convert("RGB")).mean(axis=(0, 1)).round().astype(np.uint8)
        return mean

    def fill(self, colour: Any) -> None:
        for place in self.places:
            self.pixels[place] = colour

    def take(self, source: Image.Image) -> None:
        """The same places of a picture of this size."""
        pixels = np.array(source)
        for place in self.places:
            self.pixels[place] = pixels[place]

    def put(self, place: Place, piece: NDArray[np.uint8]) -> None:
        """A piece in a place of about its size."""
        room = self.pixels[place].shape[:2]
        if min(room) and piece.shape[:2] != room:
            piece = np.array(Image.fromarray(piece).resize(room[::-1], Image.Resampling.NEAREST))
        self.pixels[place] = piece if min(room) else self.pixels[place]


def _blur(work: _Work) -> None:
    high, wide = (
        np.mean([each[n].stop - each[n].start for each in work.places or [(slice(0, 0),) * 2]]) for n in (0, 1)
    )
    work.take(work.image.convert("RGB").filter(ImageFilter.GaussianBlur((wide / 2, high / 2))))


def _shuffle(work: _Work) -> None:
    rng = np.random.default_rng(work.seed)
    for place in work.places:
        piece = work.pixels[place]
        work.pixels[place] = rng.permutation(piece.reshape(-1, 3)).reshape(piece.shape)


def _exchange(work: _Work) -> None:
    places = [place for place in work.places if work.pixels[place].size]
    pieces, order = (
        [work.pixels[place].copy() for place in places],
        np.random.default_rng(work.seed).permutation(len(places)),
    )
    for to, source in zip(order, np.roll(order, 1), strict=True):  # one cycle through all of them
        work.put(places[to], pieces[source])


def _rotate(work: _Work) -> None:
    for place in work.places:
        work.put(place, np.rot90(work.pixels[place], work.quarters).copy())


def _move(work: _Work) -> None:
    pieces = [work.pixels[place].copy() for place in work.places]
    work.fill(work.mean)
    for patch, piece in zip(work.patches, pieces, strict=True):
        row, column = patch // work.grid[1] + work.shift[0], patch % work.grid[1] + work.shift[1]
        if 0 <= row < work.grid[0] and 0 <= column < work.grid[1] and piece.size:
            work.put(work.at([row * work.grid[1] + column])[0], piece)


def _paste(work: _Work) -> None:
    if work.other is None:
        raise GateError("other", "a picture to paste from", "none")
    work.take(work.other.convert("RGB").resize(work.image.size))


_DO: dict[str, Callable[[_Work], None]] = {
    "mean": lambda work: work.fill(work.mean),
    "grey": lambda work: work.fill(128),
    "black": lambda work: work.fill(0),
    "blur": _blur,
    "shuffle": _shuffle,
    "exchange": _exchange,
    "rotate": _rotate,
    "move": _move,
    "paste": _paste,
}


def _places(
    image: Image.Image, geometry: Geometry | None, grid: tuple[int, int], patches: Sequence[int]
) -> list[Place]:
    """Rows and columns of pixels of the original that each patch covers."""
    where = Geometry.of(*image.size) if geometry is None else geometry
    boxes = where.boxes_to_original(where.cells(grid)[list(patches)]).round().astype(int).clip(0)
    return [(slice(top, bottom), slice(left, right)) for left, top, right, bottom in boxes.tolist()]

    high, wide = geometry.seen[1] / grid[0], geometry.seen[0] / grid[1]
    corners = [(p % grid[1] * wide, p // grid[1] * high) for p in patches]
    boxes = geometry.boxes_to_original([[x, y, x + wide, y + high] for x, y in corners]).round().astype(int).clip(0)
    return [(slice(top, bottom), slice(left, right)) for left, top, right, bottom in boxes]


def noisy(image: Image.Image, deviation: float, seed: int) -> Image.Image:
    """The picture with normal noise on every channel of every pixel, rounded and cut to 0 to 255.

    Args:
        image: any.
        deviation: standard deviation in grey levels, of which there are 256.
        seed: of the random numbers.

    >>> noisy(Image.new("RGB", (1, 1), "gray"), 0, 1).getpixel((0, 0))
    (128, 128, 128)
    """
    pixels = np.array(image.convert("RGB"), np.float64)
    noise = np.random.default_rng(seed).normal(0, deviation, pixels.shape)
    return Image.fromarray((pixels + noise).round().clip(0, 255).astype(np.uint8))
