"""From an upright picture or page to a model's pixels by the library's own image processor, with the geometry of every step."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from vit_attention import compat  # noqa: F401  (compat goes before transformers)
from vit_attention.gate.limits import LIMITS
from vit_attention.gate.preprocessor import PAGES, PLAIN, read
from vit_attention.gate.refusal import GateError
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.preprocess import covering
from vit_attention.records.geometry import Geometry

_PILLOW_ALONE = (Image.Resampling.BOX, Image.Resampling.HAMMING)
"""Filters that the library's processors on torchvision lack; it has each of them on Pillow as well."""

_STEPS = [
    "do_align_long_axis",
    "do_resize",
    "size",
    "do_thumbnail",
    "do_center_crop",
    "crop_size",
    "do_pad",
    "pad_size",
]


@dataclass(frozen=True)
class Processor:
    """An image processor of the transformers library, and where its pixels lie on the picture.

    Attributes:
        library: the library's object, made from checked settings.
        channels: 1 for a model of grey pictures, else 3.
        notes: what a folder left open, in sentences; they go into every record.
    """

    library: Any
    channels: int = 3
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path, family: str, native: tuple[int, int], channels: int = 3) -> "Processor":
        """The processor that a model folder describes.

        Args:
            folder: the folder.
            family: its model_type.
            native: (height, width) of the model's input, taken where the folder names no size.
            channels: what the model takes.

        Raises:
            GateError: settings that the gate refuses, or sizes that take too much memory.
        """
        name, given, found = read(folder, family, PAGES if family in PAGES else PLAIN)
        said, notes = given.settings(), list(found)
        kind = _kind(name, said.get("resample"))
        _own_sizes(said, kind, native, notes)
        for key in ("image_mean", "image_std"):
            said[key] = _for_channels(said.get(key, getattr(kind, key)), channels, key, notes)
        made = cls(kind(**said), channels, tuple(notes))
        made._check()
        return made

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) that both sides are resized to, of a processor of pages."""
        return int(self.library.size.height), int(self.library.size.width)

    @property
    def mean(self) -> tuple[float, ...]:
        """What is taken from every channel, of values 0 to 1."""
        return tuple(self.library.image_mean)

    @property
    def std(self) -> tuple[float, ...]:
        """What every channel is divided by."""
        return tuple(self.library.image_std)

    def prepare(self, picture: Image.Image, size: tuple[int, int] | None = None) -> Input:
        """The picture as the model takes it.

        Args:
            picture: upright, RGB.
            size: (height, width) in place of the folder's own; where it cuts the middle out, in the same proportion.

        Raises:
            GateError: a picture that would take too much memory on its way, or does not come out as the folder says.
        """
        changed = {} if size is None else self._sized(picture, size)
        geometry = self._geometry(picture, changed)
        grey = picture.convert("L") if self.channels == 1 else picture
        pixels = self.library(grey, return_tensors="pt", do_convert_rgb=False, **changed)["pixel_values"].float()
        height, width = pixels.shape[-2:]
        if (width, height) != geometry.seen:
            got = f"{width} x {height} from {type(self.library).__name__}"
            raise GateError("picture", f"{geometry.seen[0]} x {geometry.seen[1]} pixels", got)
        return Input(pixels, geometry, notes=self.notes)

    def _sized(self, picture: Image.Image, size: tuple[int, int]) -> dict[str, Any]:
        """The library's settings for another size: resized both sides, or more than that and the middle cut out."""
        own, both = self.library, {"height": size[0], "width": size[1]}
        plain = {"do_resize": True, "size": both, "do_center_crop": False, "do_pad": False}
        if not (
            getattr(own, "do_center_crop", False) and own.do_resize and (own.size.shortest_edge or own.size.height)
        ):
            return plain
        high, wide = own.size.shortest_edge or own.size.height, own.size.shortest_edge or own.size.width
        box = (size[0] * high / own.crop_size.height, size[1] * wide / own.crop_size.width)
        across, down = covering(picture.size, box) if own.size.shortest_edge else (round(box[1]), round(box[0]))
        return {**plain, "size": {"height": down, "width": across}, "do_center_crop": True, "crop_size": both}

    def _geometry(self, picture: Image.Image, changed: dict[str, Any]) -> Geometry:
        start = Geometry.of(*picture.size)
        said = {name: getattr(self.library, name, None) for name in _STEPS}
        given = {name: _box(**one) if isinstance(one, dict) else one for name, one in changed.items()}
        steps = SimpleNamespace(**{**said, **given})
        if type(self.library).__name__.startswith("Donut"):
            return _bounded(_cropped(_page(start, steps), steps, self.library.backend))
        found = _resized(start, steps.size) if steps.do_resize else start
        return _bounded(_padded(_cropped(found, steps, self.library.backend), steps, self.library))

    def _check(self) -> None:
        """Refuse fixed sizes beyond memory before any picture comes."""
        for name in ("size", "crop_size", "pad_size"):
            found = getattr(self.library, name, None)
            if found is not None and found.height and found.width:
                LIMITS["input pixels"].check(found.height * found.width, "preprocessor_config.json", name)
        if type(self.library).__name__.startswith("Donut") and not (
            self.library.size.height and self.library.size.width
        ):
            raise GateError("preprocessor_config.json", "height and width", "others", field="size")


def _kind(name: str, resample: int | None) -> Any:
    """The library's class of this name; which backend computes it, the library chooses wherever both can."""
    import transformers

    return getattr(transformers, f"{name}Pil" if resample in _PILLOW_ALONE else name)


