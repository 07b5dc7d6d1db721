"""Controls that know no model: colours against scikit-image, the prior by its definition, scores on constructed truth."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from visualizer import centre_prior, colour_contrast, coverage, outline_mask, score_against
from vit_attention.gate import GateError
from vit_attention.records import Geometry
from worlds.photographs import photograph

GEOMETRIES = {
    "whole": Geometry.of(60, 40),
    "cropped": Geometry.of(60, 40).resize(30, 20).crop(5, 0, 20, 20),
    "turned": Geometry.of(60, 40).turn(1),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_colours_of_patches_agree_with_scikit_image_pixel_by_pixel(name: str, rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (40, 60, 3), np.uint8)
    lab = rgb2lab(pixels)
    if name == "cropped":
        lab = lab[:, 10:50]
    elif name == "turned":
        lab = np.rot90(lab)
    rows, columns = 2, 4
    cells = lab.reshape(rows, lab.shape[0] // rows, columns, lab.shape[1] // columns, 3).mean(axis=(1, 3))
    expected = np.sqrt(((cells - cells.mean(axis=(0, 1))) ** 2).sum(axis=-1))
    found = colour_contrast(Image.fromarray(pixels), (rows, columns), GEOMETRIES[name])
    assert found == pytest.approx(expected, abs=0.02)


def test_a_patch_of_another_colour_stands_out_and_padding_is_unknown() -> None:
    picture = Image.new("RGB", (60, 60), (90, 90, 90))
    picture.paste((220, 30, 30), (40, 20, 60, 40))
    found = colour_contrast(picture, (3, 3))
    assert np.unravel_index(found.argmax(), found.shape) == (1, 2)
    padded = colour_contrast(picture, (3, 4), Geometry.of(60, 60).pad(0, 0, 20, 0))
    assert np.isnan(padded[:, 3]).all()
    assert np.isfinite(padded[:, :3]).all()


def test_centre_prior_by_its_definition() -> None:
    found = centre_prior((5, 9), 0.3)
    expected = np.empty((5, 9))
    for row in range(5):
        for column in range(9):
            y, x = (row + 0.5) / 5 - 0.5, (column + 0.5) / 9 - 0.5
            expected[row, column] = np.exp(-(x * x + y * y) / (2 * 0.3**2))
    assert found == pytest.approx(expected / expected.sum())


def test_scores_of_a_map_that_is_the_outline_itself() -> None:
    picture = Image.new("RGB", (80, 80), "white")
    picture.paste("black", (0, 0, 20, 20))
    mask = outline_mask((0, 0, 20, 20), (80, 80))
    values = np.zeros((4, 4))
    values[0, 0] = 1
    scores = {one.name: one for one in score_against(values, mask, picture)}
    assert list(scores) == ["map", "chance", "centre prior", "colour contrast"]
    assert (scores["map"].inside, scores["map"].hit) == (1, 1)
    assert (scores["chance"].inside, scores["chance"].hit) == (1 / 16, 1 / 16)
    assert scores["centre prior"].inside < 1 / 16
    assert scores["centre prior"].hit == 0
    # One black patch of 16: its distance from the mean is 15 times that of each other one.
    assert scores["colour contrast"].inside == pytest.approx(0.5, abs=1e-3)
    assert scores["colour contrast"].hit == 1


def test_a_signed_map_has_no_shares_but_points() -> None:
    scored = score_against([[-1.0, 2.0]], np.array([[False, True]]))[0]
    assert np.isnan(scored.inside)
    assert scored.hit == 1


def test_outlines_the_model_did_not_see_are_refused() -> None:
    geometry = Geometry.of(40, 20).crop(0, 0, 20, 20)
    with pytest.raises(GateError, match="outline: want one that covers something the model saw"):
        score_against(np.ones((2, 2)), outline_mask((30, 0, 40, 20), (40, 20)), None, geometry)
    with pytest.raises(GateError, match="values: want"):
        score_against(np.ones(4), np.ones((2, 2)))
    with pytest.raises(GateError, match="sigma larger than 0"):
        centre_prior((2, 2), 0)


def test_an_own_outline_scores_as_the_photographs_own() -> None:
    coffee = photograph("coffee")
    cup = coffee.outlines["cup"]
    values = np.arange(24.0).reshape(4, 6)
    assert coverage(values, outline_mask(list(cup.polygons[0]), cup.size)) == coverage(values, cup.mask())
