"""Scenes whose ground is textured on one side and plain on the other, both of the same mean colour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worlds.scenes import SIDE, draw_one
from worlds.textures import crop

SIDES = ("left", "right", "top", "bottom")
"""Where the texture can be."""
_CONTRAST = (50.0, 90.0)
"""Grey levels between the darkest and the lightest place of the texture."""


@dataclass(frozen=True, eq=False)
class HalfTextured:
    """A picture and its truth.

    Attributes:
        pixels: (224, 224, 3) uint8 RGB.
        textured, plain: (224, 224) bool, the ground of each kind; the object belongs to neither.
        thing: (224, 224) bool, the object, a shape of `worlds.shapes`.
        side: where the texture is, one of `SIDES`.
        seed: makes this picture again, with `side`.
    """

    pixels: NDArray[np.uint8]
    textured: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    thing: NDArray[np.bool_]
    side: str
    seed: int

    @property
    def picture(self) -> Image.Image:
        """The pixels as an RGB picture."""
        return Image.fromarray(self.pixels)


def half_textured(seed: int, side: str = "left") -> HalfTextured:
    """One object on a ground whose one half has a texture; the other half has the mean colour of that texture.

    Pictures of one seed differ in nothing but the side, so that a map which always favours one side gains nothing over all
    four of them.

    Args:
        seed: any non-negative integer.
        side: one of `SIDES`.

    Raises:
        ValueError: another side.

    >>> one = half_textured(3, "top")
    >>> bool(one.textured[:112].sum() + one.thing[:112].sum() == 112 * 224), bool(one.textured[112:].any())
    (True, False)
    """
    if side not in SIDES:
        raise ValueError(f"side: want one of {', '.join(SIDES)}, got {side!r}")
    rng = np.random.default_rng((seed, 224))
    pixels = _textured(rng)
    ground = pixels.mean(axis=(0, 1))  # before the halves differ, or the object might be another one for another side
    y, x = np.indices((SIDE, SIDE))
    half = {"left": x < SIDE // 2, "right": x >= SIDE // 2, "top": y < SIDE // 2, "bottom": y >= SIDE // 2}[side]
    pixels[~half] = pixels[half].mean(axis=0)
    thing = draw_one(rng, pixels, ground)
    drawn = np.clip(pixels, 0, 255).round().astype(np.uint8)
    return HalfTextured(drawn, half & ~thing, ~half & ~thing, thing, side, int(seed))


def _textured(rng: np.random.Generator) -> NDArray[np.float32]:
    """A whole ground of one texture between two tones, neither of which is near black or white."""
    texture = crop(rng, SIDE)[..., None].astype(np.float32) / 255 - 0.5
    tint = rng.uniform(-25, 25, 3)
    return np.asarray(rng.uniform(90, 165) + tint + texture * rng.uniform(*_CONTRAST), np.float32)
