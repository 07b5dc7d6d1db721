"""Changed patches: what is changed, where it lies on the picture, and that nothing else is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vit_attention.gate import GateError
from vit_attention.inputs.edited import WAYS, edited, grey_out
from vit_attention.records.geometry import Geometry

PIXELS = np.random.default_rng(3).integers(0, 256, (48, 64, 3), np.uint8)
PICTURE = Image.fromarray(PIXELS)
GRID, SIDE = (3, 4), 16
CHOSEN = (1, 6, 7)


def block(pixels: np.ndarray, patch: int) -> np.ndarray:
    row, column = divmod(patch, GRID[1])
    return pixels[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]


def changed(way: str, **how: Any) -> np.ndarray:
    return np.array(edited(PICTURE, None, GRID, CHOSEN, way, other=Image.new("RGB", (9, 9), (1, 2, 3)), **how))


@pytest.mark.parametrize("way", sorted(WAYS))
def test_every_pixel_outside_the_chosen_patches_is_as_it_was(way: str) -> None:
    found = changed(way, shift=(9, 9))
    for patch in range(12):
        same = (block(found, patch) == block(PIXELS, patch)).all()
        assert same == (patch not in CHOSEN), (way, patch)
    assert (np.array(PICTURE) == PIXELS).all(), "the picture that was given is another now"


def test_fills_are_what_they_are_called() -> None:
    mean = np.round(PIXELS.reshape(-1, 3).astype(float).mean(axis=0))
    for way, colour in (("mean", mean), ("grey", [128] * 3), ("black", [0] * 3), ("paste", [1, 2, 3])):
        assert (block(changed(way), 6) == colour).all(), way
    assert (np.array(grey_out(PICTURE, Geometry.of(64, 48), GRID, CHOSEN)) == changed("mean")).all()


def test_a_blur_keeps_the_mean_and_takes_the_contrast() -> None:
    first, after = block(PIXELS, 6).astype(float), block(changed("blur"), 6).astype(float)
    assert after.std() < 0.2 * first.std()
    assert np.abs(after.mean() - PIXELS.mean()) < 10


def test_shuffling_keeps_the_pixels_of_every_patch_and_follows_the_seed() -> None:
    found = changed("shuffle")
    for patch in CHOSEN:
        before, after = (sorted(map(tuple, block(one, patch).reshape(-1, 3).tolist())) for one in (PIXELS, found))
        assert before == after
    assert (found == changed("shuffle", seed=0)).all()
    assert (found != changed("shuffle", seed=1)).any()


def test_exchanged_patches_are_the_same_ones_and_none_stays() -> None:
    found = changed("exchange", seed=5)
    before, after = ([block(one, patch).tobytes() for patch in CHOSEN] for one in (PIXELS, found))
    assert sorted(before) == sorted(after)
    assert all(one != other for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turning_goes_counter_clockwise_and_comes_round(quarters: int) -> None:
    found, corner = changed("rotate", quarters=quarters), block(PIXELS, 6)[0, 0]
    where = {1: (-1, 0), 2: (-1, -1), 3: (0, -1)}[quarters]
    assert (block(found, 6)[where] == corner).all()
    again = PICTURE
    for _ in range(4):
        again = edited(again, None, GRID, CHOSEN, "rotate", quarters=quarters)
    assert (np.array(again) == PIXELS).all()


def test_moving_carries_the_pixels_and_leaves_the_mean_colour() -> None:
    found = changed("move", shift=(1, -1))
    assert (block(found, 4) == block(PIXELS, 1)).all()  # row 0, column 1 to row 1, column 0
    assert (block(found, 9) == block(PIXELS, 6)).all()
    assert (block(found, 10) == block(PIXELS, 7)).all()
    assert (block(found, 6) == np.round(PIXELS.reshape(-1, 3).astype(float).mean(axis=0))).all()
    lost = changed("move", shift=(2, 0))  # patches 6 and 7 would leave the picture
    assert (block(lost, 9) == block(PIXELS, 1)).all()
    assert all((block(lost, n) == block(PIXELS, n)).all() for n in (10, 11))


def test_a_crop_and_a_border_are_reckoned_with() -> None:
    cut = Geometry.of(64, 48).crop(16, 8, 32, 32)  # the model sees columns 16 to 47 and rows 8 to 39
    found = np.array(edited(PICTURE, cut, (2, 2), [3], "black"))
    want = PIXELS.copy()
    want[24:40, 32:48] = 0
    assert (found == want).all()
    padded = Geometry.of(64, 48).pad(0, 8, 0, 8)  # a border above and below
    for way in WAYS:
        found = np.array(edited(PICTURE, padded, (8, 8), [0, 1, 62], way, other=PICTURE, shift=(1, 0)))
        assert (found == PIXELS).all(), "a patch of border has no pixels of the picture"
    half = Geometry.of(64, 48).resize(32, 24)
    assert (np.array(edited(PICTURE, half, GRID, CHOSEN, "black")) == changed("black")).all()


@pytest.mark.parametrize(
    ("patches", "way", "message"),
    [
        ([12], "mean", "numbers from 0 to 11, got 12"),
        ([-1], "mean", "numbers from 0 to 11"),
        ([True], "mean", "numbers from 0 to 11"),
        ([1], "melt", "one of mean, grey"),
        ([1], "paste", "a picture to paste from"),
    ],
)
def test_what_makes_no_sense_is_refused(patches: list[int], way: str, message: str) -> None:
    with pytest.raises(GateError, match=message):
        edited(PICTURE, None, GRID, patches, way)


def test_eight_threads_at_once_give_what_one_gives() -> None:
    asked = [(way, seed) for way in WAYS for seed in range(4)]
    alone = [changed(way, seed=seed) for way, seed in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: changed(one[0], seed=one[1]), asked))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))
