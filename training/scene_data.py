"""Training scenes kept on disk as memory maps, and the windows cut from them."""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worlds.scenes import scene
from worlds.shapes import NAMES

SIDE, PATCH = 112, 8
TRAIN_SEED, HELD_OUT_SEED = 1_000_000_000, 2_000_000_000
"""First seeds of the training and of the held-out scenes; tests and pages use small seeds, so the three never meet."""


def halved(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(224, 224, 3) to (112, 112, 3) by the mean of 2 x 2 pixels, as the model sees a scene."""
    return ((pixels.reshape(SIDE, 2, SIDE, 2, 3).sum(axis=(1, 3), dtype=np.uint16) + 2) // 4).astype(np.uint8)


def _one(seed: int) -> tuple[NDArray, NDArray, tuple[int, int]]:
    made = scene(seed)
    owner = np.zeros((SIDE, SIDE), np.uint8)
    for k, thing in enumerate(made.things):
        owner[thing.mask.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3)) > 0.5] = k + 1
    classes = [NAMES.index(t.shape) for t in made.things]
    return halved(made.pixels), owner, (classes[0], classes[1] if len(classes) > 1 else -1)


@dataclass(frozen=True)
class Store:
    """`count` scenes: pixels (n, 112, 112, 3), owner (n, 112, 112; 0 ground, 1 and 2 objects), classes (n, 2; -1 none)."""

    pixels: NDArray[np.uint8]
    owner: NDArray[np.uint8]
    classes: NDArray[np.int64]


def store(folder: Path, count: int, first_seed: int = TRAIN_SEED, processes: int = 2) -> Store:
    """Open the scenes under `folder`, making them first if they are not there yet."""
    names = [folder / f"{first_seed}-{count}-{what}.npy" for what in ("pixels", "owner", "classes")]
    if not all(name.exists() for name in names):
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.lib.format.open_memmap(names[0], "w+", np.uint8, (count, SIDE, SIDE, 3))
        owner = np.lib.format.open_memmap(names[1], "w+", np.uint8, (count, SIDE, SIDE))
        classes = np.zeros((count, 2), np.int64)
        with Pool(processes) as pool:
            for i, made in enumerate(pool.imap(_one, range(first_seed, first_seed + count), chunksize=64)):
                pixels[i], owner[i], classes[i] = made
        np.save(names[2], classes)
    return Store(np.load(names[0], mmap_mode="r"), np.load(names[1], mmap_mode="r"), np.load(names[2]))


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        pixels: (batch, side, side, 3) uint8.
        patches: (batch, rows * columns, classes + 1) soft labels, ground last.
        weight: (batch, rows * columns) how much each patch counts: 1 where an object is, 0.3 elsewhere.
        image: (batch, classes) soft labels, 1/k on each of the k objects.
        place: (row, column) of the window in the 14 x 14 position table.
    """

    pixels: NDArray[np.uint8]
    patches: NDArray[np.float32]
    weight: NDArray[np.float32]
    image: NDArray[np.float32]
    place: tuple[int, int]


def _corner(rng: np.random.Generator, owner: NDArray, side: int) -> tuple[int, int]:
    """Top-left pixel of a window that holds the middle of one object, at any pixel, not only at patch borders."""
    numbers = np.unique(owner)
    which = rng.choice(numbers[(numbers == 1) | (numbers == 2)])
    rows, columns = np.nonzero(owner == which)
    corner = []
    for low, high in ((rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)):
        first, last = max(0, int(high) - side), min(int(low), SIDE - side)
        first, last = (first, last) if first <= last else (min(last, SIDE - side), min(first, SIDE - side))
        corner.append(int(rng.integers(first, last + 1)))
    return corner[0], corner[1]


def patch_labels(cover: NDArray[np.floating], sharp: bool) -> NDArray[np.floating]:
    """How much each patch carries an object's class, 0 to 1, from the share of it that the object covers.

    With `sharp`, patches are compared with the one the object fills best: its rim counts as ground.
    """
    if sharp:
        return np.clip((cover / max(float(cover.max()), 0.05) - 0.35) / 0.4, 0, 1)
    return np.minimum(1, 1.7 * cover)


def batch(rng: np.random.Generator, data: Store, size: int, cells: int, sharp: bool = True) -> Batch:
    """Random scenes (cells = 14) or windows of `cells` x `cells` patches, mirrored and with colour channels permuted."""
    side = cells * PATCH
    pixels = np.empty((size, side, side, 3), np.uint8)
    patches = np.zeros((size, cells * cells, len(NAMES) + 1), np.float32)
    weight = np.full((size, cells * cells), 0.3, np.float32)
    image = np.zeros((size, len(NAMES)), np.float32)
    for i, n in enumerate(rng.integers(len(data.pixels), size=size)):
        whole = data.owner[n]
        top, left = (0, 0) if cells == 14 else _corner(rng, whole, side)
        cut = np.s_[top : top + side, left : left + side]
        flip = np.s_[:, :: int(rng.choice((-1, 1)))]
        pixels[i] = data.pixels[n][cut][flip][..., rng.permutation(3)]
        owner = whole[cut][flip]
        for k, c in enumerate(data.classes[n]):
            if c < 0:
                continue
            mine = owner == k + 1
            cover = mine.reshape(cells, PATCH, cells, PATCH).mean(axis=(1, 3)).ravel()
            weight[i, cover > 0] = 1
            patches[i, :, c] = patch_labels(cover, sharp)
            image[i, c] = mine.sum() > 0.6 * (whole == k + 1).sum()
    patches[..., -1] = np.clip(1 - patches[..., :-1].sum(axis=-1), 0, 1)
    patches /= patches.sum(axis=-1, keepdims=True)
    image /= np.maximum(image.sum(axis=1, keepdims=True), 1)
    room = 14 - cells
    return Batch(pixels, patches, weight, image, (int(rng.integers(room + 1)), int(rng.integers(room + 1))))
