"""A bank of grey textures, made once from one fixed seed, that scenes crop and colour."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BANK_SIDE = 352
_PER_FAMILY = 10


def _rescale(values: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = values.min(), values.max()
    return np.asarray(((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))


def _noise(rng: np.random.Generator, cells: int) -> NDArray[np.uint8]:
    """Smooth noise: a few random cells, enlarged with a cubic filter."""
    small = Image.fromarray(rng.integers(0, 256, (cells, cells), dtype=np.uint8))
    return np.asarray(small.resize((BANK_SIDE, BANK_SIDE), Image.Resampling.BICUBIC))


def _blobs(rng: np.random.Generator) -> NDArray[np.uint8]:
    return _noise(rng, int(rng.integers(4, 14)))


def _fractal(rng: np.random.Generator) -> NDArray[np.uint8]:
    return _rescale(np.sum([_noise(rng, 4 * 2**k).astype(np.float32) / 1.7**k for k in range(5)], axis=0))


def _wave_phase(rng: np.random.Generator) -> NDArray[np.float32]:
    y, x = np.mgrid[:BANK_SIDE, :BANK_SIDE].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(10, 44)
    wobble = _noise(rng, 5).astype(np.float32) / 255 * rng.uniform(0, 4)
    return np.asarray((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period) + wobble)


def _stripes(rng: np.random.Generator) -> NDArray[np.uint8]:
    return _rescale(np.tanh(rng.uniform(0.7, 3) * np.sin(_wave_phase(rng))))


def _checks(rng: np.random.Generator) -> NDArray[np.uint8]:
    return _rescale(np.tanh(2 * np.sin(_wave_phase(rng)) * np.sin(_wave_phase(rng))))


def _grain(rng: np.random.Generator) -> NDArray[np.uint8]:
    coarse = _noise(rng, 6).astype(np.float32)
    return _rescale(coarse + _noise(rng, int(rng.integers(90, 176))).astype(np.float32))


FAMILIES: tuple[Callable[[np.random.Generator], NDArray[np.uint8]], ...] = (_blobs, _fractal, _stripes, _checks, _grain)


@lru_cache(maxsize=1)
def bank() -> NDArray[np.uint8]:
    """All textures, (textures, 352, 352) grey levels; the same on every machine and in every run."""
    rng = np.random.default_rng(20_000)
    return np.stack([family(rng) for family in FAMILIES for _ in range(_PER_FAMILY)])


def crop(rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    """A random square of a random texture, flipped at random; (side, side) grey levels, a view where it can be."""
    which, y, x, flip = (
        rng.integers(len(bank())),
        rng.integers(BANK_SIDE - side + 1),
        rng.integers(BANK_SIDE - side + 1),
        rng.integers(4),
    )
    patch = bank()[which, y : y + side, x : x + side]
    return patch[:: -1 if flip & 1 else 1, :: -1 if flip & 2 else 1]
