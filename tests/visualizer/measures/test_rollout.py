"""Rollout against sums over paths, long-hand matrix chains and hand-made layers."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import pytest

from visualizer.measures.rollout import (
    class_rollout,
    class_rollouts,
    fuse,
    mixed_layers,
    relevance,
    rollout,
    rollouts,
)

FUSIONS = {"mean": np.mean, "max": np.max, "min": np.min}


def random_layers(depth=3, heads=2, tokens=5, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.dirichlet(np.full(tokens, 0.5), size=(heads, tokens)).astype(dtype) for _ in range(depth)]


def longhand_layer(layer, residual, fusion, ratio, prefix):
    """One layer entry by entry, with exact counting of what is dropped."""
    tokens = layer.shape[-1]
    drop = int(Fraction(str(ratio)) * (tokens - prefix))
    mixed = np.zeros((tokens, tokens))
    for query in range(tokens):
        row = [FUSIONS[fusion]([head[query][key] for head in layer]) for key in range(tokens)]
        for key in sorted(range(prefix, tokens), key=lambda key: row[key])[:drop]:
            row[key] = 0.0
        total = sum(row)
        for key in range(tokens):
            attention = row[key] / total if total > 0 else float(key == query)
            mixed[query, key] = residual * (key == query) + (1 - residual) * attention
    return mixed


def path_sum(steps):
    """Rollout by its definition: add the weight of every path from input to last layer."""
    tokens = len(steps[0])
    total = np.zeros((tokens, tokens))
    for path in product(range(tokens), repeat=len(steps) + 1):
        total[path[-1], path[0]] += np.prod(
            [s[top, below] for s, below, top in zip(steps, path, path[1:], strict=False)]
        )
    return total


@pytest.mark.parametrize("residual", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_rollout_is_the_sum_over_paths(residual, fusion):
    layers = random_layers(tokens=4)
    steps = [longhand_layer(layer, residual, fusion, 0, 1) for layer in layers]
    np.testing.assert_allclose(rollout(layers, residual, fusion), path_sum(steps), atol=1e-12)


@pytest.mark.parametrize("prefix", [0, 1, 2])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("start", [0, 2])
def test_every_knob_against_longhand_layers(prefix, ratio, fusion, start):
    layers = random_layers(depth=4, tokens=7)
    steps = [longhand_layer(layer, 0.3, fusion, ratio, prefix) for layer in layers]
    expected = reduce(lambda below, step: step @ below, steps[start:])
    knobs = {"residual": 0.3, "head_fusion": fusion, "discard_ratio": ratio, "start_layer": start, "prefix": prefix}
    actual = rollout(layers, **knobs)
    np.testing.assert_allclose(actual, expected, atol=1e-12)
    np.testing.assert_allclose(actual.sum(axis=1), 1, atol=1e-12)
    assert actual.dtype == np.float64
    np.testing.assert_allclose(mixed_layers(layers, **knobs), steps[start:], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("ratio", [0.0, 0.6])
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize(("start", "prefix", "query"), [(0, 1, 0), (1, 0, 3), (2, 5, 29)])
def test_class_rollout_is_a_row_of_the_rollout(dtype, ratio, fusion, start, prefix, query):
    layers = random_layers(depth=4, heads=3, tokens=30, dtype=dtype)
    knobs = (0.4, fusion, ratio, start, prefix)
    whole = rollouts(layers, *knobs)
    np.testing.assert_allclose(class_rollout(layers, *knobs, query=query), whole[-1, query], atol=1e-6)
    np.testing.assert_allclose(class_rollouts(layers, *knobs, query=query), whole[:, query], atol=1e-6)


def test_cumulative_rollouts_equal_rollouts_of_the_first_layers():
    layers = random_layers(depth=4)
    expected = [rollout(layers[: depth + 1]) for depth in range(4)]
    np.testing.assert_allclose(rollouts(layers), expected, atol=1e-12)


def peak(function: Any, *args: Any) -> int:
    """Most memory in bytes that a call took beyond what was there."""
    tracemalloc.start()
    try:
        function(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_class_rollout_carries_a_single_row_and_forms_no_matrix():
    layers, matrix = random_layers(depth=3, heads=1, tokens=300), 300 * 300 * 8
    assert peak(class_rollout, layers) < matrix / 4
    assert peak(rollout, layers) > matrix


def test_discard_takes_the_smallest_of_each_row_and_never_a_special_token():
    layer = np.array(
        [[[0.05, 0.50, 0.30, 0.15], [0.10, 0.20, 0.30, 0.40], [0.70, 0.15, 0.10, 0.05], [0.01, 0.02, 0.03, 0.94]]]
    )
    expected = [
        [0.05 / 0.55, 0.50 / 0.55, 0, 0],
        [0.10 / 0.50, 0, 0, 0.40 / 0.50],
        [0.70 / 0.85, 0.15 / 0.85, 0, 0],
        [0.01 / 0.95, 0, 0, 0.94 / 0.95],
    ]
    np.testing.assert_allclose(rollout([layer], residual=0, discard_ratio=0.67), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exactly_that_many_are_dropped_among_equals_the_first_ones(dtype):
    layer = np.full((2, 11, 11), 1 / 11, dtype=dtype)
    expected = np.zeros(11)
    expected[[0, 5, 6, 7, 8, 9, 10]] = 1 / 7
    np.testing.assert_allclose(rollout([layer], 0, discard_ratio=0.4)[3], expected, atol=1e-7)
    np.testing.assert_allclose(class_rollout([layer], 0, discard_ratio=0.4, query=3), expected, atol=1e-7)


def test_a_near_tie_is_decided_in_double_precision_by_both():
    """Keys come in pairs: the same heads in another order, one larger by less than the rounding of a sum."""
    rng = np.random.default_rng(3)
    half = rng.random((12, 60, 30)).astype(np.float32)
    layer = np.concatenate([half, half[::-1]], axis=-1)
    layer[0, :, 30:] = np.nextafter(layer[0, :, 30:], np.float32(2))
    expected = longhand_layer(layer.astype(np.float64), 0, "mean", 0.5, 1)
    actual = np.stack([class_rollout([layer], 0, discard_ratio=0.5, query=query) for query in range(60)])
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    np.testing.assert_allclose(rollout([layer], 0, discard_ratio=0.5), expected, atol=1e-6)


def test_a_ratio_that_is_not_exact_in_binary_still_drops_the_whole_number():
    layer = random_layers(depth=1, tokens=101)[0]
    assert int(0.29 * 100) == 28
    assert np.count_nonzero(rollout([layer], 0, discard_ratio=0.29)[0] == 0) == 29


@pytest.mark.parametrize(
    ("fusion", "heads"), [("min", np.stack([np.eye(3), np.roll(np.eye(3), 1, axis=1)])), ("mean", np.zeros((1, 3, 3)))]
)
def test_a_row_without_mass_becomes_the_identity(fusion, heads):
    np.testing.assert_array_equal(rollout([heads], 0.2, fusion), np.eye(3))
    np.testing.assert_array_equal(class_rollout([heads], 0.2, fusion, query=1), np.eye(3)[1])


@pytest.mark.parametrize("fusion", ["max", "min"])
def test_rows_are_normalised_not_columns(fusion):
    """Dividing by row sums without keeping the axis scales column j by row j's sum, harmless only for the mean."""
    layers = random_layers(depth=2)
    fused = [FUSIONS[fusion](layer, axis=0) * 0.5 + np.eye(5) * 0.5 for layer in layers]
    wrong = reduce(lambda below, step: step @ below, [step / step.sum(axis=-1) for step in fused])
    actual = rollout(layers, head_fusion=fusion)
    assert np.abs(wrong.sum(axis=1) - 1).max() > 0.05
    assert np.abs(actual - wrong).max() > 0.05
    np.testing.assert_allclose(actual.sum(axis=1), 1, atol=1e-12)


