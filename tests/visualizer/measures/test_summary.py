"""The table of head statistics, each against a loop."""

from __future__ import annotations

from math import hypot, log2

import numpy as np
import pytest

from visualizer.measures.summary import STATISTICS, head_statistic

GRID, PREFIX, SIZE = (2, 3), 2, (8, 4)


def layers():
    rng = np.random.default_rng(0)
    return [rng.dirichlet(np.full(8, 0.5), size=(heads, 8)) for heads in (2, 3, 1)]


def bits(row):
    return -sum(p * log2(p) for p in row if p > 0)


def reach(query, row):
    (r, c), mass = divmod(query - PREFIX, 3), sum(row[PREFIX:])
    steps = [hypot(8 * (k // 3 - r), 4 * (k % 3 - c)) for k in range(6)]
    return sum(p * step for p, step in zip(row[PREFIX:], steps, strict=True)) / mass


LONGHAND = {
    "entropy": lambda query, row: bits(row),
    "relative entropy": lambda query, row: bits(row) / 3,  # log2 of 8 keys
    "distance": lambda query, row: reach(query, row) if query >= PREFIX else None,
    "special share": lambda query, row: row[0] + row[1],
    "peak": lambda query, row: max(row),
    "self share": lambda query, row: row[query],
}


@pytest.mark.parametrize("name", LONGHAND)
def test_each_statistic_is_the_mean_over_queries(name):
    table = head_statistic(layers(), name, GRID, PREFIX, SIZE)
    assert table.shape == (3, 3)
    for depth, layer in enumerate(layers()):
        for head, weights in enumerate(layer):
            each = [LONGHAND[name](query, row) for query, row in enumerate(weights)]
            np.testing.assert_allclose(table[depth, head], np.mean([value for value in each if value is not None]))
        assert np.isnan(table[depth, len(layer) :]).all()


def test_every_statistic_is_covered_and_says_what_it_means():
    assert set(STATISTICS) == set(LONGHAND)
    for statistic in STATISTICS.values():
        assert statistic.unit
        assert statistic.meaning.endswith(".")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", STATISTICS)
def test_undefined_queries_are_left_out(name):
    layer = layers()[0]
    padded = layer.copy()
    padded[:, 5] = np.nan
    expected = np.array(
        [
            [
                value
                for query, row in enumerate(head)
                if query != 5
                for value in [LONGHAND[name](query, row)]
                if value is not None
            ]
            for head in layer
        ]
    ).mean(axis=1)
    np.testing.assert_allclose(head_statistic([padded], name, GRID, PREFIX, SIZE)[0], expected)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"name: want one of entropy, relative entropy, .* got 'spread'"):
        head_statistic(layers(), "spread")
    with pytest.raises(ValueError, match="layers: want"):
        head_statistic([], "peak")
    with pytest.raises(ValueError, match="as many keys as queries"):
        head_statistic([np.full((1, 2, 4), 0.25)], "self share")
