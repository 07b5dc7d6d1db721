"""What runs share: a few changed inputs at a time, and numbers of pixels gathered by patch."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from torch import Tensor

AT_ONCE = 16
"""Changed pictures or texts that go through the model together."""
T = TypeVar("T")


def batches(items: Iterable[T], size: int = AT_ONCE) -> Iterator[list[T]]:
    """The same items in lists of `size`, the last one shorter; an iterator is never in memory as a whole.

    >>> [*batches(iter("abcde"), 2)]
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    left = iter(items)
    while some := [*islice(left, size)]:
        yield some


def in_patches(pixels: Tensor, grid: tuple[int, int], patch: tuple[int, int]) -> Tensor:
    """(..., rows, columns, pixels of a patch) of (..., height, width) numbers; pixels beyond the last patch are left out.

    Args:
        grid: (rows, columns) of patches.
        patch: (height, width) of one in pixels.

    >>> import torch
    >>> in_patches(torch.arange(15).reshape(3, 5), (1, 2), (2, 2)).tolist()
    [[[0, 1, 5, 6], [2, 3, 7, 8]]]
    """
    (rows, columns), (height, width) = grid, patch
    covered = pixels[..., : rows * height, : columns * width]
    split = covered.reshape(*pixels.shape[:-2], rows, height, columns, width)
    return split.transpose(-3, -2).flatten(-2)
