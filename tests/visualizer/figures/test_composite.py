"""Colours over a picture: a signed value keeps its side whatever hue lies under it, in files and in figures."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from visualizer.figures.composite import paint
from visualizer.figures.overlay import overlay
from visualizer.style.scale import symmetric
from vit_attention.records import Geometry


@pytest.mark.parametrize("hue", ["yellow", "orange", "purple", "red", "green", "blue", "white", "black"])
def test_the_picture_s_own_hue_does_not_turn_a_signed_value_into_its_opposite(hue: str) -> None:
    scaled = symmetric(np.array([[-1.0, 1.0]]), "share")
    where = Geometry.of(20, 10)
    drawn = paint(Image.new("RGB", (20, 10), hue), scaled, where, (20, 10), "Cividis", 0.6)
    ends = scaled.coloured(np.array([0.0, 1.0]), "Cividis").astype(float)
    for column, own in ((5, 0), (15, 1)):
        # By hue alone: how far red lies over blue, in the pixel and at both ends of the scale.
        tint = drawn[5, column, 0].astype(float) - drawn[5, column, 2]
        tints = ends[:, 0] - ends[:, 2]
        assert abs(tint - tints[own]) < abs(tint - tints[1 - own])


@pytest.mark.parametrize(("low", "pale"), [(-1.0, True), (0.0, False)])
def test_the_picture_is_pale_under_two_hues_alone(low: float, pale: bool) -> None:
    figure = overlay(Image.new("RGB", (40, 20), "yellow"), np.array([[low, 1.0]]))
    source = figure.layout.images[0].source.partition("base64,")[2]
    red, _, blue = Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB").getpixel((10, 10))
    assert (0 < red - blue < 255 / 3) == pale
