"""Regions on a picture: places and numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from visualizer.measures.regions import region_boxes, region_heat
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

PICTURE = Image.new("RGB", (80, 40), (90, 90, 90))
WHOLE = Geometry.of(80, 40)
BOXES = Axis("regions", boxes=np.array([[0.0, 0, 40, 40], [20, 0, 60, 40], [np.nan] * 4]))


def test_the_strongest_of_overlapping_boxes_counts_and_bare_places_are_not_defined() -> None:
    heat = region_heat([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], BOXES, WHOLE, finest=4)
    np.testing.assert_array_equal(heat[0], [[0.2, 0.5, 0.5, np.nan]] * 2)
    np.testing.assert_array_equal(heat[1], [[0.6, 0.6, 0.1, np.nan]] * 2)


def test_a_grid_is_laid_as_it_is() -> None:
    np.testing.assert_array_equal(region_heat(np.arange(6.0), Axis.patches(2, 3)), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(region_boxes(Axis.patches(2, 4), WHOLE.resize(8, 4))[6], [40, 20, 60, 40])


def test_says_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="want 3, one per region, got 2"):
        region_heat([0.5, 0.5], BOXES, WHOLE)
    with pytest.raises(ValueError, match="whose place nobody knows"):
        region_heat(np.zeros(3), BOXES)
