"""How alike two maps are, and what asks on another grid."""

from __future__ import annotations

import numpy as np
import pytest

from tests.visualizer.method.test_methods import AXIS, record
from tutorials.findings.context import Context, Picture, Selection
from ui.explore.compare import likeness
from ui.explore.sides import SAME, linked
from vit_attention.records import AttentionMap, AttentionRecord, Axis


def context(query: int = 0) -> Context:
    """A bundle on the page: 2 x 3 patches behind a class token, saved for the class dog."""
    picture = Picture("bundle", "bundle-x", "x", None)  # type: ignore[arg-type]
    return Context(
        "toy", picture, record(), Selection(1, None, query, max(query - 1, 0) // 3, max(query - 1, 0) % 3, ())
    )


def test_likeness_by_hand() -> None:
    first, second = np.arange(20.0).reshape(4, 5), np.arange(20.0)[::-1].reshape(4, 5)
    assert likeness(first, second, 10) == (-1.0, 0, 10, 5.0)
    assert likeness(first, first**2, 3)[:2] == (1.0, 3)
    assert np.isnan(likeness(first, np.ones((4, 5)), 3).rank)


def test_the_same_place_asks_on_another_grid() -> None:
    axis = Axis.patches(4, 6, ("class", "register"))
    flat = np.full((1, len(axis), len(axis)), 1 / len(axis), np.float32)
    other = AttentionRecord((AttentionMap(flat, "block.0", 0, "self", axis, axis),))
    found = linked(context(query=len(AXIS) - 1), other, SAME, "7")  # row 2, column 3 of 2 x 3
    assert (found.row, found.column) == (3, 5)
    assert (found.layer, found.head) == (0, 0)
    assert other.maps[0].query.name(found.query) == "patch in row 4, column 6"


def test_a_bundle_has_no_gradients_for_another_class() -> None:
    now = context()
    np.testing.assert_array_equal(now.answer("relevance", "dog").row, now.answer("relevance", "dog").row)
    with pytest.raises(ValueError, match="saved without what relevance needs for 'cat'"):
        now.answer("relevance", "cat")
