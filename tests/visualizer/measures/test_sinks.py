"""Shares on special tokens and sinks, and maps without them, on hand-made rows."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.measures.sinks import received, sink_share, sink_tokens, special_share, without

ROWS = np.array([[[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]]])


@pytest.mark.parametrize(("prefix", "expected"), [(0, [0, 0]), (1, [0.1, 0.7]), (2, [0.3, 0.8]), (4, [1, 1])])
def test_special_share_adds_up_the_leading_keys(prefix, expected):
    np.testing.assert_allclose(special_share(ROWS, prefix), [expected])


def test_sink_share_takes_booleans_or_numbers():
    np.testing.assert_allclose(sink_share(ROWS, np.array([True, False, False, True])), [[0.5, 0.8]])
    np.testing.assert_allclose(sink_share(ROWS.astype(np.float16), [0, 3]), [[0.5, 0.8]], atol=1e-3)
    assert sink_share(ROWS, []).tolist() == [[0, 0]]


def test_shares_of_undefined_rows_are_undefined():
    weights = np.array([[np.nan, np.nan, np.nan], [0.25, 0.75, np.nan], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(special_share(weights, 1), [np.nan, 0.25, np.nan])


def test_without_divides_by_what_is_left():
    np.testing.assert_allclose(without(ROWS, [0]), [[[np.nan, 2 / 9, 3 / 9, 4 / 9], [np.nan, 1 / 3, 1 / 3, 1 / 3]]])
    np.testing.assert_allclose(without(ROWS, np.array([False, True, True, False]))[0, 0], [0.2, np.nan, np.nan, 0.8])
    np.testing.assert_allclose(without(ROWS, []), ROWS)


@pytest.mark.filterwarnings("error")
def test_without_the_only_key_that_counts_nothing_is_left():
    np.testing.assert_array_equal(without([[1.0, 0.0, 0.0]], [0]), [[np.nan] * 3])


def test_received_is_the_mean_of_a_column_without_its_own_row():
    weights = np.random.default_rng(0).dirichlet(np.ones(5), size=(2, 5))
    wanted = [[np.mean([head[i, j] for i in range(5) if i != j]) for j in range(5)] for head in weights]
    np.testing.assert_allclose(received(weights), wanted)
    np.testing.assert_allclose(received(weights[:, :3]), weights[:, :3].mean(axis=1))  # queries that are no keys


def crowd(heads=3, tokens=50):
    """Nearly even rows."""
    return np.random.default_rng(1).dirichlet(np.full(tokens, 50.0), size=(heads, tokens))


def test_a_head_that_collapses_makes_a_sink():
    weights = crowd()
    assert not sink_tokens(weights).any()
    weights[2] *= 0.6
    weights[2, :, 7] += 0.4
    assert sink_tokens(weights).nonzero()[0].tolist() == [7]
    assert not sink_tokens(weights, least=0.45).any()
    assert not sink_tokens(weights, prefix=8).any()  # special tokens are no sinks


def test_a_long_token_is_a_sink_if_it_draws_attention():
    weights, norms = crowd(), np.full(50, 40.0) + np.arange(50) / 50
    norms[[7, 9]] = 200
    weights[..., 7] *= 3
    weights[..., 9] *= 0.1
    weights /= weights.sum(axis=-1, keepdims=True)
    assert sink_tokens(weights, 1, norms).nonzero()[0].tolist() == [7]
    assert not sink_tokens(weights, 1).any()


def test_lengths_alone_are_judged_by_themselves():
    lengths = np.concatenate([[300.0], 40 + np.random.default_rng(0).normal(size=60)])
    lengths[[5, 30]] = 200
    assert sink_tokens(lengths).nonzero()[0].tolist() == [5, 30]
    lengths[[5, 30]] = 40
    assert not sink_tokens(lengths).any()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="prefix: want 0 to 4, got 5"):
        special_share(ROWS, 5)
    for keys in ([4], [-1], [True], [0.5], np.ones(3, dtype=bool)):
        with pytest.raises(ValueError, match="keys: want 4 booleans or numbers from 0 to 3"):
            without(ROWS, keys)
    with pytest.raises(ValueError, match=r"weights: want \(heads, queries, keys\), got shape"):
        sink_tokens(ROWS[0])
    for prefix in (-1, 5, 1.5, "1", True):
        with pytest.raises(ValueError, match="prefix: want 0 to 4, got"):
            sink_tokens(ROWS, prefix)
    for least in (-0.1, 2, "0.3", np.nan):
        with pytest.raises(ValueError, match="least: want a number from 0 to 1, got"):
            sink_tokens(ROWS, 1, least=least)
    with pytest.raises(ValueError, match=r"weights: want .* got rows of unlike lengths"):
        sink_tokens([[[0.5, 0.5], [1.0]]])
    with pytest.raises(ValueError, match=r"norms: want \(4,\), one per key, got shape \(3,\)"):
        sink_tokens(ROWS, 1, [1.0, 2.0, 3.0])
