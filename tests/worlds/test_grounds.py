"""Grounds that are textured on one side only."""

from __future__ import annotations

import numpy as np
import pytest

from worlds.grounds import SIDES, half_textured


@pytest.mark.parametrize("seed", range(6))
def test_one_half_is_plain_and_has_the_mean_colour_of_the_other(seed: int) -> None:
    for side in SIDES:
        one = half_textured(seed, side)
        beside = np.any([np.roll(one.thing, (y, x), (0, 1)) for y in range(-2, 3) for x in range(-2, 3)], axis=0)
        assert np.ptp(one.pixels[one.plain & ~beside].astype(int), axis=0).max() == 0  # the object's rim is blended
        assert one.pixels[one.textured].std(axis=0).min() > 4
        half = np.zeros((224, 224), bool)
        half[{"left": np.s_[:, :112], "right": np.s_[:, 112:], "top": np.s_[:112], "bottom": np.s_[112:]}[side]] = True
        assert (one.textured == half & ~one.thing).all()
        assert (one.plain == ~half & ~one.thing).all()


def test_the_plain_half_is_as_bright_as_the_textured_one() -> None:
    gaps = []
    for seed in range(20):
        one = half_textured(seed, "left")
        gaps.append(one.pixels[one.textured].mean() - one.pixels[one.plain].mean())
    assert np.abs(gaps).max() < 6  # the object hides a part of one of them


def test_pictures_of_one_seed_show_the_same_object_and_the_same_texture() -> None:
    left, right, top = (half_textured(5, side) for side in ("left", "right", "top"))
    assert (left.thing == right.thing).all()
    both = left.textured & top.textured
    assert (left.pixels[both] == top.pixels[both]).all()
    inside = left.thing & np.roll(left.thing, 3, 0) & np.roll(left.thing, -3, 0)
    assert (left.pixels[inside] == right.pixels[inside]).mean() > 0.95
    assert left.textured[:, :112].any()
    assert right.textured[:, 112:].any()


def test_the_same_seed_makes_the_same_picture() -> None:
    assert (half_textured(2).pixels == half_textured(2).pixels).all()
    assert (half_textured(2).pixels != half_textured(3).pixels).any()


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(ValueError, match="side: want one of left, right, top, bottom, got 'middle'"):
        half_textured(0, "middle")
