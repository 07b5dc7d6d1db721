"""A picture made ready for a network."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from vit_attention.gate import GateError
from vit_attention.records.geometry import Geometry


@dataclass(frozen=True, eq=False)
class Input:
    """What goes into a network, and how it relates to what was given.

    Attributes:
        pixels: (1, 3, height, width) as the network takes them.
        geometry: from the picture given to these pixels.
        image: the upright picture; None where pixels were given.
        notes: what was done on the way, in sentences.
    """

    pixels: Tensor
    geometry: Geometry
    image: Image.Image | None = None
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Any]:
        """What holds the picture and its notes, the pixels, the geometry: ``opened, pixels, geometry = model.prepare(page)``."""
        return iter((self, self.pixels, self.geometry))

    @classmethod
    def of(cls, pixels: Any, geometry: Geometry) -> "Input":
        """From the numpy pixels (3, height, width) of a recipe."""
        return cls(torch.from_numpy(pixels)[None], geometry)

    @classmethod
    def ready(cls, pixels: Tensor, channels: int | None = 3) -> "Input":
        """Pixels that somebody has prepared already.

        Args:
            pixels: (channels, height, width) or (1, channels, height, width), of any floating kind.
            channels: how many the model takes; None for any number.

        Raises:
            GateError: another shape or kind, several pictures, or numbers that are not finite.
        """
        want = f"a float tensor of ({channels or 'channels'}, height, width), with or without a leading axis of 1"
        got = f"{pixels.dtype} of shape {tuple(pixels.shape)}".removeprefix("torch.")
        one = pixels[None] if pixels.ndim == 3 else pixels
        if one.layout != torch.strided or one.ndim != 4 or 0 in one.shape or not one.is_floating_point():
            raise GateError("pixels", want, got, advice=_advice(pixels))
        if len(one) != 1:
            raise GateError("pixels", want, got, advice=f"These are {len(one)} pictures: give one, or attend_many all.")
        if (one.shape[1] > 4 >= one.shape[3]) if channels is None else one.shape[1] != channels:
            raise GateError("pixels", want, got, advice=_advice(pixels))
        if one.device.type != "meta" and not bool(torch.isfinite(one).all()):
            raise GateError("pixels", "finite numbers", "NaN or infinity among them")
        return cls(
            one,
            Geometry.of(int(one.shape[-1]), int(one.shape[-2])),
            notes=("Given were prepared pixels, not a picture.",),
        )


def _advice(pixels: Tensor) -> str:
    """What to do about a tensor that is no prepared picture."""
    if pixels.ndim == 5:
        return "Five axes are a video, whose patches reach over several frames: give one picture."
    if pixels.ndim in (3, 4) and pixels.shape[-1] in (1, 3, 4) and pixels.shape[-3] not in (1, 3, 4):
        return "Channels come first: pixels.movedim(-1, -3)."
    if pixels.ndim in (3, 4) and not pixels.is_floating_point():
        return (
            "Whole numbers are no prepared pixels: give the picture as a numpy array, or model.prepare(picture).pixels."
        )
    return "model.prepare(picture).pixels makes one."