def test_discard_works_row_by_row_not_on_the_whole_matrix():
    """A flat row holds the smallest entries of the whole matrix; it must not lose more than the others."""
    layer = np.array([[[0.1, 0.8, 0.06, 0.04], [0.25, 0.25, 0.25, 0.25], [0.1, 0.1, 0.7, 0.1], [0.1, 0.2, 0.3, 0.4]]])
    kept = rollout([layer], residual=0, discard_ratio=0.34) > 0
    np.testing.assert_array_equal(kept.sum(axis=1), 3)
    assert kept[:, 0].all()


def test_half_the_skip_is_alpha_one():
    layers = random_layers()
    alpha = 1.0
    steps = [layer.mean(axis=0) + alpha * np.eye(5) for layer in layers]
    steps = [step / step.sum(axis=1, keepdims=True) for step in steps]
    np.testing.assert_allclose(rollout(layers, alpha / (1 + alpha)), steps[2] @ steps[1] @ steps[0], atol=1e-12)


def test_head_counts_may_differ_between_layers_and_inputs_stay_untouched():
    layers = [random_layers(1, heads)[0] for heads in (1, 4, 2)]
    copies = [layer.copy() for layer in layers]
    averaged = [layer.mean(axis=0, keepdims=True) for layer in layers]
    np.testing.assert_allclose(rollout(layers), rollout(averaged), atol=1e-12)
    class_rollout(layers, discard_ratio=0.5)
    class_rollout(averaged, discard_ratio=0.5)
    for layer, copy in zip(layers, copies, strict=True):
        np.testing.assert_array_equal(layer, copy)


