"""The patch embedding as pictures: its filters, most important mixtures first."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import GateError


def principal_filters(filters: ArrayLike, count: int = 28) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Principal components of the patch embedding's filters (Dosovitskiy et al. 2021, figure 7, left).

    The filters are the rows of a matrix; its right singular vectors are patterns of pixels, strongest first, of which
    every filter is a mixture. The mean filter is not taken off. A component's sign means nothing; here its largest
    number is positive.

    Args:
        filters: (width, 3, height, width of a patch) the linear patch embedding.
        count: how many components to return at most.

    Returns:
        (n, 3, height, width) components of length 1, and (n,) each one's share of the filters' summed squares, 0 to 1.

    Raises:
        ValueError: not four axes, or numbers that are not finite.
    """
    values = np.asarray(filters, dtype=np.float64)
    if values.ndim != 4 or not np.isfinite(values).all():
        raise GateError("filters", "finite (width, colours, height, width)", f"shape {values.shape}")
    _, strength, patterns = np.linalg.svd(values.reshape(len(values), -1), full_matrices=False)
    kept = patterns[:count]
    largest = kept[np.arange(len(kept)), np.abs(kept).argmax(axis=1)]
    share = strength**2 / max(float((strength**2).sum()), 1e-300)
    return (kept * np.sign(largest)[:, None]).reshape(-1, *values.shape[1:]), share[:count]


def tiles(patterns: ArrayLike, columns: int = 7, zoom: int = 4) -> NDArray[np.uint8]:
    """The patterns as one RGB picture: mid grey is 0, each pattern's largest number is drawn in full.

    Args:
        patterns: (n, 3, height, width), each scaled by its own largest absolute number.
        columns: tiles in a row.
        zoom: screen pixels per pixel of a pattern.

    Returns:
        (rows, columns, 3) uint8, white lines between the tiles.

    Raises:
        ValueError: not (n, 3, height, width).
    """
    values = np.asarray(patterns, dtype=np.float64)
    if values.ndim != 4 or values.shape[1] != 3 or not len(values):
        raise GateError("patterns", "(n, 3, height, width)", f"shape {values.shape}")
    most = np.maximum(np.abs(values).max(axis=(1, 2, 3), keepdims=True), 1e-300)
    pictures = np.round(127.5 + 127.5 * values / most).astype(np.uint8).transpose(0, 2, 3, 1)
    pictures = pictures.repeat(zoom, axis=1).repeat(zoom, axis=2)
    count, height, width, _ = pictures.shape
    rows, gap = -(-count // columns), 2
    spaced = np.pad(pictures, ((0, rows * columns - count), (0, gap), (0, gap), (0, 0)), constant_values=255)
    lines = spaced.reshape(rows, columns, height + gap, width + gap, 3).swapaxes(1, 2)
    sheet = lines.reshape(rows * (height + gap), columns * (width + gap), 3)
    return np.pad(sheet, ((gap, 0), (gap, 0), (0, 0)), constant_values=255)
