"""Scenes with their captions for training, kept on disk as memory maps, and the batches drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count as numbers
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.scene_data import PATCH, SIDE, halved, patch_labels
from worlds.captions import LONGEST, RELATIONS, Caption, caption, encode, mirrored, phrase
from worlds.scenes import scene
from worlds.shapes import COLOURS, NAMES

TRAIN_SEED, HELD_OUT_SEED = 1_500_000_000, 2_500_000_000
"""First seeds of the training and of the held-out scenes; the benchmark's begin at three and a half billion."""

_STRIDE = 3  # seeds set aside for one scene: an unclear one is made again from the next of its own
_SHAPES, _COLOURS, _RELATIONS = NAMES, tuple(COLOURS), tuple(RELATIONS)
_NONE = -1
GRID = SIDE // PATCH


@dataclass(frozen=True)
class Store:
    """`n` scenes with one or two objects.

    Attributes:
        pixels: (n, 112, 112, 3) uint8.
        owner: (n, 112, 112) uint8, 0 ground, 1 and 2 the objects.
        truth: (n, 5) int8: shape and colour of the main object, of the other (-1: none), relation (-1: none).
    """

    pixels: NDArray[np.uint8]
    owner: NDArray[np.uint8]
    truth: NDArray[np.int8]


def _one(task: tuple[int, int]) -> tuple[NDArray, NDArray, list[int]]:
    first, objects = task
    for seed in numbers(first):
        made = scene(seed, objects=objects)
        said = caption(made)
        if said.clear:
            break
    owner = np.zeros((SIDE, SIDE), np.uint8)
    truth = [_NONE] * 5
    for k, thing in enumerate(made.things):
        owner[thing.mask.reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3)) > 0.5] = k + 1
        truth[2 * k : 2 * k + 2] = _SHAPES.index(thing.shape), _COLOURS.index(thing.colour)
    if said.relation is not None:
        truth[4] = _RELATIONS.index(said.relation)
    return halved(made.pixels), owner, truth


def store(folder: Path, count: int, first_seed: int = TRAIN_SEED, processes: int = 2) -> Store:
    """Open the scenes under `folder`, making them first if they are not there: three of four have two objects."""
    names = [folder / f"{first_seed}-{count}-{what}.npy" for what in ("pixels", "owner", "truth")]
    if not all(name.exists() for name in names):
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.lib.format.open_memmap(names[0], "w+", np.uint8, (count, SIDE, SIDE, 3))
        owner = np.lib.format.open_memmap(names[1], "w+", np.uint8, (count, SIDE, SIDE))
        truth = np.zeros((count, 5), np.int8)
        tasks = ((first_seed + _STRIDE * i, 1 if i % 4 == 0 else 2) for i in range(count))
        with Pool(processes) as pool:
            for i, made in enumerate(pool.imap(_one, tasks, chunksize=64)):
                pixels[i], owner[i], truth[i] = made
        np.save(names[2], truth)  # last: its presence says that the others are complete
    return Store(np.load(names[0], mmap_mode="r"), np.load(names[1], mmap_mode="r"), np.load(names[2]))


@dataclass(frozen=True)
class Batch:
    """What one step learns from.

    Attributes:
        pixels: (batch, 112, 112, 3) uint8.
        shapes: (batch, 196, 13) soft labels of every cell, ground last.
        colours: (batch, 196, 9) the same for the colour words.
        weight: (batch, 196) how much each cell counts: 1 where an object is, 0.3 elsewhere.
        tokens: (batch, 9) the caption, filled up with 0.
    """

    pixels: NDArray[np.uint8]
    shapes: NDArray[np.float32]
    colours: NDArray[np.float32]
    weight: NDArray[np.float32]
    tokens: NDArray[np.int64]


def caption_of(truth: NDArray[np.integer], swapped: bool = False) -> Caption:
    """A scene's caption from its line of `Store.truth`; `swapped` if the picture is seen in a mirror."""
    pairs = [(_COLOURS[c], _SHAPES[s]) for s, c in truth[:4].reshape(2, 2) if s != _NONE]
    word = _RELATIONS[truth[4]] if truth[4] != _NONE else None
    if word is not None and swapped:
        word = mirrored(word)
    return Caption(*phrase(pairs, word), word, True)


def cells(owner: NDArray[np.uint8], truth: NDArray[np.integer]) -> tuple[NDArray, NDArray, NDArray]:
    """Soft shape and colour labels of one scene's cells, and their weights, as in `Batch`."""
    shapes = np.zeros((GRID * GRID, len(_SHAPES) + 1), np.float32)
    colours = np.zeros((GRID * GRID, len(_COLOURS) + 1), np.float32)
    weight = np.full(GRID * GRID, 0.3, np.float32)
    for k, (shape, colour) in enumerate(truth[:4].reshape(2, 2)):
        if shape == _NONE:
            continue
        cover = (owner == k + 1).reshape(GRID, PATCH, GRID, PATCH).mean(axis=(1, 3)).ravel()
        weight[cover > 0] = 1
        shapes[:, shape] = colours[:, colour] = patch_labels(cover, sharp=True)
    for labels in (shapes, colours):
        labels[:, -1] = np.clip(1 - labels[:, :-1].sum(axis=1), 0, 1)
        labels /= labels.sum(axis=1, keepdims=True)
    return shapes, colours, weight


def batch(rng: np.random.Generator, data: Store, size: int, shift: int = 4) -> Batch:
    """Random scenes, half of them mirrored, each moved by up to `shift` pixels (rims repeated), with their captions.

    Colours are never permuted and nothing is turned or put on its head: that would make the words untrue.
    """
    picked = rng.integers(len(data.pixels), size=size)
    pixels = np.empty((size, SIDE, SIDE, 3), np.uint8)
    tokens = np.zeros((size, LONGEST + 1), np.int64)
    made = []
    for i, n in enumerate(picked):
        swapped = bool(rng.integers(2))
        rows, columns = (np.clip(np.arange(SIDE) + rng.integers(-shift, shift + 1), 0, SIDE - 1) for _ in range(2))
        if swapped:
            columns = columns[::-1]
        pixels[i] = data.pixels[n][rows[:, None], columns]
        said = encode(caption_of(data.truth[n], swapped).words)
        tokens[i, : len(said)] = said
        made.append(cells(data.owner[n][rows[:, None], columns], data.truth[n]))
    shapes, colours, weight = (np.stack(parts) for parts in zip(*made, strict=True))
    return Batch(pixels, shapes, colours, weight, tokens)
