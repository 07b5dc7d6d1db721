"""The findings of the page on layers, on weights whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tutorials.findings.hand import PATCH, context, everywhere
from tutorials.findings import layers

GRID = (2, 3)
MASK = np.array([[0, 1, 0], [0, 0, 0]])


def on_object(share: float) -> np.ndarray:
    """One head: every query gives half to the class token, and `share` of the rest to the masked patch."""
    row = np.full(7, 0.5 * (1 - share) / 5)
    row[0], row[2] = 0.5, 0.5 * share
    return everywhere(row)[None]


@pytest.mark.parametrize(
    ("shares", "right"),
    [
        ((0.9, 0.2, 0.2, 0.2, 0.2, 0.2), layers.FIRST),
        ((0.2, 0.2, 0.2, 0.9, 0.2, 0.2), layers.MIDDLE),
        ((0.2, 0.2, 0.2, 0.2, 0.9, 0.2), layers.LAST),
        ((0.1, 0.2, 0.3, 0.2, 0.1, 0.1), layers.NEVER),  # chance is 1/6, twice chance 1/3
    ],
)
def test_peak_names_the_third_with_most_weight_on_the_object(shares, right) -> None:
    assert layers.peak(context([on_object(s) for s in shares], GRID, MASK)).answer == right


def test_mass_by_layer_counts_patches_only() -> None:
    shares = (0.25, 0.5, 1.0)
    np.testing.assert_allclose(
        layers.mass_by_layer(context([on_object(s) for s in shares], GRID, MASK)), shares, atol=1e-6
    )


def test_the_chosen_head_and_query_are_followed() -> None:
    two = np.concatenate([on_object(0.1), on_object(0.8)])
    two[1, 3] = on_object(0.6)[0, 0]
    now = context([two, two], GRID, MASK, head=1, query=3)
    np.testing.assert_allclose(layers.mass_by_layer(now), [0.6, 0.6], atol=1e-6)


def test_without_a_chosen_head_the_mean_of_all_heads_is_followed() -> None:
    two = np.concatenate([on_object(0.1), on_object(0.8)])
    np.testing.assert_allclose(layers.mass_by_layer(context([two], GRID, MASK)), [0.45], atol=1e-6)


def test_most_focused_layer() -> None:
    sharp, flat = everywhere([0, 1, 0, 0, 0, 0, 0])[None], everywhere(np.ones(7))[None]
    found = layers.most_focused(context([flat, flat, sharp, flat], GRID))
    assert found.answer == 3.0
    assert "0.00 bits" in found.text
    assert "2.81 bits" in found.text


def test_edge_strength_is_high_where_brightness_jumps() -> None:
    pixels = np.zeros((2 * PATCH, 3 * PATCH, 3), np.uint8)
    pixels[PATCH + 2 : 2 * PATCH - 2, 2 * PATCH + 2 : 3 * PATCH - 2] = 255
    edges = layers.edge_strength(context([on_object(0.5)], GRID, pixels=pixels))
    assert edges.argmax() == 5
    assert edges[0, 0] < 0.01 * edges[1, 2]


def follow(values: np.ndarray) -> np.ndarray:
    return everywhere(np.concatenate([[0.1], values + 0.01]))[None]


def test_edges_then_objects_needs_both() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 255, (2 * PATCH, 3 * PATCH, 1), np.uint8).repeat(3, axis=2)
    pixels[:, :PATCH] //= 8
    edges = layers.edge_strength(context([on_object(0.5)], GRID, pixels=pixels)).ravel()
    early, late = follow(edges / edges.max()), follow(MASK.ravel() * 5.0 + edges.max() / (1 + edges))
    right = context([early, early, late], GRID, MASK, pixels=pixels)
    assert layers.edges_then_objects(right).answer is True
    assert layers.edges_then_objects(context([late, early, early], GRID, MASK, pixels=pixels)).answer is False
    assert layers.edges_then_objects(context([early, early, early], GRID, MASK, pixels=pixels)).answer is False
    assert layers.edges_then_objects(context([early, early, late], GRID, pixels=pixels)).answer is None
    assert layers.edges_then_objects(context([late, late, early], GRID, pixels=pixels)).answer is False


def test_edges_without_more_object_or_object_without_edges_is_not_enough() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 255, (2 * PATCH, 3 * PATCH, 1), np.uint8).repeat(3, axis=2)
    edges = layers.edge_strength(context([on_object(0.5)], GRID, pixels=pixels)).ravel()
    against = follow(np.where(MASK.ravel() == 1, 0, edges.max() - edges))
    found = layers.edges_then_objects(context([follow(edges), follow(edges), against], GRID, MASK, pixels=pixels))
    assert found.answer is False  # the edges as claimed, the objects not
    on = follow(edges.max() - edges + 90 * edges.max() * MASK.ravel())
    found = layers.edges_then_objects(context([follow(edges.max() - edges), on, on], GRID, MASK, pixels=pixels))
    assert found.answer is False  # the objects as claimed, the edges not


def test_converges_needs_weight_that_grows() -> None:
    growing = [on_object(s) for s in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    assert layers.converges(context(growing, GRID, MASK)).answer is True
    assert layers.converges(context(growing[::-1], GRID, MASK)).answer is False
    assert layers.converges(context(growing, GRID)).answer is None


def test_last_is_best() -> None:
    assert layers.last_is_best(context([on_object(0.2), on_object(0.5)], GRID, MASK)).answer is True
    found = layers.last_is_best(context([on_object(0.7), on_object(0.5)], GRID, MASK))
    assert found.answer is False
    assert "layer 1 with 70.0%" in found.text


def test_smooth_compares_neighbours_with_the_rest() -> None:
    order = np.arange(1.0, 7.0)
    drift = [
        follow(np.roll(order, 0)),
        follow(order[[0, 1, 2, 3, 5, 4]]),
        follow(order[[0, 2, 1, 3, 5, 4]]),
        follow(order[[2, 0, 1, 5, 3, 4]]),
    ]
    assert layers.smooth(context(drift, GRID)).answer is True
    assert layers.smooth(context([follow(order), follow(order[::-1])] * 3, GRID)).answer is False
    assert layers.smooth(context([on_object(1 / 6)] * 4, GRID)).answer is None  # flat maps have no order
