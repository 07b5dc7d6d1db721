"""Principal components of filters made from known patterns, and their picture."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.measures.filters import principal_filters, tiles


def test_components_are_the_patterns_the_filters_were_mixed_from(rng: np.random.Generator) -> None:
    strong, weak = np.zeros((3, 2, 2)), np.zeros((3, 2, 2))
    strong[0, 0, 0], weak[2, 1, 1] = 1, 1
    mix = np.linalg.qr(rng.normal(size=(10, 2)))[0] * [3, 1]
    filters = np.einsum("nk,kchw->nchw", mix, np.stack([strong, weak]))
    patterns, share = principal_filters(filters, 2)
    assert patterns == pytest.approx(np.stack([strong, weak]))
    assert share == pytest.approx([0.9, 0.1])


def test_components_have_length_one_and_shares_add_up_to_one(rng: np.random.Generator) -> None:
    patterns, share = principal_filters(rng.normal(size=(5, 3, 4, 2)), 99)
    flat = patterns.reshape(len(patterns), -1)
    assert flat @ flat.T == pytest.approx(np.eye(5))
    assert share.sum() == pytest.approx(1)
    assert (np.diff(share) <= 0).all()


def test_tiles_show_zero_as_mid_grey_and_each_extreme_in_full() -> None:
    patterns = np.zeros((3, 3, 2, 2))
    patterns[0, :, 0, 1], patterns[1, 0, 0, 0] = -0.2, 5
    sheet = tiles(patterns, columns=2, zoom=1)
    assert sheet.shape == (2 * 4 + 2, 2 * 4 + 2, 3)
    assert sheet[2, 3].tolist() == [0, 0, 0]
    assert sheet[2, 6].tolist() == [255, 128, 128]
    assert sheet[3, 2].tolist() == [128, 128, 128]
    assert sheet[0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 1, 2, 2), (0, 3, 2, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="want"):
        tiles(np.zeros(shape))


def test_filters_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="filters: want"):
        principal_filters(np.full((2, 3, 2, 2), np.nan))
