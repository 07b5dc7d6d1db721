"""Distances of distributions, against scipy and definitions by sets."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from visualizer.measures.divergence import jensen_shannon, total_variation
from vit_attention.gate import GateError

PAIRS = np.random.default_rng(0).dirichlet(np.ones(6), size=(2, 5))


def test_total_variation_is_the_largest_difference_on_any_set_of_classes() -> None:
    sets = list(chain.from_iterable(combinations(range(6), n) for n in range(7)))
    for one, other in zip(*PAIRS, strict=True):
        largest = max(abs(one[list(some)].sum() - other[list(some)].sum()) for some in sets)
        assert float(total_variation(one, other)) == pytest.approx(largest, abs=1e-12)


def test_jensen_shannon_is_scipys_squared_distance_in_bits() -> None:
    right = jensenshannon(*PAIRS, base=2, axis=-1) ** 2
    np.testing.assert_allclose(jensen_shannon(*PAIRS), right, atol=1e-12)


@pytest.mark.parametrize("measure", [total_variation, jensen_shannon])
def test_ends_symmetry_and_refusals(measure) -> None:
    assert float(measure([1.0, 0.0], [0.0, 1.0])) == 1
    assert float(measure([0.2, 0.8], [0.2, 0.8])) == 0
    np.testing.assert_allclose(measure(*PAIRS), measure(*PAIRS[::-1]))
    with pytest.raises(GateError, match="two of one shape"):
        measure([0.5, 0.5], [1.0])
    with pytest.raises(GateError):
        measure([1.5, -0.5], [0.5, 0.5])
