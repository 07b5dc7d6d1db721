"""Scenes: the same seed gives the same scene, and masks lie where the paint is."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from skimage.measure import label, regionprops
from skimage.transform import resize

from worlds.scenes import SIDE, _stamp, coverage, scene, scenes
from worlds.shapes import COLOURS, NAMES, SHAPES

FINGERPRINT = "2e49d4dee0680d1e"


def test_the_same_seed_gives_the_same_scene() -> None:
    first, again = scene(41), scene(41)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert [t.shape for t in first.things] == [t.shape for t in again.things]
    assert not np.array_equal(first.pixels, scene(42).pixels)


def test_a_scene_of_last_year_is_still_the_same() -> None:
    """Links and figures name scenes by seed: a change of the generator must be noticed."""
    assert hashlib.sha256(scene(7).pixels.tobytes()).hexdigest()[:16] == FINGERPRINT


@pytest.mark.parametrize("seed", range(30))
def test_masks_and_boxes_agree_with_the_picture(seed: int) -> None:
    made = scene(seed, difficulty=0.0)  # no clutter and nothing hidden: the paint can be found by its colour
    assert made.pixels.shape == (SIDE, SIDE, 3)
    assert made.pixels.dtype == np.uint8
    for thing in made.things:
        inside = made.pixels[thing.mask].astype(float)
        wanted = np.array(COLOURS[thing.colour], float)
        assert np.abs(inside.mean(axis=0) - wanted).max() < 35  # fill is jittered by 16 and shaded by 15
        rows, columns = np.nonzero(thing.mask)
        assert thing.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert thing.visible == pytest.approx(1, abs=0.02)


def test_nothing_outside_the_mask_has_the_objects_colour() -> None:
    """Found by colour alone, the object is the mask, up to its antialiased rim."""
    made = scene(3, difficulty=0.0, objects=1)
    thing = made.things[0]
    ground = np.median(made.pixels[~thing.mask], axis=0)
    nearer = np.linalg.norm(made.pixels - made.pixels[thing.mask].mean(axis=0), axis=-1) < np.linalg.norm(
        made.pixels - ground, axis=-1
    )
    union, both = (nearer | thing.mask).sum(), (nearer & thing.mask).sum()
    assert both / union > 0.93


def test_hidden_parts_are_not_in_the_mask() -> None:
    """Over many hard scenes some objects are partly hidden, and their masks shrink by as much."""
    shares = [t.visible for made in scenes(80, seed=500, difficulty=1.0) for t in made.things]
    assert 0.3 < min(shares) < 0.95
    assert max(shares) <= 1


def test_difficulty_makes_objects_smaller_and_grounds_busier() -> None:
    plain, hard = (list(scenes(60, seed=900, difficulty=d)) for d in (0.0, 1.0))
    areas = [np.mean([t.mask.mean() for s in made for t in s.things]) for made in (plain, hard)]
    busy = [np.mean([s.pixels[~s.mask].std() for s in made]) for made in (plain, hard)]
    assert areas[0] > areas[1]
    assert busy[1] > 1.3 * busy[0]


def test_two_objects_are_of_two_shapes_and_apart() -> None:
    for made in scenes(40, seed=70, objects=2):
        first, second = made.things
        assert first.shape != second.shape
        assert first.colour != second.colour
        assert not (first.mask & second.mask).any()
        assert made.thing(first.shape) is first
    with pytest.raises(KeyError, match="want one of"):
        made.thing("teapot")


@pytest.mark.parametrize("name", NAMES)
def test_outlines_fill_as_a_polygon_test_says(name: str) -> None:
    """Even-odd point-in-polygon by brute force against the painted stamp."""
    outline = SHAPES[name]
    assert 0.9 < np.hypot(*outline.T).max() < 1.22
    stamp = _stamp(outline, 20.0)
    half = stamp.shape[0] // 2
    wrong = 0
    for (row, column), cover in np.ndenumerate(stamp):
        if 0.02 < cover < 0.98:
            continue  # the rim
        x, y = (column + 0.5 - half) / 20, (row + 0.5 - half) / 20
        wrong += (_inside(outline, x, y) != (cover > 0.5)) and _distance(outline, x, y) > 0.04
    assert wrong == 0


def _inside(outline: np.ndarray, x: float, y: float) -> bool:
    odd = False
    for (x1, y1), (x2, y2) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            odd = not odd
    return odd


def _distance(outline: np.ndarray, x: float, y: float) -> float:
    return float(np.hypot(outline[:, 0] - x, outline[:, 1] - y).min())


def test_every_shape_is_one_piece_of_its_own_form() -> None:
    """No two shapes overlap so much that a class would be ambiguous, at any tilt the scenes use."""
    stamps = {name: _stamp(outline, 24.0) > 0.5 for name, outline in SHAPES.items()}
    for name, stamp in stamps.items():
        assert label(stamp).max() == 1, name
        assert regionprops(label(stamp))[0].area > 300
    side = 50
    for a in NAMES:
        for b in NAMES:
            if a < b:
                first, second = (np.asarray(resize(stamps[n].astype(float), (side, side))) > 0.5 for n in (a, b))
                assert (first & second).sum() / (first | second).sum() < 0.9, (a, b)


def test_coverage_is_the_share_of_each_patch() -> None:
    mask = np.zeros((224, 224), bool)
    mask[16:32, 32:40] = True
    cover = coverage(mask)
    assert cover[1, 2] == pytest.approx(0.5)
    assert cover.sum() == pytest.approx(0.5)
    with pytest.raises(ValueError, match="patches tile"):
        coverage(mask, (13, 14))


@pytest.mark.parametrize("wrong", [{"difficulty": 1.5}, {"objects": 3}])
def test_impossible_wishes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="want"):
        scene(0, **wrong)  # type: ignore[arg-type]


def test_the_picture_is_the_pixels() -> None:
    made = scene(1)
    assert made.picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(made.picture), made.pixels)
