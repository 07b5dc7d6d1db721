"""The refiner early and late, on regions whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tutorials.findings import refiner
from tutorials.findings.captioning import Captioning
from tutorials.findings.context import Picture
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry

BOXES = np.array([[0.0, 0, 10, 10], [30, 0, 40, 10], [0, 30, 10, 60]])
"""Middles (5, 5), (35, 5), (5, 45): 30, 40 and 50 pixels apart."""
EVEN, SELF, NEXT = np.full((3, 3), 1 / 3), np.eye(3), np.roll(np.eye(3), 1, 0)


def captioned(*layers: list[np.ndarray], boxes: np.ndarray | None = BOXES) -> Captioning:
    axis = Axis("regions", boxes=boxes) if boxes is not None else Axis("regions", boxes=np.full((3, 4), np.nan))
    words = Axis("text", labels=("a", "ring"))
    maps = [
        AttentionMap(np.stack(one).astype(np.float32), f"r{n}", n, "self", axis, axis) for n, one in enumerate(layers)
    ]
    decoder = AttentionMap(np.full((1, 2, 3), 1 / 3, np.float32), "d", len(maps), "cross", words, axis)
    record = AttentionRecord((*maps, decoder), Geometry.of(50, 60))
    picture = Picture("hand", "hand", "By hand", Image.new("RGB", (50, 60)))
    return Captioning("by-hand", picture, record, None, 0)


def test_distances_are_between_the_middles_of_boxes() -> None:
    found = refiner.distance(captioned([EVEN, SELF], [NEXT, EVEN]))
    assert found is not None
    # Each to the next: 30 + 50 + 40 over three; evenly: twice that over nine.
    assert found.values == pytest.approx(np.array([[240 / 9, 0], [40, 240 / 9]]))
    assert found.even == pytest.approx(240 / 9)
    assert found.layers == pytest.approx([120 / 9, (40 + 240 / 9) / 2])


def test_evenness_is_1_for_equal_shares_and_0_for_one_region() -> None:
    found = refiner.evenness(captioned([EVEN, SELF], [SELF, NEXT]))
    assert found.values == pytest.approx(np.array([[1, 0], [0, 0]]), abs=1e-6)


def test_the_layer_that_looks_farther_and_the_one_that_is_more_even() -> None:
    now = captioned([SELF], [NEXT])
    assert refiner.looks_farther(now).answer == refiner.LAST
    assert (
        "0 pixels in layer 1, 40 pixels in layer 2; evenly spread weights have 27 pixels"
        in refiner.looks_farther(now).text
    )
    assert refiner.more_even(now).answer == refiner.SAME
    assert refiner.more_even(captioned([EVEN], [SELF])).answer == refiner.FIRST
    assert refiner.looks_farther(captioned([NEXT], [NEXT])).answer == refiner.SAME


def test_no_refiner_or_no_places_cannot_be_told() -> None:
    assert refiner.looks_farther(captioned([SELF])) == refiner.NO_REFINER
    assert refiner.more_even(captioned()) == refiner.NO_REFINER
    assert refiner.looks_farther(captioned([SELF], [NEXT], boxes=None)) == refiner.NO_PLACES
