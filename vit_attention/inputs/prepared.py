"""A picture made ready for a network."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

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
    def ready(cls, pixels: Tensor) -> "Input":
        """Pixels that somebody has prepared already; raises ValueError for another shape.

        Args:
            pixels: (3, height, width) or (1, 3, height, width).
        """
        one = pixels[None] if pixels.ndim == 3 else pixels
        if one.ndim != 4 or one.shape[:2] != (1, 3) or not one.is_floating_point():
            raise ValueError(
                f"pixels: want a float tensor of (1, 3, height, width), got {one.dtype} of {tuple(pixels.shape)}"
            )
        return cls(
            one,
            Geometry.of(int(one.shape[-1]), int(one.shape[-2])),
            notes=("Given were prepared pixels, not a picture.",),
        )
