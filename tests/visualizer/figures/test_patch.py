"""A patch enlarged: what is handed to the browser."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.figures import patch as patch_figure


def test_colours_arrive_unchanged_and_pixels_stay_square(rng: np.random.Generator) -> None:
    patch = rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    fig = patch_figure.pixels(patch)
    assert (np.asarray(fig.data[0].z) == patch).all()
    assert fig.layout.yaxis.scaleanchor == "x"
    assert tuple(fig.layout.yaxis.range) == (3.5, -0.5)


def test_one_channel_prints_its_numbers_on_a_fixed_scale(rng: np.random.Generator) -> None:
    patch = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    heat = patch_figure.pixels(patch, "green").data[0]
    assert (np.asarray(heat.z) == patch[..., 1]).all()
    assert (heat.zmin, heat.zmax, heat.texttemplate) == (0, 255, "%{z:.0f}")
    large = np.zeros((32, 32, 3), np.uint8)
    assert patch_figure.pixels(large, "red").data[0].texttemplate is None


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="patch: want"):
        patch_figure.pixels(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="channel: want"):
        patch_figure.pixels(np.zeros((4, 4, 3)), "alpha")
