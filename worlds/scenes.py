"""Seeded scenes: textured ground, clutter, one or two named shapes, sometimes partly hidden; every mask known."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from worlds.shapes import COLOURS, NAMES
from worlds.shapes import SHAPES as SHAPES  # other packages take it from here
from worlds.textures import crop

SIDE = 224
"""Width and height of a scene in pixels."""

_SUPERSAMPLE = 3
_MAX_TILT = 30.0


@dataclass(frozen=True, eq=False)
class Thing:
    """One named object of a scene.

    Attributes:
        shape: its class, one of `worlds.shapes.NAMES`.
        colour: its colour word, one of `worlds.shapes.COLOURS`.
        mask: (224, 224) bool, the pixels of it that can be seen.
        box: (left, top, right, bottom) of the mask in pixels, right and bottom exclusive.
        visible: share of its own area that nothing hides, 0 to 1.
    """

    shape: str
    colour: str
    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    visible: float


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and its truth; `things[0]` is the main object, the largest.

    Attributes:
        pixels: (224, 224, 3) uint8 RGB.
        things: the named objects, none of the same shape twice.
        seed: the seed that makes this scene again.
        difficulty: 0 (plain ground, no clutter) to 1.
    """

    pixels: NDArray[np.uint8]
    things: tuple[Thing, ...]
    seed: int
    difficulty: float

    @property
    def picture(self) -> Image.Image:
        """The scene as an RGB picture."""
        return Image.fromarray(self.pixels)

    def thing(self, shape: str) -> Thing:
        """The object of class `shape`; raises KeyError, naming what is there, if there is none."""
        for thing in self.things:
            if thing.shape == shape:
                return thing
        raise KeyError(f"want one of {[thing.shape for thing in self.things]}, got {shape!r}")

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(224, 224) bool, the pixels of any named object."""
        return np.asarray(np.logical_or.reduce([thing.mask for thing in self.things]))


def coverage(mask: NDArray[Any], grid: tuple[int, int] = (14, 14)) -> NDArray[np.float32]:
    """Share of each patch that `mask` covers, (rows, columns), 0 to 1.

    >>> coverage(np.eye(4), (2, 2))
    array([[0.5, 0. ],
           [0. , 0.5]], dtype=float32)
    """
    rows, columns = grid
    height, width = mask.shape
    if height % rows or width % columns:
        raise ValueError(f"want a mask that {rows} x {columns} patches tile, got {height} x {width} pixels")
    tiles = mask.reshape(rows, height // rows, columns, width // columns)
    return np.asarray(tiles.mean(axis=(1, 3), dtype=np.float32))


def _stamp(outline: NDArray[Any], radius: float) -> NDArray[np.floating]:
    """Antialiased coverage of an outline scaled to `radius` pixels, in its own square window."""
    half = int(np.ceil(radius * np.hypot(*outline.T).max())) + 1
    side = 2 * half * _SUPERSAMPLE
    canvas = Image.new("L", (side, side))
    ImageDraw.Draw(canvas).polygon(((outline * radius + half) * _SUPERSAMPLE).ravel().tolist(), fill=255)
    return np.asarray(canvas.reduce(_SUPERSAMPLE), dtype=np.float32) / 255


def _turned(rng: np.random.Generator, outline: NDArray[Any], tilt: float) -> NDArray[Any]:
    angle = np.radians(rng.uniform(-tilt, tilt))
    cos, sin = np.cos(angle), np.sin(angle)
    mirrored = outline * (rng.choice((-1.0, 1.0)), 1.0)
    return np.asarray(mirrored @ np.array([[cos, sin], [-sin, cos]]))


def _blob(rng: np.random.Generator) -> NDArray[Any]:
    """A ragged outline or a bar: clutter that is none of the named shapes."""
    if rng.random() < 0.35:
        half = rng.uniform(0.1, 0.22)
        return np.array([(-1, -half), (1, -half), (1, half), (-1, half)])
    corners = int(rng.integers(6, 10))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = rng.uniform(0.35, 1.0, corners)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)


def _muted(rng: np.random.Generator) -> NDArray[np.float32]:
    grey = rng.uniform(30, 225)
    return np.clip(grey + rng.uniform(-38, 38, 3), 0, 255).astype(np.float32)


def _paint(
    pixels: NDArray[Any], stamp: NDArray[Any], centre: NDArray[Any], fill: NDArray[Any]
) -> tuple[slice, slice, NDArray[Any]]:
    """Blend `fill` into float `pixels` through `stamp`; returns the window touched and the stamp inside the picture."""
    side = stamp.shape[0]
    top, left = (round(float(c)) - side // 2 for c in (centre[1], centre[0]))
    rows, columns = slice(max(top, 0), min(top + side, SIDE)), slice(max(left, 0), min(left + side, SIDE))
    part = stamp[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    window = pixels[rows, columns]
    shade = fill[..., : part.shape[0], : part.shape[1], :] if fill.ndim == 3 else fill
    window += part[..., None] * (shade - window)
    return rows, columns, part


def _ground(rng: np.random.Generator, difficulty: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    first = _muted(rng)
    second = first + (_muted(rng) - first) * (0.15 + 0.6 * difficulty * rng.random())
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    table = first + ramp * (second - first)
    return table[crop(rng, SIDE)], (first + second) / 2


def _clutter(rng: np.random.Generator, pixels: NDArray[Any], difficulty: float) -> None:
    for _ in range(int(rng.integers(round(2 * difficulty), round(10 * difficulty) + 1))):
        stamp = _stamp(_turned(rng, _blob(rng), 180), rng.uniform(8, 34))
        _paint(pixels, stamp, rng.uniform(0, SIDE, 2), _muted(rng))


def _places(rng: np.random.Generator, radii: NDArray[Any]) -> NDArray[Any]:
    """Centres inside the picture, objects apart from one another."""
    while True:
        centres = np.stack([rng.uniform(r + 2, SIDE - r - 2, 2) for r in radii])
        if len(radii) == 1 or np.hypot(*(centres[0] - centres[1])) > radii.sum() + 6:
            return centres


def _colour_names(rng: np.random.Generator, ground: NDArray[Any], count: int) -> list[str]:
    """Colour words that stand out from the ground, no word twice."""
    names = [n for n, rgb in COLOURS.items() if np.abs(np.array(rgb) - ground).sum() > 120]
    return [str(n) for n in rng.permutation(names)[:count]]


def scene(seed: int, difficulty: float = 0.5, objects: int | None = None) -> Scene:
    """The scene of this seed, the same on every machine.

    Args:
        seed: any non-negative integer.
        difficulty: 0 to 1; more clutter, hiding, ground texture and smaller objects. Models are trained at 0.5.
        objects: 1 or 2 named objects; None draws one (65 %) or two (35 %).

    Raises:
        ValueError: difficulty outside 0 to 1, or another number of objects.

    >>> one = scene(7)
    >>> one.pixels.shape, one.things[0].mask.dtype
    ((224, 224, 3), dtype('bool'))
    """
    if not 0 <= difficulty <= 1:
        raise ValueError(f"difficulty: want 0 to 1, got {difficulty}")
    if objects not in (None, 1, 2):
        raise ValueError(f"objects: want 1, 2 or None, got {objects}")
    rng = np.random.default_rng(seed)
    count = objects or (2 if rng.random() < 0.35 else 1)
    pixels, ground = _ground(rng, difficulty)
    _clutter(rng, pixels, difficulty)
    radii = np.sort(rng.uniform(24 - 12 * difficulty, 42, count))[::-1]
    owner = np.zeros((SIDE, SIDE), np.uint8)  # 0 ground, k thing k - 1, 255 hidden
    whole = np.zeros(count)
    shapes = [NAMES[i] for i in rng.permutation(len(NAMES))[:count]]
    colours = _colour_names(rng, ground, count)
    for k, centre in enumerate(_places(rng, radii)):
        whole[k] = _draw_thing(rng, pixels, owner, (k + 1, shapes[k], colours[k]), centre, float(radii[k]))
        if rng.random() < 0.7 * difficulty:
            _hide(rng, pixels, owner, centre, float(radii[k]))
    _add_noise(rng, pixels, difficulty)
    things = tuple(_thing(owner == k + 1, shapes[k], colours[k], whole[k]) for k in range(count))
    return Scene(np.clip(pixels, 0, 255).astype(np.uint8), things, int(seed), float(difficulty))


def _draw_thing(
    rng: np.random.Generator,
    pixels: NDArray[Any],
    owner: NDArray[Any],
    what: tuple[int, str, str],
    centre: NDArray[Any],
    radius: float,
) -> float:
    """Paint one object with a slightly uneven fill; returns its whole area in pixels."""
    number, shape, colour = what
    stamp = _stamp(_turned(rng, SHAPES[shape], _MAX_TILT), radius)
    grain = crop(rng, stamp.shape[0])[..., None].astype(np.float32) / 255 - 0.5
    fill = np.array(COLOURS[colour], np.float32) + rng.uniform(-16, 16, 3).astype(np.float32) + 30 * grain
    rows, columns, part = _paint(pixels, stamp, centre, fill)
    owner[rows, columns][part > 0.5] = number
    return float((stamp > 0.5).sum())


def draw_one(rng: np.random.Generator, pixels: NDArray[Any], ground: NDArray[Any]) -> NDArray[np.bool_]:
    """Paint one random object that stands out from the colour `ground` on float (224, 224, 3) `pixels`; returns its mask."""
    owner, radius = np.zeros((SIDE, SIDE), np.uint8), float(rng.uniform(24, 42))
    colour = _colour_names(rng, ground, 1)[0]
    what = (1, NAMES[int(rng.integers(len(NAMES)))], colour)
    _draw_thing(rng, pixels, owner, what, _places(rng, np.array([radius]))[0], radius)
    return np.asarray(owner == 1)


def _hide(
    rng: np.random.Generator, pixels: NDArray[Any], owner: NDArray[Any], centre: NDArray[Any], radius: float
) -> None:
    """Lay a piece of clutter over the rim of an object: it hides part of it, never the middle."""
    reach = radius * rng.uniform(0.35, 0.6)
    angle = rng.uniform(0, 2 * np.pi)
    place = centre + 0.85 * radius * np.array([np.cos(angle), np.sin(angle)])
    rows, columns, part = _paint(pixels, _stamp(_turned(rng, _blob(rng), 180), reach), place, _muted(rng))
    window = owner[rows, columns]
    window[(part > 0.5) & (window > 0)] = 255


def _add_noise(rng: np.random.Generator, pixels: NDArray[Any], difficulty: float) -> None:
    grain = crop(rng, SIDE)[..., None].astype(np.float32) - 128
    pixels += grain * (rng.uniform(0, 0.16) * difficulty)
    pixels += rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32) * np.float32(rng.uniform(0, 12) * difficulty)


def _thing(mask: NDArray[np.bool_], shape: str, colour: str, whole: float) -> Thing:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Thing(shape, colour, mask, box, min(1.0, float(mask.sum()) / max(whole, 1.0)))


def scenes(count: int, seed: int = 0, difficulty: float = 0.5, objects: int | None = None) -> Iterator[Scene]:
    """`count` scenes of seeds `seed`, `seed + 1`, ..., one at a time."""
    for offset in range(count):
        yield scene(seed + offset, difficulty, objects)
