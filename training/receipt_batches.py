"""What one step of receipt-donut's training learns from: whole pages, or cuts of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.receipt_data import HEIGHT, WIDTH, Store, letters_on_cells

CUT = 128  # pixel rows of a cut: the least that whole windows of the last stage tile
MEAN, STD = 0.5, 0.5


@dataclass(frozen=True)
class Batch:
    """What one step learns from: pixels (b, 3, h, 192), letters and weights (b, rows, 24), tokens (b, t), place of the cut."""

    pixels: Tensor
    letters: Tensor
    weights: Tensor
    tokens: Tensor
    corner: tuple[int, int]


def colour(rng: np.random.Generator, grey: NDArray, light: bool) -> NDArray[np.float32]:
    """(b, h, w) uint8 to (b, 3, h, w) in the model's scale; paper and ink vary a little when learning."""
    x = np.repeat(grey[:, None].astype(np.float32) / 255, 3, axis=1)
    if not light:
        size = (len(x), 3, 1, 1)
        x = x * rng.uniform(0.93, 1.05, size) * rng.uniform(0.9, 1.05, (len(x), 1, 1, 1)) + rng.uniform(
            -0.03, 0.03, size
        )
        x += rng.standard_normal((len(x), 1, *x.shape[2:]), dtype=np.float32) * rng.uniform(0, 0.03)
    return ((x - MEAN) / STD).astype(np.float32)


def _top(rng: np.random.Generator, characters: NDArray, whole: bool) -> int:
    """First row of a cut: anywhere near text, or so that all of the text is inside."""
    used = characters[characters[:, 4] > 0].astype(float)
    first, last = used[:, 1].min(), used[:, 3].max()
    low, high = (
        (max(0, int(np.ceil(last)) - CUT), min(int(first), HEIGHT - CUT))
        if whole
        else (max(0, int(first) - 40), min(HEIGHT - CUT, max(0, int(last) - 60)))
    )
    return int(rng.integers(low, max(low, high) + 1))


def batch(rng: np.random.Generator, data: Store, numbers: NDArray, kind: str) -> Batch:
    """The pages of these numbers; whole pages move up or down by a few pixels, their rim repeated."""
    tall = HEIGHT if kind == "pages" else CUT
    grey = np.empty((len(numbers), tall, WIDTH), np.uint8)
    letters = np.empty((len(numbers), tall // 16, 24), np.int64)
    weights = np.empty(letters.shape, np.float32)
    for i, n in enumerate(numbers):
        page, characters = data.pixels[n], data.characters[n]
        top = int(rng.integers(-8, 9)) if kind == "pages" else _top(rng, characters, kind == "short")
        grey[i] = page[np.clip(np.arange(top, top + tall), 0, HEIGHT - 1)]
        letters[i], weights[i] = letters_on_cells(characters, top, tall // 16)
    tokens = data.tokens[numbers].astype(np.int64)
    tokens = tokens[:, : int((tokens > 0).sum(axis=1).max())]
    corner = (0, 0) if kind == "pages" else (int(rng.integers(5)), 0)
    return Batch(
        torch.from_numpy(colour(rng, grey, light=False)),
        torch.from_numpy(letters),
        torch.from_numpy(weights),
        torch.from_numpy(tokens),
        corner,
    )


class Pool:
    """One store of pages and what drawing batches from it needs to know."""

    def __init__(self, data: Store) -> None:
        self.data = data
        used = np.asarray(data.characters[:, :, 4]) > 0
        bottom = np.where(used, data.characters[:, :, 3].astype(np.float32), 0).max(axis=1)
        top = np.where(used, data.characters[:, :, 1].astype(np.float32), HEIGHT).min(axis=1)
        self.short = np.flatnonzero(bottom - top < CUT - 2)
        self.length = (np.asarray(data.tokens) > 0).sum(axis=1)

    def numbers(self, rng: np.random.Generator, kind: str, size: int) -> NDArray:
        """Pages of similar length, so that little is padding."""
        drawn = rng.choice(self.short if kind == "short" else len(self.length), 6 * size, replace=False)
        if kind == "letters":
            return drawn[:size]
        drawn = drawn[np.argsort(self.length[drawn], kind="stable")]
        first = int(rng.integers(6)) * size
        return drawn[first : first + size]
