"""Similarities against scipy's distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cosine, jensenshannon

from visualizer.measures.similarity import (
    cosine_similarity,
    head_similarity,
    patch_similarity,
    position_similarity,
)


def heads(count=4, queries=3, keys=5, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(keys, 0.3), size=(count, queries))


def pairwise(items, function):
    return np.array([[function(a, b) for b in items] for a in items])


def test_head_cosine_equals_scipy():
    maps = heads()
    expected = pairwise(maps, lambda a, b: 1 - cosine(a.ravel(), b.ravel()))
    np.testing.assert_allclose(head_similarity(maps), expected, atol=1e-12)
    np.testing.assert_allclose(head_similarity(maps.astype(np.float16)), expected, atol=2e-3)


def test_head_jensen_shannon_equals_scipy():
    maps = heads()
    divergence = pairwise(maps, lambda a, b: np.mean([jensenshannon(p, q, base=2) ** 2 for p, q in zip(a, b)]))  # noqa: B905
    actual = head_similarity(maps, "jensen-shannon")
    np.testing.assert_allclose(actual, 1 - divergence, atol=1e-12)
    assert actual.min() >= 0
    assert actual.max() <= 1


def test_layers_with_different_head_counts_are_compared_all_together():
    maps = heads(5)
    for metric in ("cosine", "jensen-shannon"):
        np.testing.assert_allclose(head_similarity([maps[:2], maps[2:]], metric), head_similarity(maps, metric))
    np.testing.assert_allclose(head_similarity(np.stack([maps, maps])), np.tile(head_similarity(maps), (2, 2)))


@pytest.mark.filterwarnings("error")
def test_heads_without_attention_are_undefined_and_empty_queries_left_out():
    maps = heads(3)
    maps[1] = 0
    maps[2, 0] = np.nan
    expected = 1 - np.mean([jensenshannon(p, q, base=2) ** 2 for p, q in zip(maps[0, 1:], maps[2, 1:], strict=True)])
    for metric in ("cosine", "jensen-shannon"):
        similarity = head_similarity(maps, metric)
        assert np.isnan(similarity[1]).all()
        assert np.isnan(similarity[:, 1]).all()
        np.testing.assert_allclose(similarity[[0, 2], [0, 2]], 1)
    np.testing.assert_allclose(similarity[0, 2], expected)


def test_vector_cosine_equals_scipy():
    vectors = np.random.default_rng(1).standard_normal((6, 8))
    expected = pairwise(vectors, lambda a, b: 1 - cosine(a, b))
    np.testing.assert_allclose(cosine_similarity(vectors), expected, atol=1e-12)
    huge = cosine_similarity((vectors * 3e4).astype(np.float32))
    assert np.abs(huge).max() <= 1


@pytest.mark.filterwarnings("error")
def test_a_vector_without_direction_is_undefined():
    np.testing.assert_array_equal(cosine_similarity([[0.0, 0.0], [3.0, 4.0]]), [[np.nan, np.nan], [np.nan, 1]])


def test_position_similarity_keeps_rows_and_columns_apart():
    table = np.random.default_rng(2).standard_normal((2 + 6, 4))
    similarity = position_similarity(table[None], (2, 3), prefix=2)
    assert similarity.shape == (2, 3, 2, 3)
    for row, column, other_row, other_column in np.ndindex(2, 3, 2, 3):
        here, there = table[2 + 3 * row + column], table[2 + 3 * other_row + other_column]
        np.testing.assert_allclose(
            similarity[row, column, other_row, other_column], 1 - cosine(here, there), atol=1e-12
        )


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="metric: want one of cosine, jensen-shannon, got 'euclid'"):
        head_similarity(heads(), "euclid")
    with pytest.raises(ValueError, match="heads: want"):
        head_similarity([heads(), heads(keys=6)])
    with pytest.raises(ValueError, match="heads: want"):
        head_similarity([])
    with pytest.raises(ValueError, match="vectors: want finite"):
        cosine_similarity([[np.nan, 1.0]])
    with pytest.raises(ValueError, match=r"table: want 1 \+ 2 \* 2 = 5 rows"):
        position_similarity(np.ones((4, 3)), (2, 2))


def test_patches_are_numbers_or_booleans() -> None:
    tokens = np.eye(4)[[0, 0, 1, 2]]
    np.testing.assert_array_equal(patch_similarity(tokens, [False, False, True, False]), [0, 0, 1, 0])
    for patches in ([4], [-1], [1.5], 2, "ab", None, [[1, 2]], [True]):
        with pytest.raises(ValueError, match="patches: want 4 booleans or numbers from 0 to 3, got"):
            patch_similarity(tokens, patches)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="patches: want at least one, got none"):
        patch_similarity(tokens, [])
