"""One row of attention against torch's own softmax attention and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from visualizer.measures.arithmetic import row_steps


def test_weights_equal_those_of_torch(rng: np.random.Generator) -> None:
    q, k = rng.normal(size=6) * 3, rng.normal(size=(20, 6)) * 3
    one_hot = torch.eye(20, dtype=torch.float64)  # values that hand back the weights themselves
    theirs = torch.nn.functional.scaled_dot_product_attention(torch.tensor(q)[None], torch.tensor(k), one_hot)
    assert row_steps(q, k).weights == pytest.approx(theirs[0].numpy(), abs=1e-12)


def test_every_step_of_an_example_worked_out_by_hand() -> None:
    steps = row_steps([1, 2, 0, 0], [[2, 0, 5, 5], [0, 2, 5, 5], [1, -1, 5, 5]])
    assert steps.products.tolist() == [2, 4, -1]
    assert steps.factor == 0.5
    assert steps.scaled.tolist() == [1, 2, -0.5]
    assert steps.powers == pytest.approx([0.36788, 1, 0.08208], abs=1e-5)
    assert steps.total == pytest.approx(1.44996, abs=1e-5)
    assert steps.weights == pytest.approx([0.25372, 0.68967, 0.05661], abs=1e-5)
    assert steps.strongest(2).tolist() == [1, 0]


def test_enormous_products_do_not_overflow() -> None:
    assert row_steps([1e5], [[1e5], [1e5], [0]]).weights.tolist() == [0.5, 0.5, 0]


def test_stretch_multiplies_the_scaled_products_and_keeps_the_order() -> None:
    plain, sharp = (row_steps([1, 1], [[1, 0], [2, 1], [0, 0]], stretch) for stretch in (1, 4))
    assert sharp.scaled == pytest.approx(4 * plain.scaled)
    assert sharp.weights.max() > plain.weights.max()
    assert sharp.strongest(3).tolist() == plain.strongest(3).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("query", "keys", "stretch"),
    [
        ([1, 2], [[1, 2, 3]], 1),
        ([[1]], [[1]], 1),
        ([1], np.zeros((0, 1)), 1),
        ([np.nan], [[1]], 1),
        ([1], [[1]], 0),
        ([1], [[1]], np.inf),
    ],
)
def test_what_does_not_fit_is_refused(query: object, keys: object, stretch: float) -> None:
    with pytest.raises(ValueError, match="want"):
        row_steps(query, keys, stretch)  # type: ignore[arg-type]
