"""Sample photographs that ship inside scikit-image's wheel, so that they need no network, and the outlines of what they show.

Only those are listed whose licence allows derived pictures, as scikit-image's documentation states it.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worlds.outline_points import POINTS
from worlds.outlines import Outline, parsed


@dataclass(frozen=True)
class Photograph:
    """One sample photograph; nothing is read from disk before it is asked for.

    Attributes:
        name: short key, fit for a link.
        title: a few words for a menu.
        kind: what it shows: "object", "face", "animal", "scene" or, for textures without an object, "abstract".
        description: what is to be seen, for people who cannot see it.
        credit: who made it.
        licence: under which terms, as scikit-image's documentation states them.
        file: where it lies.
    """

    name: str
    title: str
    kind: str
    description: str
    credit: str
    licence: str
    file: Path

    def open(self) -> Image.Image:
        """The photograph, decoded, in mode RGB."""
        with Image.open(self.file, formats=("PNG", "JPEG")) as image:
            return image.convert("RGB")

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        with Image.open(self.file, formats=("PNG", "JPEG")) as image:
            return image.size

    @property
    def picture(self) -> Image.Image:
        """The same as `open`, as drawn pictures call it."""
        return self.open()

    @cached_property
    def outlines(self) -> Mapping[str, Outline]:
        """Outlines drawn by hand, by the names of what they surround, the main object first; {} if there are none."""
        return {
            name: Outline(name, tuple(map(parsed, lines.inside)), tuple(map(parsed, lines.holes)), self.size)
            for name, lines in POINTS.get(self.name, {}).items()
        }

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """(height, width) booleans of the main object; None if nothing is outlined."""
        return next((outline.mask() for outline in self.outlines.values()), None)


_CC0, _PUBLIC = "CC0, no copyright restrictions", "released into the public domain"

# name, file in skimage/data, title, kind, description, credit, licence
_TABLE = (
    (
        "astronaut",
        "astronaut.png",
        "Astronaut",
        "face",
        "A smiling woman in an orange space suit, beside a flag, a helmet and a model of a space shuttle.",
        "Photograph of Eileen Collins from NASA's Great Images collection",
        "no known copyright restrictions, released into the public domain",
    ),
    (
        "cat",
        "chelsea.png",
        "Cat",
        "animal",
        "The face of a tabby cat, seen from close by.",
        "Chelsea the cat, photographed by Stefan van der Walt",
        _CC0,
    ),
    (
        "coffee",
        "coffee.png",
        "Coffee",
        "object",
        "A half-empty cup of espresso on a red saucer with a spoon, on a wooden table, seen from above.",
        "Photographed by Rachel Michetti, courtesy of Pikolo Espresso Bar",
        _CC0,
    ),
    (
        "rocket",
        "rocket.jpg",
        "Rocket",
        "scene",
        "A white rocket standing on its launch pad at dusk, between four masts, with bright lamps below.",
        "Falcon 9 with the DSCOVR satellite, photographed by SpaceX",
        "released into the public domain by SpaceX",
    ),
    (
        "camera",
        "camera.png",
        "Camera",
        "scene",
        "A man in a dark coat looks through a camera on a tripod, on a meadow before low buildings; black and white.",
        "Photographed by Lav Varshney",
        _CC0,
    ),
    (
        "coins",
        "coins.png",
        "Coins",
        "object",
        "Twenty-four old coins in four rows on a dark ground; black and white.",
        "Greek coins from Pompeii, from the Brooklyn Museum Collection",
        "no known copyright restrictions",
    ),
    (
        "clock",
        "clock_motion.png",
        "Clock",
        "object",
        "A round wall clock, blurred sideways by a moving camera; black and white.",
        "Photographed by Stefan van der Walt",
        _PUBLIC,
    ),
    (
        "galaxies",
        "hubble_deep_field.jpg",
        "Galaxies",
        "scene",
        "Hundreds of small bright galaxies of many colours on a black sky.",
        "Hubble eXtreme Deep Field, captured by NASA",
        "may be used freely, in the public domain",
    ),
    (
        "brick",
        "brick.png",
        "Brick",
        "abstract",
        "Part of a brick wall, filling the picture; black and white.",
        "From CC0Textures (Bricks25)",
        _CC0,
    ),
    (
        "grass",
        "grass.png",
        "Grass",
        "abstract",
        "Blades of grass seen from above, filling the picture; black and white.",
        "Grass 01 by linolafett, DeviantArt",
        _CC0,
    ),
    (
        "gravel",
        "gravel.png",
        "Gravel",
        "abstract",
        "Small stones seen from above, filling the picture; black and white.",
        "From CC0Textures (Gravel04)",
        _CC0,
    ),
)
NAMES = tuple(row[0] for row in _TABLE)
"""Names of all photographs, also of those that are not on this machine."""


@cache
def photographs() -> Mapping[str, Photograph]:
    """The sample photographs that are really on this machine, by name; empty where scikit-image is missing.

    scikit-image's own loaders fetch whatever its wheel lacks; looking into its folder never uses the network.

    >>> list(photographs())[:5]
    ['astronaut', 'cat', 'coffee', 'rocket', 'camera']
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        return MappingProxyType({})
    folder = Path(spec.submodule_search_locations[0]) / "data"
    found = (Photograph(row[0], *row[2:], folder / row[1]) for row in _TABLE)
    return MappingProxyType({one.name: one for one in found if one.file.is_file()})


def photograph(name: str) -> Photograph:
    """One photograph by its name.

    Raises:
        ValueError: no photograph of this name is on this machine.

    >>> photograph("coffee").outlines["cup"].mask().shape
    (400, 600)
    """
    known = photographs()
    if name not in known:
        got = f"{name!r}" + ", and scikit-image, which brings them, is not installed" * (not known)
        raise ValueError(f"photograph: want one of {', '.join(NAMES)}, got {got}")
    return known[name]
