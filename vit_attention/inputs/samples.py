"""Sample photographs: the five that ship inside scikit-image's wheel, so that they need no network."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


@dataclass(frozen=True)
class Sample:
    """One sample photograph; nothing is read from disk before `open`.

    Attributes:
        name: short key, fit for a link.
        title: a few words for a menu.
        description: what is to be seen, for people who cannot see it.
        credit: who made it.
        licence: under which terms, as scikit-image's documentation states them.
        file: where it lies.
    """

    name: str
    title: str
    description: str
    credit: str
    licence: str
    file: Path

    def open(self) -> Image.Image:
        """The photograph, decoded, in mode RGB."""
        with Image.open(self.file, formats=("PNG", "JPEG")) as image:
            return image.convert("RGB")


# name, file in skimage/data, title, description, credit, licence
_TABLE = (
    (
        "astronaut",
        "astronaut.png",
        "Astronaut",
        "A smiling woman in an orange space suit, beside a flag, a helmet and a model of a space shuttle.",
        "Photograph of Eileen Collins from NASA's Great Images collection",
        "no known copyright restrictions, released into the public domain",
    ),
    (
        "cat",
        "chelsea.png",
        "Cat",
        "The face of a tabby cat, seen from close by.",
        "Chelsea the cat, photographed by Stefan van der Walt",
        "CC0, no copyright restrictions",
    ),
    (
        "coffee",
        "coffee.png",
        "Coffee",
        "A half-empty cup of espresso on a red saucer with a spoon, on a wooden table, seen from above.",
        "Photographed by Rachel Michetti, courtesy of Pikolo Espresso Bar",
        "CC0, no copyright restrictions",
    ),
    (
        "rocket",
        "rocket.jpg",
        "Rocket",
        "A white rocket standing on its launch pad at dusk, between four masts, with bright lamps below.",
        "Falcon 9 with the DSCOVR satellite, photographed by SpaceX",
        "released into the public domain by SpaceX",
    ),
    (
        "motorcycle",
        "motorcycle_left.png",
        "Motorcycle",
        "A red motorcycle in a garage, before shelves full of boxes and tools.",
        "Left view of a pair in the Middlebury 2014 stereo benchmark (Scharstein et al., GCPR 2014), reduced",
        "scikit-image states no licence; the originals are at vision.middlebury.edu/stereo/data/scenes2014",
    ),
)


def samples() -> dict[str, Sample]:
    """The sample photographs that are really on this machine, by name; empty where scikit-image is missing.

    scikit-image's own loaders fetch whatever its wheel lacks; looking into its folder never uses the network.

    >>> list(samples())
    ['astronaut', 'cat', 'coffee', 'rocket', 'motorcycle']
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0]) / "data"
    found = (Sample(row[0], *row[2:], folder / row[1]) for row in _TABLE)
    return {sample.name: sample for sample in found if sample.file.is_file()}
