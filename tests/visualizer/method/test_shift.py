"""A map moves with what it shows: on a picture shifted by whole patches it is shifted as far, for every method of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vit_attention as va
from visualizer.method import Method, methods
from worlds.scenes import scene

NOISY = ("rise", "integrated-gradients")  # random masks, and a rough sum of gradients
SHIFT = 3  # patches of 16 pixels
MADE = scene(1, difficulty=0.0, objects=1)  # one object on an even ground, far from the edges


@pytest.fixture(scope="module")
def model() -> Any:
    return va.load("scene-vit")


def values(model: Any, method: Method, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    about = {"target": MADE.things[0].shape} if method.asks_class else {}
    record = model.attend(Image.fromarray(pixels), keep=method.needs, **about)
    return np.asarray(method(record).values, np.float64)


def alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize("name", methods())
def test_a_map_is_shifted_with_the_picture_and_a_shuffled_one_is_not(model: Any, name: str) -> None:
    method = methods()[name]
    why = method.unfit(model.attend(MADE.picture))
    if why or method.asked_by in ("patch", "patches"):
        pytest.skip(why or "a map of one patch's own")
    before = values(model, method, MADE.pixels)
    after = np.roll(values(model, method, np.roll(MADE.pixels, 16 * SHIFT, axis=1)), -SHIFT, axis=1)
    mixed = np.random.default_rng(0).permutation(before.ravel()).reshape(before.shape)
    aligned = alike(before, after)
    assert aligned > (0.6 if name in NOISY else 0.8)
    assert aligned > alike(before, np.roll(after, SHIFT, axis=1)) + 0.3
    assert aligned > alike(mixed, after) + 0.3
