"""A picture made ready for a network."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch._C._functorch import is_batchedtensor, is_gradtrackingtensor

from vit_attention.gate import GateError
from vit_attention.records.geometry import Geometry

GREY = "The network takes one channel, so the picture was made grey."


def uncovered(input_size: tuple[int, int], seen: tuple[int, int]) -> str:
    """What there is to say where patches do not cover the input; both are (width, height) in pixels."""
    return (
        f"Of the input's {input_size[0]} x {input_size[1]} pixels the patches cover {seen[0]} x {seen[1]}, from the top left: "
        "the rest is seen by no patch, or is padding."
    )


@dataclass(frozen=True, eq=False)
class Input:
    """What goes into a network, and how it relates to what was given.

    Attributes:
        pixels: (1, channels, height, width) as the network takes them.
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
        if is_batchedtensor(pixels) or is_gradtrackingtensor(pixels):
            raise GateError("pixels", want, "one inside torch.vmap or torch.func", advice="Attend outside of it.")
        one = (pixels[None] if pixels.ndim == 3 else pixels).detach()
        if one.layout != torch.strided or one.ndim != 4 or 0 in one.shape or not one.is_floating_point():
            raise GateError("pixels", want, got, advice=_advice(pixels))
        if len(one) != 1:
            raise GateError("pixels", want, got, advice=f"These are {len(one)} pictures: give one, or attend_many all.")
        if (one.shape[1] > 4 >= one.shape[3]) if channels is None else one.shape[1] != channels:
            raise GateError("pixels", want, got, advice=_advice(pixels))
        if one.device.type == "meta":
            raise GateError("pixels", want, "a tensor without values, on the meta device")
        if not bool(torch.isfinite(one).all()):
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