def test_fuse_agrees_with_numpy():
    layer = random_layers(1, heads=5, dtype=np.float32)[0]
    for name, function in FUSIONS.items():
        np.testing.assert_allclose(fuse(layer, name), function(layer.astype(np.float64), axis=0), atol=1e-12)


def test_relevance_is_the_recursion_of_the_paper():
    rng = np.random.default_rng(1)
    layers, gradients = random_layers(depth=4), [rng.standard_normal((2, 5, 5)) for _ in range(4)]
    product = np.eye(5)
    for layer, gradient in zip(layers[1:], gradients[1:], strict=True):
        product = product + np.clip(gradient * layer, 0, None).mean(axis=0) @ product
    for query in range(5):
        np.testing.assert_allclose(relevance(layers, gradients, 1, query), product[query], atol=1e-12)
    half = relevance([a.astype(np.float16) for a in layers], [g.astype(np.float16) for g in gradients], 1)
    np.testing.assert_allclose(half, product[0], atol=5e-3)


def test_relevance_pairs_each_layer_with_its_own_gradient():
    layers, none = random_layers(depth=2), np.zeros((2, 5, 5))
    expected = np.eye(5)[0] + layers[0].mean(axis=0)[0]
    np.testing.assert_allclose(relevance(layers, [np.ones((2, 5, 5)), none]), expected, atol=1e-12)
    assert relevance(layers, [none, none]).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("function", [rollout, rollouts, class_rollout, class_rollouts])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"residual": 1.1}, "residual: want 0 to 1, got 1.1"),
        ({"residual": "0.5"}, "residual: want 0 to 1, got '0.5'"),
        ({"discard_ratio": None}, "discard_ratio: want 0 to below 1, got None"),
        ({"start_layer": 0.5}, "start_layer: want 0 to"),
        ({"start_layer": None}, "start_layer: want 0 to"),
        ({"prefix": 1.0}, "prefix: want 0 to"),
        ({"residual": float("nan")}, "residual: want"),
        ({"head_fusion": "median"}, "head_fusion: want one of mean, max, min, got 'median'"),
        ({"discard_ratio": 1.0}, "discard_ratio: want 0 to below 1, got 1.0"),
        ({"discard_ratio": -0.1}, "discard_ratio: want"),
        ({"start_layer": 3}, "start_layer: want 0 to 2, got 3"),
        ({"start_layer": -1}, "start_layer: want 0 to 2, got -1"),
        ({"prefix": 6}, "prefix: want 0 to 5"),
        ({"layers": []}, "want at least one layer"),
        ({"layers": [np.zeros((2, 5, 4))]}, r"layers\[0\]: want shape"),
        ({"layers": [np.zeros((5, 5))]}, r"layers\[0\]: want shape"),
        ({"layers": [np.zeros((1, 5, 5)), np.zeros((1, 4, 4))]}, r"layers\[1\]: want shape \(heads, 5, 5\), got"),
    ],
)
def test_bad_input_is_refused(function, change, message):
    with pytest.raises(ValueError, match=message):
        function(**{"layers": random_layers(), **change})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("ratio", [0.0, 0.5])
@pytest.mark.parametrize("function", [rollout, class_rollout])
def test_numbers_that_are_not_finite_are_refused(bad, fusion, ratio, function):
    layers = random_layers(dtype=np.float32)
    layers[1][0, 3, 2] = bad
    with pytest.raises(ValueError, match="layers: want finite"):
        function(layers, head_fusion=fusion, discard_ratio=ratio)


def test_queries_and_gradients_that_do_not_fit_are_refused():
    layers = random_layers()
    with pytest.raises(ValueError, match="query: want 0 to 4, got 5"):
        class_rollout(layers, query=5)
    with pytest.raises(ValueError, match="gradients: want the shapes of layers"):
        relevance(layers, random_layers(heads=3))
    with pytest.raises(ValueError, match="gradients: want the shapes of layers"):
        relevance(layers, layers[:2])
    with pytest.raises(ValueError, match="want finite"):
        relevance(layers, [np.full((2, 5, 5), np.inf)] * 3)
    with pytest.raises(ValueError, match="layer: want"):
        fuse(np.eye(3))