def _own_sizes(said: dict[str, Any], kind: Any, native: tuple[int, int], notes: list[str]) -> None:
    """The library's defaults fit its largest models: where a folder leaves a size open, the model's own is taken."""
    own = {"height": native[0], "width": native[1]}
    if "size" not in said and "crop_size" not in said:
        said |= {"size": own, "do_center_crop": False}
        notes.append(
            f"No size is stated for pictures, so both sides become the model's: {native[0]} x {native[1]} pixels."
        )
    elif said.get("do_center_crop", getattr(kind, "do_center_crop", False)) and "crop_size" not in said:
        said["crop_size"] = own
        if own != getattr(kind, "crop_size", own):
            notes.append(
                f"No crop_size is stated, so the middle of the model's size is cut out: {native[0]} x {native[1]}."
            )


def _for_channels(value: Any, channels: int, key: str, notes: list[str]) -> tuple[float, ...]:
    """A number for each channel; a model of grey pictures takes the mean of three."""
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if channels == 1 and len(set(numbers)) > 1:
        notes.append(f"{key} has three numbers for a model of one channel: their mean was taken.")
    return (sum(numbers) / len(numbers),) if channels == 1 else numbers * (channels // len(numbers))


def _box(height: int, width: int) -> SimpleNamespace:
    """A size of both sides, as the library holds one."""
    return SimpleNamespace(height=height, width=width, shortest_edge=None, longest_edge=None, max_height=None)


def _bounded(found: Geometry) -> Geometry:
    LIMITS["input pixels"].check(
        found.seen[0] * found.seen[1], "picture", advice="Cut the picture, or give it another shape."
    )
    return found


def _resized(found: Geometry, size: Any) -> Geometry:
    """After the library's `resize`; its own functions say to what."""
    from transformers.image_transforms import get_resize_output_image_size, get_size_with_aspect_ratio
    from transformers.image_utils import get_image_size_for_max_height_width

    shape = found.seen[::-1]
    if size.shortest_edge and size.longest_edge:
        height, width = get_size_with_aspect_ratio(shape, size.shortest_edge, size.longest_edge)
    elif size.shortest_edge:
        blank = np.broadcast_to(np.uint8(0), (3, *shape))
        height, width = get_resize_output_image_size(
            blank, size.shortest_edge, False, input_data_format="channels_first"
        )
    elif size.max_height:
        height, width = get_image_size_for_max_height_width(shape, size.max_height, size.max_width)
    else:
        height, width = size.height, size.width
    LIMITS["resized pixels"].check(height * width, "picture", advice="Cut the picture, or give it another shape.")
    return found.resize(int(width), int(height))


def _cropped(found: Geometry, steps: Any, backend: str) -> Geometry:
    """After the library's `center_crop`, which pads a picture that is smaller; on Pillow an odd pixel goes to the other side."""
    if not steps.do_center_crop:
        return found
    sides = (steps.crop_size.width, steps.crop_size.height)
    up = 1 if backend == "pil" else 0
    left, top = (
        -((crop - side + up) // 2) if crop > side else (side - crop) // 2
        for crop, side in zip(sides, found.seen, strict=True)
    )
    return found.crop(left, top, *sides)


def _padded(found: Geometry, steps: Any, library: Any) -> Geometry:
    """After the library's `pad`, which adds to the right and below; BEiT's processor leaves it out."""
    if not steps.do_pad or steps.pad_size is None or type(library).__name__.startswith("Beit"):
        return found
    right, below = steps.pad_size.width - found.seen[0], steps.pad_size.height - found.seen[1]
    if min(right, below) < 0:
        got = f"{found.seen[0]} x {found.seen[1]}"
        raise GateError("picture", f"at most pad_size, {steps.pad_size.width} x {steps.pad_size.height} pixels", got)
    return found.pad(0, 0, right, below)


def _page(found: Geometry, steps: Any) -> Geometry:
    """After the steps of Donut's processor (Kim et al. 2022, section 3.2): turn, resize the shorter side, shrink, pad."""
    width, height = steps.size.width, steps.size.height
    if steps.do_align_long_axis and (width - height) * (found.seen[0] - found.seen[1]) < 0:
        found = found.turn(3)
    if steps.do_resize:
        found = _resized(found, SimpleNamespace(shortest_edge=min(width, height), longest_edge=None))
    if steps.do_thumbnail and (found.seen[0] > width or found.seen[1] > height):
        found = found.resize(*_thumbnail(found.seen, (width, height)))
    if found.seen[0] > width or found.seen[1] > height or not (steps.do_pad or found.seen == (width, height)):
        got = f"{found.seen[0]} x {found.seen[1]}"
        raise GateError("page", f"{width} x {height} pixels after the folder's steps", got)
    left, top = (width - found.seen[0]) // 2, (height - found.seen[1]) // 2
    return found.pad(left, top, width - found.seen[0] - left, height - found.seen[1] - top)


def _thumbnail(size: tuple[int, int], limit: tuple[int, int]) -> tuple[int, int]:
    """(width, height) that fits into `limit`; the sides' ratio is kept to whole pixels."""
    width, height = min(size[0], limit[0]), min(size[1], limit[1])
    if size[1] > size[0]:
        width = int(size[0] * height / size[1])
    elif size[0] > size[1]:
        height = int(size[1] * width / size[0])
    return width, height
