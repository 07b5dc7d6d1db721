"""Outlines in numbers: boxes and polygons as counted pixel by pixel, and one clear sentence for everything else."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import polygon2mask

from visualizer import outline_mask
from vit_attention.gate import GateError
from vit_attention.gate.outlines import MOST, remark

SIZE = (300, 200)


def test_a_box_in_every_form_covers_its_pixels() -> None:
    expected = np.zeros((200, 300), bool)
    expected[20:180, 10:150] = True
    corners = [(10, 20), (150, 20), (150, 180), (10, 180)]
    for given in ((10, 20, 150, 180), [10, 20, 150, 180], "10,20,150,180", corners, "10,20 150,20 150,180 10,180"):
        assert (outline_mask(given, SIZE) == expected).all()
    assert (outline_mask(np.array(corners), SIZE) == expected).all()
    assert (outline_mask("10,10%,50%,180", SIZE) == expected).all()


def test_a_polygon_agrees_with_another_library() -> None:
    line = np.array([(20, 30), (250, 10), (280, 150), (140, 90), (60, 190)])
    found, expected = outline_mask(line, SIZE), polygon2mask((200, 300), line[:, ::-1] - 0.5)
    around = np.hypot(*(np.roll(line, 1, 0) - line).T).sum()
    assert (found != expected).sum() < 0.25 * around


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((10, 20, 301, 180), r"inside the picture, 300 x 200 pixels, got \(301, 20\)"),
        ([(0, 0), (5, 5), (-1, 8)], r"inside the picture, .* got \(-1, 8\)"),
        ("0,0 120%,0 5,5", r"inside the picture, .* got \(360, 0\)"),
        ([(0, 0), (5, 5)], "at least 3 corners"),
        ("1,1 2,2", "at least 3 corners"),
        ((150, 20, 10, 180), "left before right"),
        ((1, 2, 3), "at least 3 corners"),
        ([(0, 0), (5, 5), (8,)], "at least 3 corners"),
        ([("a", 0), (5, 5), (8, 1)], "at least 3 corners"),
        ([(0, 0), (np.nan, 5), (8, 1)], "finite numbers"),
        ("cup", 'want "left,top,right,bottom" or "x,y x,y x,y ..."'),
        ("1,2,3,4 5,6,7,8", 'want "left,top,right,bottom" or "x,y x,y x,y ..."'),
        ("1,2,x,4", 'want "left,top,right,bottom" or "x,y x,y x,y ..."'),
        ("1e5,0,2e5,4", 'want "left,top,right,bottom" or "x,y x,y x,y ..."'),
        ("", 'want "left,top,right,bottom" or "x,y x,y x,y ..."'),
        (None, "at least 3 corners"),
        ((1, 1, 1.1, 1.1), "at least half of a pixel"),
        (np.zeros((MOST + 1, 2)), f"at most {MOST} corners"),
    ],
)
def test_what_is_no_outline_is_refused_in_a_sentence(given: object, said: str) -> None:
    with pytest.raises(GateError, match="outline: want") as refused:
        outline_mask(given, SIZE)  # type: ignore[arg-type]
    refused.match(said)
    assert "\n" not in str(refused.value)


def test_a_line_that_crosses_itself_is_told_and_filled_by_the_even_odd_rule() -> None:
    bow = [(0, 0), (100, 100), (100, 0), (0, 100)]
    assert "crosses itself (side 1 and side 3)" in remark(bow, SIZE)
    assert remark("0,0,10,10", SIZE) == ""
    found = outline_mask(bow, SIZE)
    assert found[50, 10]
    assert found[50, 90]
    assert not found[10, 50]
    assert found.sum() == pytest.approx(5000, rel=0.03)


@pytest.mark.parametrize("size", [(0, 5), (-1, 5), (5,), (1, 2, 3), "ab", None, (1.5, 2), (10**7, 10**7)])
def test_sizes_of_no_picture_are_refused(size: object) -> None:
    with pytest.raises(GateError, match="size: want"):
        outline_mask((0, 0, 1, 1), size)  # type: ignore[arg-type]
