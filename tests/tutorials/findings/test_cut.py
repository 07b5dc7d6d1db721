"""The findings on attention flow, on a network small enough to add up, and its controls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import cut, pipes
from tutorials.findings.context import Context
from vit_attention.records import Prediction

GRID = (2, 2)
EVEN = everywhere([1, 1, 1, 1, 1])[None]
TO_ONE = everywhere([0, 1, 0, 0, 0])[None]


def network(*layers: np.ndarray, **more: Any) -> Context:
    return context(list(layers), GRID, np.array([[1, 0], [0, 0]]), **more)


def test_the_toy_lets_eight_tenths_through_to_patch_2() -> None:
    assert cut.toy_value(None).answer == pytest.approx(0.8, abs=1e-6)
    assert "0.160 at r = 0.9" in cut.toy_residual(None).text, (
        "pipes between different tokens are a fifth as wide as at 0.5"
    )


def test_a_patch_that_nobody_reads_in_the_first_layer_gets_its_skip_connection_alone() -> None:
    """Everybody reads patch 1 in layer 1: the pipes into it carry 5 x 0.5 and its own 0.5, those into any other 0.5."""
    now = network(TO_ONE, EVEN, EVEN)
    np.testing.assert_allclose(pipes.live(now).flow.ravel(), [1, 0.5, 0.5, 0.5], atol=1e-6)
    assert cut.ties(now).answer == "A tenth to two thirds"
    assert "1 of 4 patches" in cut.ties(now).text


@pytest.mark.parametrize(("patch", "where"), [(0, cut.LAST), (3, cut.FIRST)])
def test_the_cut_lies_at_the_narrow_end(patch: int, where: str) -> None:
    now = network(TO_ONE, EVEN, EVEN, EVEN)
    now = replace(now, chosen=replace(now.chosen, row=patch // 2, column=patch % 2))
    assert cut.bottleneck(now).answer == where
    assert pipes.live_cut(now).sum() == pytest.approx(pipes.live(now).flow.ravel()[patch], abs=1e-6)


def test_shuffling_layers_in_which_nobody_reads_anybody_changes_the_flow() -> None:
    """Nothing but the first layer moves anything between tokens, until the ones are shuffled away from the diagonal."""
    alone = np.eye(5)[None]
    found = cut.all_layers(network(EVEN, alone, alone, alone, alone))
    assert found.answer is True
    assert "the flow to 4 of 4 patches changes" in found.text


def test_layers_that_carry_plenty_may_be_shuffled_unseen(rng: np.random.Generator) -> None:
    between = list(rng.dirichlet(np.full(5, 20.0), size=(4, 2, 5)))
    found = cut.all_layers(network(TO_ONE, *between, EVEN))
    assert found.answer is False
    assert "the largest change is 0.000" in found.text


def test_two_layers_have_none_in_between() -> None:
    assert cut.all_layers(network(EVEN, EVEN)).answer is None


def test_without_a_class_token_nothing_is_found() -> None:
    now = context([everywhere([1, 1, 1, 1])[None]] * 3, GRID, special=())
    for one in (cut.ties, cut.bottleneck, cut.same_order, cut.moves_along, cut.all_layers, cut.rests_on):
        found = one(now)
        assert found.answer is None
        assert "no class token" in found.text


def test_ties_are_decided_by_lot_and_the_rest_by_size() -> None:
    values = np.zeros((5, 5))
    values[0] = 1
    values[1] = 1 - 1e-8  # capacities are rounded down
    sets = cut.by_lot(values)
    assert len(set(sets)) > 1
    assert all(len(one) == 5 and max(one) < 10 for one in sets)
    assert set(cut.by_lot(np.arange(25.0).reshape(5, 5))) == {(20, 21, 22, 23, 24)}


def test_the_flow_is_judged_by_the_probability_that_is_left() -> None:
    """A model that knows whether the first patch is black: only what covers it costs probability."""
    pixels = np.full((8, 40, 3), 200, np.uint8)
    pixels[:, :8] = 0

    class Model:
        classes = ("dark", "light")

        def classify(self, pictures: list[Any]) -> np.ndarray:
            dark = [float(np.asarray(one)[:8, :8].mean() < 20) for one in pictures]
            return np.array([[5 * one, 0] for one in dark], np.float32)

    row, even = everywhere([0, 1, 0, 0, 0, 0])[None], everywhere([1] * 6)[None]
    now = context([row, even, even], (1, 5), pixels=pixels, model=Model())
    said = Prediction(("dark", "light"), np.array([5, 0], np.float32))
    now = replace(now, record=replace(now.record, prediction=said))
    found = cut.costs(now)
    assert found is not None
    assert found["attention flow"].mean() == found["colour contrast (no model)"].mean() == 0.5
    assert found["random"].mean() > 0.5
    for control in (one.change(now, np.random.default_rng(0)) for one in cut.rests_on.controls):  # type: ignore[attr-defined]
        assert cut.rests_on(control).answer in (True, False)
