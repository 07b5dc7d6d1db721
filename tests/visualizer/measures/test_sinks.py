"""Shares on special tokens and sinks, and maps without them, on hand-made rows."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer.measures.sinks import sink_share, sink_tokens, special_share, without

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


def test_outliers_of_a_known_crowd_are_found():
    rng = np.random.default_rng(0)
    norms = 40 + 3 * rng.standard_normal((5, 197))
    planted = np.zeros((5, 197), dtype=bool)
    for picture in range(5):
        planted[picture, rng.choice(np.arange(1, 197), size=picture, replace=False)] = True
    norms[planted] = 200
    norms[:, 0] = 500  # the class token is special, not a sink
    np.testing.assert_array_equal(sink_tokens(norms, prefix=1), planted)


def test_the_rule_is_the_one_stated():
    # Patches: median 10, deviations 2, 1, 0, 1, 30, so MAD 1; the bar stands at 10 + 10 * 1 = 20.
    norms = [99.0, 8, 9, 10, 11, 40]
    assert sink_tokens(norms).tolist() == [False] * 5 + [True]
    assert sink_tokens([99.0, 8, 9, 10, 11, 20]).tolist() == [False] * 6
    assert sink_tokens(norms, factor=30).tolist() == [False] * 6
    # All but one equal: MAD counts as 1 % of the median, so the bar stands at 11.
    assert sink_tokens([10, 10, 10, 10, 10.9], prefix=0).tolist() == [False] * 5
    assert sink_tokens([10, 10, 10, 10, 11.1], prefix=0).tolist() == [False] * 4 + [True]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="prefix: want 0 to 4, got 5"):
        special_share(ROWS, 5)
    for keys in ([4], [-1], [True], [0.5], np.ones(3, dtype=bool)):
        with pytest.raises(ValueError, match="keys: want 4 booleans or numbers from 0 to 3"):
            without(ROWS, keys)
    for norms in ([1.0], [1.0, np.nan], 3.0):
        with pytest.raises(ValueError, match="norms: want finite"):
            sink_tokens(norms)
    with pytest.raises(ValueError, match="factor: want 0 or more"):
        sink_tokens([1.0, 2.0], factor=-1)
