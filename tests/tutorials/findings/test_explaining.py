"""Answers of a tiny model with other rows, and where sinks go, against passes that are written out from its weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu

from tests.tutorials.findings.hand import context, everywhere
from tests.vit_attention.models import plain_vit as tiny
from tutorials.findings import explaining as found
from tutorials.findings.explaining import EVEN, OTHER, PERMUTED, Rows
from vit_attention.gate import GateError
from vit_attention.models.register_neurons import register_neurons

GIVEN: Any = SimpleNamespace(given=tiny.pixels())


def by_hand(module: Any, change: Any) -> np.ndarray:
    """(classes,) probabilities, each layer's (heads, tokens, tokens) weights replaced by ``change(layer, weights)``."""
    tokens = tiny.embedded(module, tiny.pixels())
    for number, layer in enumerate(module.encoder.layers):
        weights, value = tiny.attention(layer, tokens)
        tokens = tiny.rest(layer, tokens, tiny.mixed(change(number, weights), value))
    return module.heads(tiny.normed(module.encoder.ln, tokens)[0]).softmax(-1).numpy()


def even_in(layers: tuple[int, ...], queries: list[int]) -> Any:
    def change(number: int, weights: Tensor) -> Tensor:
        weights = weights.clone()
        for head in range(tiny.HEADS if number in layers else 0):
            for query in queries:
                weights[head, query, 1:] = (1 - weights[head, query, 0]) / 4
        return weights

    return change


@pytest.mark.parametrize(("layers", "queries"), [((1,), (0,)), ((0, 1, 2), (0, 1, 2, 3, 4))])
def test_even_rows_give_what_a_pass_by_hand_gives(layers: tuple[int, ...], queries: tuple[int, ...]) -> None:
    model = tiny.build()
    before, after = found.answers(model, GIVEN, Rows(EVEN, layers, None, queries), 0, (), ())
    np.testing.assert_allclose(before, by_hand(model.module, lambda _, weights: weights), atol=1e-6)
    np.testing.assert_allclose(after, by_hand(model.module, even_in(layers, list(queries))), atol=1e-6)
    moved = found.moves(model, GIVEN, [(Rows(EVEN, layers, None, queries), 0)], (), ())
    np.testing.assert_allclose(moved, [abs(before - after).sum() / 2], atol=1e-12)
    assert moved[0] > 1e-4


def test_a_permuted_row_keeps_its_weights_and_the_class_token() -> None:
    model = tiny.build()
    at = Rows(PERMUTED, (1,), (0,), (2,))
    own, _ = found.read(model, GIVEN, None, at)
    rows = [found.read(model, GIVEN, at, at, seed)[0] for seed in range(6)]
    for row in rows:
        assert row[0] == own[0]
        np.testing.assert_array_equal(np.sort(row[1:]), np.sort(own[1:]))
    assert len({tuple(row) for row in rows}) > 1


def test_to_permute_even_rows_changes_nothing() -> None:
    even = tiny.build().under(found.change(tiny.build(), Rows(EVEN), 0, ()))
    np.testing.assert_allclose(found.moves(even, GIVEN, [(Rows(), seed) for seed in range(3)], (), ()), 0, atol=1e-9)


def test_masked_columns_are_scores_of_minus_infinity() -> None:
    model = tiny.build()

    def masked(_layer: int, weights: Tensor) -> Tensor:
        scores = weights.log()
        scores[..., 3] = -torch.inf
        return scores.softmax(-1)

    before, after = (by_hand(model.module, change) for change in (lambda _, weights: weights, masked))
    moved = found.masked_moves(model, GIVEN, [(3,)], ())
    np.testing.assert_allclose(moved, [abs(before - after).sum() / 2], atol=1e-6)


def test_without_classes_the_distance_is_that_of_the_patches_features() -> None:
    model = tiny.build()
    model.classes = ()
    rows = Rows(EVEN, (1,))
    before, after = found.answers(model, GIVEN, rows, 0, (), ())
    assert before.shape == (4, tiny.WIDTH)
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(before, after, strict=True)]
    np.testing.assert_allclose(found.moves(model, GIVEN, [(rows, 0)], (), ()), [1 - np.mean(cosines)], atol=1e-9)
    beside = found.after(model, GIVEN, (), (), ())  # the register is no patch
    assert beside.answer.shape == before.shape
    assert beside.layers.shape == (tiny.DEPTH, tiny.HEADS, 6)
    np.testing.assert_allclose(beside.layers.sum(axis=-1), 1, atol=0.35)


def test_eight_visitors_with_different_changes_get_what_each_gets_alone() -> None:
    model = tiny.build()
    runs = [(Rows(how, layers), seed) for how in (EVEN, PERMUTED) for layers in ((0,), None) for seed in (0, 5)]

    def visit(run: tuple[Rows, int]) -> float:
        with pytest.raises(GateError):
            found.moves(model, GIVEN, [(run[0]._replace(layers=(99,)), 0)], (), ())
        return float(found.moves(model, GIVEN, [run], (), ())[0])

    alone = [visit(run) for run in runs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(visit, runs)) == alone
    assert len(set(alone)) > 4
    np.testing.assert_allclose(found.answer(model, GIVEN), by_hand(model.module, lambda _, w: w), atol=1e-6)


def test_register_neurons_are_the_largest_at_the_tokens() -> None:
    model = tiny.build()
    heights = []
    for seed in (0, 1):
        tokens, means = tiny.embedded(model.module, tiny.pixels(seed)), []
        for layer in model.module.encoder.layers:
            weights, value = tiny.attention(layer, tokens)
            joined = tiny.mixed(weights, value)
            own = layer.self_attention.out_proj
            inside = tiny.normed(layer.ln_2, tokens + joined @ own.weight.mT + own.bias)
            hidden = gelu(inside @ layer.mlp[0].weight.mT + layer.mlp[0].bias)
            means.append(hidden[[2, 4] if seed == 0 else [1]].abs().mean(0).numpy())
            tokens = tiny.rest(layer, tokens, joined)
        heights.append(means)
    mean = np.mean(heights, axis=0)
    right = [divmod(int(n), mean.shape[1]) for n in np.argsort(-mean, axis=None)[:7]]
    given = [tiny.pixels(0), tiny.pixels(1), tiny.pixels(2)]
    told = register_neurons(model, given, [[2, 4], [1], []], top=7)
    assert {(layer, n) for layer, some in told.items() for n in some} == set(right)
    for tokens, top in (([[2]], 7), ([[], [], []], 7), ([[2], [99], []], 7), ([[2], [1], []], 0)):
        with pytest.raises(GateError):
            register_neurons(model, given, tokens, top)


def test_sinks_are_patches_above_the_bar_and_off_the_objects() -> None:
    takes = [everywhere(row) for row in ([6, 1, 1, 1, 1], [1, 1, 7, 1, 1], [1, 1, 1, 1, 8])]
    now = context([takes], (2, 2), [[0, 0], [0, 1]])
    assert [(one.head, one.token) for one in found.sinks(now)] == [(1, 2)]  # the class token, and the object, are none
    assert [one.token for one in found.sinks(context([takes], (2, 2)))] == [4, 2]
    assert found.sinks(context([takes], (2, 2)))[0].share == pytest.approx(8 / 12)


def test_others_are_pictures_of_the_same_kind() -> None:
    now = context([[everywhere([1, 1, 1, 1, 1])]], (2, 2), [[0, 0], [0, 1]])
    assert set(found.others(now)) == set(found.SCENES)
    assert "coffee" in found.others(context([[everywhere([1, 1, 1, 1, 1])]], (2, 2)))
    assert OTHER in found.HOW
