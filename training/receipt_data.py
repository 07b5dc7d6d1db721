"""Training pages kept on disk as memory maps: grey pixels, token ids, the boxes of tokens and characters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.receipt_tokens import build
from worlds.receipts import Document, Piece, form, receipt

HEIGHT, WIDTH = 256, 192
TOKENS, CHARACTERS = 127, 176
"""Most tokens of a target (its end included) and most characters of a page."""

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789."
TRAIN_SEED, INVENTED_SEED, HELD_OUT_SEED, BENCHMARK_SEED = 1_000_000_000, 1_500_000_000, 2_000_000_000, 3_000_000_000
"""First seeds of pages to learn from (the second with invented words), to watch the learning, and to measure the result; pages and tests use small ones."""


@cache
def tokenizer() -> Any:
    return build()


def token_boxes(page: Document) -> tuple[list[int], NDArray[np.float32]]:
    """Token ids of the target without prompt and end, and each token's (left, top, right, bottom) on the page; NaN for tags."""
    code = tokenizer()(page.sequence, add_special_tokens=False, return_offsets_mapping=True)
    boxes = np.full((len(code["input_ids"]), 4), np.nan, np.float32)
    starts = np.cumsum([0, *(len(p.text) for p in page.pieces)])
    for t, (first, last) in enumerate(code["offset_mapping"]):
        which = int(np.searchsorted(starts, first, side="right")) - 1
        piece = page.pieces[which]
        if piece.words and last > first:
            boxes[t] = _characters(page, piece, first - starts[which], last - starts[which])
    return code["input_ids"], boxes


def _characters(page: Document, piece: Piece, first: int, last: int) -> tuple[float, float, float, float]:
    """Box of characters `first` to `last` of a value; the blank before a word belongs to the token that starts it."""
    at = 0
    for number, text in enumerate(piece.text.split(" ")):
        if first <= at + len(text) - 1:
            return page.box_of(piece, number, max(first - at, 0), max(last - at, 1))
        at += len(text) + 1
    raise AssertionError("a token lies outside its value")


def _one(job: tuple[int, int, bool]) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    seed, lines, invented = job
    page = form(seed) if lines == 0 else receipt(seed, lines, invented)
    grey = page.pixels.mean(axis=2).reshape(HEIGHT, 2, WIDTH, 2).mean(axis=(1, 3))
    ids, boxes = token_boxes(page)
    if len(ids) + 2 > TOKENS + 1:  # one receipt in thousands: many long invented names
        return _one((seed + 100_000_000, lines, invented))
    prompt, end = tokenizer().convert_tokens_to_ids([page.task, "</s>"])
    tokens, places = np.zeros(TOKENS + 1, np.uint8), np.full((TOKENS + 1, 4), np.nan, np.float16)
    tokens[: len(ids) + 2] = [prompt, *ids, end]
    places[1 : len(ids) + 1] = boxes / 2
    letters = [(*box, ALPHABET.index(c) + 1) for w in page.words for c, box in zip(w.text, w.characters, strict=True)]
    characters = np.zeros((CHARACTERS, 5), np.float16)
    characters[: len(letters)] = np.array(letters) * (0.5, 0.5, 0.5, 0.5, 1)
    return grey.round().astype(np.uint8), tokens, places, characters


@dataclass(frozen=True)
class Store:
    """Pages, one row each.

    Attributes:
        pixels: (n, 256, 192) uint8.
        tokens: (n, 128) uint8: prompt, target, end, padding 0.
        boxes: (n, 128, 4) the ink of each token in pixels; NaN for tags.
        characters: (n, 176, 5) box and 1 + index into `ALPHABET`; 0 where there is none.
    """

    pixels: NDArray[np.uint8]
    tokens: NDArray[np.uint8]
    boxes: NDArray[np.float16]
    characters: NDArray[np.float16]


def store(
    folder: Path,
    count: int,
    first_seed: int = TRAIN_SEED,
    processes: int = 2,
    forms: bool = True,
    invented: bool = False,
) -> Store:
    """Open the pages under `folder`, making them first if they are not there yet; with `forms` every eighth is one."""
    names = ("pixels", "tokens", "boxes", "characters")
    paths = [folder / f"{first_seed}-{count}-{name}.npy" for name in names]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        shapes = [(HEIGHT, WIDTH), (TOKENS + 1,), (TOKENS + 1, 4), (CHARACTERS, 5)]
        types = [np.uint8, np.uint8, np.float16, np.float16]
        arrays = [
            np.lib.format.open_memmap(path.with_suffix(".part"), "w+", kind, (count, *shape))
            for path, kind, shape in zip(paths, types, shapes, strict=True)
        ]
        jobs = [(first_seed + i, 0 if forms and i % 8 == 7 else 1 + i % 5, invented) for i in range(count)]
        with Pool(processes) as pool:
            for i, made in enumerate(pool.imap(_one, jobs, chunksize=64)):
                for array, value in zip(arrays, made, strict=True):
                    array[i] = value
        for path in paths:
            path.with_suffix(".part").replace(path)
    return Store(*(np.load(path, mmap_mode="r") for path in paths))


def letters_on_cells(
    characters: NDArray, top: int, rows: int, cell: tuple[int, int] = (16, 8)
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which character covers each cell of a page cut, 0 for none, and how much the cell counts in a loss.

    A cell that a line of text covers by a fifth to a half is neither text nor ground: it counts nothing.

    Args:
        characters: (n, 5) boxes in pixels of the whole page and 1 + index into `ALPHABET`.
        top: first pixel row of the cut.
        rows: rows of cells in it.
        cell: height and width of a cell in pixels.
    """
    height, width = cell
    columns = WIDTH // width
    labels, weights = np.zeros((rows, columns), np.int64), np.full((rows, columns), 0.3, np.float32)
    for left, above, right, below, letter in characters[characters[:, 4] > 0].astype(np.float64):
        first, last = (max(0, int(np.ceil(edge / width - 0.5))) for edge in (left, right))
        if last <= first:  # narrower than a cell: it takes the one its middle lies in
            first = min(max(0, int((left + right) / 2 // width)), columns - 1)
        across = slice(first, max(last, first + 1))
        for row in range(max(0, int((above - top) // height)), min(rows, int((below - top) // height) + 1)):
            edge = top + row * height
            cover = (min(below, edge + height) - max(above, edge)) / height
            if cover > 0.5:
                labels[row, across], weights[row, across] = int(letter), 1
            elif cover > 0.2:
                weights[row, across] = np.where(labels[row, across] > 0, 1, 0)
    return labels, weights
