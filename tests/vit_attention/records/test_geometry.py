from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from vit_attention.records.geometry import Geometry


def seen_by(picture: np.ndarray, quarters: int) -> np.ndarray:
    """Pixels after pad, turn and crop done with numpy alone: pad 2 left and 1 top, turn, crop 6 x 5 at (1, 0)."""
    padded = np.pad(picture, ((1, 0), (2, 0)))
    return np.rot90(padded, quarters)[0:5, 1:7]


@pytest.mark.parametrize("quarters", range(4))
def test_every_pixel_seen_is_found_on_the_original(quarters: int) -> None:
    height, width = 7, 9
    picture = np.arange(1, height * width + 1).reshape(height, width)
    geometry = Geometry.of(width, height).pad(2, 1, 0, 0).turn(quarters).crop(1, 0, 6, 5)
    seen = seen_by(picture, quarters)
    assert geometry.seen == (6, 5)
    for (y, x), value in np.ndenumerate(seen):
        if value == 0:
            continue  # padding
        left, top = geometry.to_original([[x + 0.5, y + 0.5]])[0]
        assert picture[int(top), int(left)] == value
    # The grid laid on the original puts every value over its own pixel as well.
    placed = geometry.place(seen)
    for (row, column), value in np.ndenumerate(placed.values):
        if value:
            x, y = placed.left + (column + 0.5) * placed.width, placed.top + (row + 0.5) * placed.height
            assert picture[int(y), int(x)] == value


def test_resize_follows_pillow() -> None:
    """A mark of 8 x 8 pixels stays where Pillow's own resize puts it."""
    picture = Image.new("L", (64, 48))
    picture.paste(255, (40, 16, 48, 24))
    small = np.asarray(picture.resize((32, 12), Image.Resampling.BOX))
    (box,) = Geometry.of(64, 48).resize(32, 12).boxes_to_original([[20, 4, 24, 6]])
    assert small[4:6, 20:24].min() == 255
    assert small.sum() == 255 * 8
    np.testing.assert_allclose(box, [40, 16, 48, 24])


def test_there_and_back() -> None:
    geometry = Geometry.of(640, 480).resize(341, 256).crop(58, 16, 224, 224).turn(1)
    points = np.random.default_rng(0).uniform(0, 480, (20, 2))
    np.testing.assert_allclose(geometry.to_original(geometry.to_seen(points)), points, atol=1e-9)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel"):
        Geometry.of(0, 5)
    with pytest.raises(ValueError, match="invertible"):
        Geometry((4, 4), (4, 4), ((0, 0, 0), (0, 0, 0)))
    slanted = Geometry((4, 4), (4, 4), ((1, 0.5, 0), (0, 1, 0)))
    with pytest.raises(ValueError, match="quarter turns"):
        slanted.place(np.zeros((2, 2)))
