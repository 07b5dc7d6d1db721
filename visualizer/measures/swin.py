"""A whole block of window attention in numbers: who may read whom, how much work that is, what has reached a cell, what bias alone gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.measures import undefined
from visualizer.measures.entropy import relative_entropy
from vit_attention.records.windows import Partition, Stage, Windows


@lru_cache(maxsize=64)
def groups(side: int, window: int, shift: int) -> NDArray[np.int64]:
    """(side,) numbers along one side of the grid; two cells may read each other if theirs agree on both sides.

    >>> groups(8, 4, 2).tolist()
    [6, 6, 0, 0, 0, 0, 4, 4]
    """
    cut = Partition((side, 1), (window, 1), (shift, 0))
    order, first_mate = cut.order(), (~cut.forbids()).argmax(axis=-1)
    numbers = np.arange(cut.count)[:, None] * window + first_mate
    out = np.empty(side, np.int64)
    out[order[order >= 0]] = numbers[order >= 0]
    out.setflags(write=False)
    return out


@dataclass(frozen=True)
class Work:
    """Pairs of cells that one block of a stage compares.

    Attributes:
        windows: how many windows.
        within: pairs compared window by window; masked and padded ones are compared too, then thrown away.
        everything: pairs if every cell were compared with every cell.
    """

    windows: int
    within: int
    everything: int


def work(stage: Stage) -> Work:
    """The pairs of one block: linear in the cells if windows are cut, quadratic if not (Liu et al. 2021, section 3.2)."""
    cut = stage.partition(0)
    return Work(cut.count, cut.count * cut.places**2, (stage.grid[0] * stage.grid[1]) ** 2)


def reached(plan: Sequence[Stage], stage: int, block: int, query: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """What can have changed a cell by the end of a block: True for those rows and those columns of the first stage.

    Rows and columns go separately, since windows, masks and merging all do.

    Args:
        plan: the stages.
        stage, block: 0 first.
        query: number of a cell of that stage.
    """
    at = divmod(query, plan[stage].grid[1])
    sides = []
    for side in (0, 1):
        found = np.zeros(plan[stage].grid[side], bool)
        found[at[side]] = True
        for number in range(stage, -1, -1):
            one = plan[number]
            last = block if number == stage else one.blocks - 1
            for shift in one.shifts[last::-1]:
                mates = groups(one.grid[side], one.window, shift)
                found = np.isin(mates, mates[found])
            if number:
                found = np.repeat(found, 2)[: plan[number - 1].grid[side]]
        sides.append(found)
    return sides[0], sides[1]


def forbidden_below(cut: Partition) -> float:
    """Share of the pairs of cells in the last row of windows that the mask forbids; pairs with padding are left out."""
    last = range(cut.count - cut.tiles[1], cut.count)
    real = cut.order(last) >= 0
    pairs = real[:, :, None] & real[:, None, :]
    return float((cut.forbids(last) & pairs).sum() / pairs.sum())


def readable(block: Windows) -> NDArray[np.bool_]:
    """(kept windows, places, places), True where a cell of the page may read a cell of the page."""
    real = block.partition.order(block.kept) >= 0
    return real[:, :, None] & real[:, None, :] & ~block.partition.forbids(block.kept)


def spread(block: Windows) -> tuple[float, float]:
    """How wide the block reads, on average over its heads and the cells kept.

    Returns:
        Entropy as a share of the largest possible for each cell, and mean distance in
        pixels of the model's input from a cell to what it reads.
    """
    order, may = block.partition.order(block.kept), readable(block)
    weights = np.where(may[:, None], undefined.at_least_single(block.weights), 0)
    total = weights.sum(axis=-1)
    bits = relative_entropy(np.where(may[:, None], weights, np.nan))
    down, right = (part * size for part, size in zip(np.divmod(order, block.grid[1]), block.cell, strict=True))
    far = np.hypot(*(at[:, :, None] - at[:, None, :] for at in (down, right)))
    pixels = undefined.ratio((weights * far[:, None]).sum(axis=-1), total)
    return float(undefined.mean(bits.ravel())), float(undefined.mean(pixels.ravel()))


def bias_alone(block: Windows) -> NDArray[np.float64]:
    """(kept windows, heads, places, places) weights if every product of query and key were the same: softmax of the bias."""
    row, column = np.divmod(np.arange(block.window**2), block.window)
    down, right = (at[None, :] - at[:, None] + block.window - 1 for at in (row, column))
    may = readable(block)[:, None]
    powers = np.where(may, np.exp(block.bias.astype(np.float64))[None, :, down, right], 0)
    return np.asarray(undefined.ratio(powers, powers.sum(axis=-1, keepdims=True)))


def agreement(block: Windows) -> NDArray[np.float64]:
    """(kept windows, heads, places) correlation of each row with `bias_alone` over the cells it may read; NaN off the page."""
    may = readable(block)[:, None]
    first, second = (_centred(v, may) for v in (undefined.at_least_single(block.weights), bias_alone(block)))
    size = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    return np.asarray(undefined.ratio((first * second).sum(axis=-1), size))


def _centred(values: ArrayLike, may: NDArray[np.bool_]) -> NDArray[np.float64]:
    known = np.where(may, values, 0.0).astype(np.float64)
    mean = known.sum(axis=-1, keepdims=True) / np.maximum(may.sum(axis=-1, keepdims=True), 1)
    return np.where(may, known - mean, 0.0)


def contrast(seen: Image.Image, block: Windows) -> NDArray[np.float64]:
    """(kept windows,) standard deviation of the grey values, 0 to 255, of what lies in each window: high where ink is."""
    rows, columns = block.grid
    grey = np.asarray(seen.convert("L").resize((2 * columns, 2 * rows), Image.Resampling.BILINEAR), np.float64)
    cells = grey.reshape(rows, 2, columns, 2).transpose(0, 2, 1, 3).reshape(rows * columns, 4)
    order = block.partition.order(block.kept)
    return np.array([cells[one[one >= 0]].std() for one in order])


def crossing(block: Windows, window: int) -> tuple[float, float]:
    """What a shifted block is for: attention to cells of another plain window, and what an even spread would give it.

    Args:
        block: of a shifted block, all of its windows or some.
        window: cells along a side of the plain windows.

    Returns:
        Shares from 0 to 1, mean of all heads and cells kept.
    """
    order, may = block.partition.order(block.kept), readable(block)
    down, right = (at // window for at in np.divmod(order, block.grid[1]))
    other = (down[:, :, None] != down[:, None, :]) | (right[:, :, None] != right[:, None, :])
    weights = undefined.at_least_single(block.weights)
    real = order >= 0
    taken = (weights * (may & other)[:, None]).sum(axis=-1)[np.broadcast_to(real[:, None], weights.shape[:3])]
    even = ((may & other).sum(axis=-1) / np.maximum(may.sum(axis=-1), 1))[real]
    return float(taken.mean()), float(even.mean())
