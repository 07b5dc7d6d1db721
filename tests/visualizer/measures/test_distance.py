"""Mean attention distance against a loop over all pairs of patches."""

from __future__ import annotations

from math import dist

import numpy as np
import pytest

from visualizer.measures.distance import attention_distance, patch_distances


def longhand(head, grid, prefix, size):
    """Distances of one head by going through the patches and their pixels' centres one by one."""
    centres = [((r + 0.5) * size[0], (c + 0.5) * size[1]) for r in range(grid[0]) for c in range(grid[1])]
    means = []
    for query, here in enumerate(centres):
        row = head[prefix + query][prefix:]
        means.append(sum(w * dist(here, there) for w, there in zip(row, centres, strict=True)) / sum(row))
    return means


@pytest.mark.parametrize(("grid", "prefix"), [((2, 3), 1), ((3, 2), 0), ((1, 4), 5), ((4, 4), 2)])
@pytest.mark.parametrize("size", [16, (8, 20)])
def test_distance_is_the_mean_over_all_pairs(grid, prefix, size):
    tokens = prefix + grid[0] * grid[1]
    weights = np.random.default_rng(0).dirichlet(np.ones(tokens), size=(3, tokens))
    sides = size if isinstance(size, tuple) else (size, size)
    expected = np.array([longhand(head, grid, prefix, sides) for head in weights])
    np.testing.assert_allclose(attention_distance(weights, grid, prefix, size), expected.mean(axis=1))
    np.testing.assert_allclose(attention_distance(weights, grid, prefix, size, per_query=True), expected)
    stacked = np.stack([weights, weights[::-1]])
    batched = attention_distance(stacked.astype(np.float32), grid, prefix, size)
    np.testing.assert_allclose(batched, [expected.mean(axis=1), expected.mean(axis=1)[::-1]], rtol=1e-5)


def test_the_defaults_are_those_of_a_base_model_at_224_pixels():
    weights = np.zeros((1, 197, 197))
    weights[0, :, 0] = 0.5
    weights[0, 1:, 1] = 0.5  # every patch looks at the first one
    rows, columns = np.divmod(np.arange(196), 14)
    expected = 16 * np.sqrt(rows**2 + columns**2).mean()
    np.testing.assert_allclose(attention_distance(weights), [expected])


def test_mass_on_special_tokens_does_not_shorten_the_distance():
    patches = np.random.default_rng(2).dirichlet(np.ones(4), size=(1, 4))
    weights = np.zeros((1, 6, 6))
    weights[:, 2:, 2:] = 0.3 * patches
    weights[:, 2:, 0] = 0.7
    expected = attention_distance(patches, (2, 2), prefix=0)
    np.testing.assert_allclose(attention_distance(weights, (2, 2), prefix=2), expected)


@pytest.mark.filterwarnings("error")
def test_patches_that_give_nothing_to_patches_are_left_out():
    weights = np.array([[[1.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0]]])
    np.testing.assert_array_equal(attention_distance(weights, (1, 2), 1, 16, per_query=True), [[np.nan, 16]])
    np.testing.assert_array_equal(attention_distance(weights, (1, 2), 1, 16), [16])
    np.testing.assert_array_equal(attention_distance(np.zeros((1, 3, 3)), (1, 2), 1, 16), [np.nan])


def test_absent_keys_count_as_absent():
    weights = np.array([[[0.5, 0.5, np.nan], [0.25, 0.5, 0.25], [np.nan, 0.0, 1.0]]])
    np.testing.assert_allclose(attention_distance(weights, (1, 3), 0, 10, per_query=True), [[5, 5, 0]])


def test_patch_distances_of_a_tall_patch():
    np.testing.assert_allclose(patch_distances((2, 2), (3, 4))[0], [0, 4, 3, 5])


@pytest.mark.parametrize("grid", [None, 4, (2,), (1, 2, 2), (2.0, 2.0), "22"])
def test_a_grid_of_another_kind_is_refused(grid):
    for call in (lambda: attention_distance(np.ones((1, 4, 4)), grid, 0), lambda: patch_distances(grid)):
        with pytest.raises(ValueError, match="grid: want two whole numbers, got"):
            call()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"weights: want 1 \+ 14 \* 14 = 197 queries and keys, got shape \(1, 5, 5\)"):
        attention_distance(np.ones((1, 5, 5)))
    with pytest.raises(ValueError, match="grid and patch_size: want positive"):
        attention_distance(np.ones((1, 4, 4)), (2, 2), 0, 0)
    with pytest.raises(ValueError, match="weights: want finite"):
        attention_distance(-np.ones((1, 4, 4)), (2, 2), 0)


@pytest.mark.parametrize("prefix", [-1, 1.0, None, "1"])
def test_a_prefix_that_is_no_whole_number_is_refused(prefix: object) -> None:
    with pytest.raises(ValueError, match=r"prefix: want at least 0, got"):
        attention_distance(np.full((1, 5, 5), 0.2), (2, 2), prefix, 1)  # type: ignore[arg-type]
