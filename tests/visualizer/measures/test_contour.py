from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from visualizer.measures.contour import rims


def area(rim: np.ndarray) -> float:
    """Signed area by the shoelace formula."""
    x, y = rim[:-1].T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def test_rims_enclose_exactly_the_pixels_of_the_mask() -> None:
    canvas = Image.new("L", (60, 40))
    ImageDraw.Draw(canvas).ellipse((5, 5, 35, 33), fill=1)
    ImageDraw.Draw(canvas).ellipse((15, 12, 22, 20), fill=0)
    ImageDraw.Draw(canvas).rectangle((50, 0, 59, 9), fill=1)
    mask = np.asarray(canvas) > 0
    found = rims(mask)
    assert len(found) == 3
    assert sum(area(one) for one in found) == mask.sum()
    for one in found:
        assert np.array_equal(one[0], one[-1])
        assert np.abs(np.diff(one, axis=0)).min(axis=1).max() == 0  # straight along pixel edges


def test_a_rim_touching_itself_at_a_corner_is_walked_once() -> None:
    assert sum(area(one) for one in rims([[1, 0], [0, 1]])) == 2


def test_large_masks_are_thinned_but_keep_their_place() -> None:
    mask = np.zeros((800, 1200), bool)
    mask[200:400, 600:1000] = True
    (rim,) = rims(mask)
    assert (
        np.abs(
            np.array([rim[:, 0].min(), rim[:, 1].min(), rim[:, 0].max(), rim[:, 1].max()]) - (600, 200, 1000, 400)
        ).max()
        <= 7
    )


def test_nothing_has_no_rim_and_another_shape_is_refused() -> None:
    assert rims(np.zeros((4, 4))) == []
    with pytest.raises(ValueError, match="mask: want"):
        rims(np.zeros(4))
