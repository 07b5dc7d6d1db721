"""Outlines: filled as another library fills them, simple lines inside their pictures, parts inside their whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.draw import polygon
from skimage.measure import points_in_poly

from vit_attention.gate.outlines import outline_mask
from worlds.outlines import Outline, crossing, drawn, filled
from worlds.photographs import photographs

EVERY = {f"{one.name}: {outline.name}": outline for one in photographs().values() for outline in one.outlines.values()}
WHOLES = {
    "coffee: cup": "cup and saucer",
    "coffee: coffee": "cup",
    "coffee: saucer": "cup and saucer",
    "coffee: spoon": "cup and saucer",
    "clock: dial": "clock",
    "coins: top row": "coins",
    "coins: bottom row": "coins",
    "astronaut: face": "astronaut",
    "astronaut: eyes": "face",
    "cat: eyes": "head",
    "cat: nose": "head",
    "cat: ear": "head",
    "rocket: fairing": "rocket",
    "camera: face": "photographer",
    "camera: ear": "photographer",
}
"""Parts and what they are parts of."""


FINE = 4


def by_another_library(outline: Outline) -> np.ndarray:
    """Pixels of which scikit-image finds at least half of 16 points inside; it puts whole numbers in the middle of points."""
    wide, tall = outline.size
    out = np.zeros((tall * FINE, wide * FINE), bool)
    for lines, inside in ((outline.polygons, True), (outline.holes, False)):
        for line in lines:
            x, y = np.array(line).T * FINE - 0.5
            out[polygon(y, x, out.shape)] = inside
    return out.reshape(tall, FINE, wide, FINE).mean(axis=(1, 3)) >= 0.5


@pytest.mark.parametrize("name", EVERY)
def test_masks_agree_with_another_library(name: str) -> None:
    outline = EVERY[name]
    found, expected = outline.mask(), by_another_library(outline)
    around = sum(np.hypot(*(np.roll(p, 1, 0) - p).T).sum() for p in map(np.array, (*outline.polygons, *outline.holes)))
    assert found.shape == expected.shape
    assert (found != expected).sum() < 0.07 * around  # pixels of which nearly half is inside


def test_thin_triangles_fill_the_pixels_that_they_cover_half_of() -> None:
    assert filled([[(0, 0), (5, 0), (0, 1)]], (5, 1)).tolist() == [[True, True, True, False, False]]  # 0.9, 0.7, 0.5
    assert filled([[(0, 0.3), (4, 0.3), (4, 0.7), (0, 0.7)]], (4, 1)).sum() == 0
    assert filled([[(1.4, 0), (2.6, 0), (2.6, 2), (1.4, 2)]], (4, 2)).astype(int).tolist() == [[0, 1, 1, 0]] * 2
    assert filled([[(1.6, 0), (2.4, 0), (2.4, 2), (1.6, 2)]], (4, 2)).sum() == 0


def test_random_polygons_agree_with_points_inside_by_another_library() -> None:
    rng = np.random.default_rng(0)
    at = (np.stack(np.mgrid[:20, :20][::-1], axis=-1).reshape(-1, 1, 2) + (np.arange(12) + 0.5)[:, None] / 12).clip(0)
    points = np.stack(np.broadcast_arrays(at[:, :, None, 0], at[:, None, :, 1]), axis=-1).reshape(-1, 2)
    for corners in rng.uniform(0, 20, (30, 5, 2)):
        share = points_in_poly(points, corners).reshape(20, 20, -1).mean(axis=-1)
        sure = np.abs(share - 0.5) > 0.08
        np.testing.assert_array_equal(filled([corners.tolist()], (20, 20))[sure], (share > 0.5)[sure])


def test_large_masks_are_filled_in_bands() -> None:
    found = filled([[(0, 0), (2000, 0), (2000, 1000)]], (2000, 1000), holes=[[(1500, 10), (1900, 10), (1900, 200)]])
    assert found.sum() == pytest.approx(1e6 - 38_000, rel=1e-3)
    assert (np.diff(found[:, 1999].astype(int)) == 0).all()


def test_area_by_the_shoelace_formula_at_two_sizes() -> None:
    outline = next(iter(photographs()["clock"].outlines.values()))
    x, y = np.array(outline.polygons[0]).T
    area = abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2
    assert outline.mask().sum() == pytest.approx(area, rel=0.01)
    assert outline.mask((800, 900)).shape == (900, 800)
    assert outline.mask((800, 900)).sum() == pytest.approx(area * 2 * 3, rel=0.01)


def test_polygons_are_simple_and_inside_their_picture() -> None:
    for name, outline in EVERY.items():
        wide, tall = outline.size
        for line in (*outline.polygons, *outline.holes):
            assert len(line) >= 4, name
            assert crossing(line) is None, (name, crossing(line))
            assert all(0 <= x <= wide and 0 <= y <= tall for x, y in line), name


def test_at_least_six_photographs_have_a_main_object_of_at_least_thirty_points() -> None:
    outlined = [one for one in photographs().values() if one.outlines]
    assert len(outlined) >= 6
    assert not [one for one in outlined if one.kind == "abstract"]
    for one in outlined:
        main = next(iter(one.outlines.values()))
        assert sum(map(len, main.polygons)) >= 30, one.name
        assert one.mask is not None
        assert (one.mask == main.mask()).all()


@pytest.mark.parametrize("name", WHOLES)
def test_parts_lie_inside_their_whole(name: str) -> None:
    part = EVERY[name]
    whole = EVERY[f"{name.partition(':')[0]}: {WHOLES[name]}"]
    outside = part.mask() & ~whole.mask()
    assert outside.sum() <= 0.02 * part.mask().sum()


def test_a_hole_is_left_out_and_touching_pixels_count_by_half() -> None:
    square = ((0.0, 0.0), (6.0, 0.0), (6.0, 6.0), (0.0, 6.0))
    inner = ((2.0, 2.0), (4.0, 2.0), (4.0, 4.0), (2.0, 4.0))
    ring = Outline("ring", (square,), (inner,), (8, 8)).mask()
    expected = np.zeros((8, 8), bool)
    expected[:6, :6] = True
    expected[2:4, 2:4] = False
    assert (ring == expected).all()
    assert filled([((0, 0), (1.75, 0), (1.75, 1), (0, 1))], (3, 1)).tolist() == [[True, True, False]]
    assert filled([((0, 0), (1.25, 0), (1.25, 1), (0, 1))], (3, 1)).tolist() == [[True, False, False]]


def test_the_drawings_for_the_docs_are_there_and_small() -> None:
    folder = Path(__file__).parents[2] / "docs" / "outlines"
    outlined = {one.name for one in photographs().values() if one.outlines}
    assert {file.stem for file in folder.glob("*.jpg")} == outlined
    for file in folder.glob("*.jpg"):
        assert file.stat().st_size <= 80_000, file.name
        Image.open(file).verify()
    credits = (folder / "README.md").read_text("utf-8")
    for name in outlined:
        assert photographs()[name].credit in credits
        assert photographs()[name].licence in credits


def test_a_box_may_be_dragged_from_any_corner_and_over_the_rim() -> None:
    wanted = np.zeros((30, 40), bool)
    wanted[5:20, 10:40] = True
    for x, y in (([10, 55], [5, 20]), ([55, 10], [20, 5]), ([10, 55], [20, 5])):
        assert (filled([drawn(x, y, (40, 30))], (40, 30)) == wanted).all()


def test_a_lasso_keeps_its_shape_with_fewer_corners_and_is_one_that_the_gate_takes() -> None:
    turn = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    x, y = 50 + 30 * np.cos(turn), 50 + 30 * np.sin(turn)
    few = drawn(x.tolist(), y.tolist(), (100, 100))
    assert len(few) == 500
    assert outline_mask(few, (100, 100)).sum() == pytest.approx(np.pi * 30**2, rel=0.01)
    assert drawn([1, 5, 5, 1], [1, 1, 5, 5], (9, 9)) == ((1, 1), (5, 1), (5, 5), (1, 5))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1], [1], "want finite x and y of at least two corners, got 1 and 1"),
        ([1, 2], [1], "got 2 and 1"),
        ([1, np.nan, 3], [1, 2, 3], "want finite x and y"),
        ([-5, -1], [2, 8], "want one that surrounds some of 9 x 9 pixels"),
        ([2, 2, 2], [1, 5, 3], "want one that surrounds some of 9 x 9 pixels"),
    ],
)
def test_lines_that_surround_nothing_are_refused(x: list[float], y: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        drawn(x, y, (9, 9))
