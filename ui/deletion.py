"""What the model says once patches are greyed out: the test that a map of importance has to pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from ui import resources
from ui.experiments.context import Context
from vit_attention.records import Prediction
from vit_attention.records.geometry import Geometry

MOST, DRAWS, AT_ONCE = 20, 10, 4
"""Patches greyed out, random draws compared with, pictures sent through the model together."""


def count(now: Context) -> int:
    """How many patches a test greys out: 20, or a fifth of a small grid."""
    return min(MOST, now.grid[0] * now.grid[1] // 5)


def strongest(values: NDArray[Any], number: int) -> tuple[int, ...]:
    """Numbers of the `number` largest patches of a map, in reading order; of equals the first.

    >>> strongest(np.array([[0.1, 0.5], [0.5, 0.2]]), 2)
    (1, 2)
    """
    return tuple(sorted(int(n) for n in np.argsort(-np.asarray(values).ravel(), kind="stable")[:number]))


def random_sets(now: Context) -> list[tuple[int, ...]]:
    """Ten random choices of `count` patches; the same ones on every run."""
    rng, patches = np.random.default_rng(0), now.grid[0] * now.grid[1]
    draws = (rng.choice(patches, count(now), replace=False) for _ in range(DRAWS))
    return [tuple(sorted(int(n) for n in draw)) for draw in draws]


def grey_out(image: Image.Image, geometry: Geometry, grid: tuple[int, int], patches: Sequence[int]) -> Image.Image:
    """The picture with these patches (0 first, in the model's reading order) filled with the picture's mean colour."""
    high, wide = geometry.seen[1] / grid[0], geometry.seen[0] / grid[1]
    corners = [(p % grid[1] * wide, p // grid[1] * high) for p in patches]
    boxes = geometry.boxes_to_original([[x, y, x + wide, y + high] for x, y in corners]).round().astype(int)
    pixels = np.array(image.convert("RGB"))
    mean = pixels.mean(axis=(0, 1)).round().astype(np.uint8)
    for left, top, right, bottom in boxes.clip(0):
        pixels[top:bottom, left:right] = mean
    return Image.fromarray(pixels)


def probabilities(now: Context, target: str, sets: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
    """(sets,) probability of `target` after each set of patches is greyed out of the picture.

    Raises:
        ValueError: a record without a picture's geometry, or a class the model does not know.
    """
    if now.record.geometry is None or target not in now.record.prediction.labels:
        raise ValueError(f"deletion: want a picture and a class that {now.model} knows, got {target!r}")
    return _probabilities(now.model, now.picture.key, target, tuple(sets), now)


@st.cache_data(max_entries=128, show_spinner=False)
def _probabilities(
    model: str, key: str, target: str, sets: tuple[tuple[int, ...], ...], _now: Context
) -> NDArray[np.float64]:
    # `_now` is not part of the cache's key: `model` and `key` stand for it.
    loaded, geometry = resources.model(model), _now.record.geometry
    found: list[float] = []
    for first in range(0, len(sets), AT_ONCE):
        edited = [grey_out(_now.picture.image, geometry, _now.grid, one) for one in sets[first : first + AT_ONCE]]  # type: ignore[arg-type]
        with resources.running:
            scores = loaded.classify(edited)
        found += [float(Prediction(loaded.classes, row).probabilities[loaded.classes.index(target)]) for row in scores]
    return np.array(found)
