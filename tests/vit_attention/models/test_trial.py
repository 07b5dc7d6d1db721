"""Heads turned in a network, against the same pass written out with their outputs multiplied, in double precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

import vit_attention as va
from tests.vit_attention.models import plain_vit as plain
from vit_attention.changes import HeadGains
from vit_attention.models.trial import each_head_off, head_means, head_scores

SHAPE = (plain.DEPTH, plain.HEADS)


def outputs(given: Tensor) -> np.ndarray:
    """(layers, heads, tokens, head width) weights x values of every head, from the weights of the network."""
    module = plain.build().module
    states = plain.states(module, given)
    found = []
    for layer, tokens in zip(module.encoder.layers, states, strict=False):
        weights, value = plain.attention(layer, tokens)
        found.append((weights @ value).numpy())
    return np.stack(found)


def by_hand(given: Tensor, gains: np.ndarray, means: np.ndarray | None = None) -> np.ndarray:
    """(classes,) scores with the output of every head multiplied, or its difference from a mean."""
    module = plain.build().module
    tokens = plain.embedded(module, given)
    for number, layer in enumerate(module.encoder.layers):
        weights, value = plain.attention(layer, tokens)
        parts = []
        for head in range(plain.HEADS):
            mean = 0 if means is None else torch.from_numpy(means[number, head])
            parts.append(mean + gains[number, head] * (weights[head] @ value[head] - mean))
        tokens = plain.rest(layer, tokens, torch.cat(parts, dim=-1))
    return plain.head(module, tokens[0]).numpy()


@pytest.mark.parametrize("around", ["zero", "mean"])
def test_every_head_off_is_the_pass_without_it_by_hand(around: str) -> None:
    given = plain.pixels()
    means = np.mean([outputs(plain.pixels(seed)) for seed in (1, 2)], axis=0) if around == "mean" else None
    sets = each_head_off(*SHAPE)
    found = head_scores(plain.build(), given, sets, means)
    assert found.shape == (1 + plain.DEPTH * plain.HEADS, plain.CLASSES)
    np.testing.assert_allclose(found, [by_hand(given, one, means) for one in sets], rtol=0, atol=1e-6)
    assert np.abs(found[1:] - found[0]).max(axis=1).min() > 1e-3, "each head does something here"


@pytest.mark.parametrize("gain", [-1.0, 0.25, 3.0])
def test_heads_are_turned_together_as_by_hand(gain: float) -> None:
    given, sets = plain.pixels(3), np.ones((2, *SHAPE))
    sets[0, 1], sets[1, 0, 1], sets[1, 2, 0] = gain, gain, gain
    found = head_scores(plain.build(), given, sets)
    np.testing.assert_allclose(found, [by_hand(given, one) for one in sets], rtol=0, atol=1e-6)


def test_means_are_those_of_the_outputs_token_by_token() -> None:
    seeds = (1, 2, 5)
    found = head_means(plain.build(), [plain.pixels(seed) for seed in seeds])
    np.testing.assert_allclose(found, np.mean([outputs(plain.pixels(seed)) for seed in seeds], axis=0), atol=1e-6)


def test_gains_of_one_change_nothing_bit_for_bit() -> None:
    model, given = plain.build(), plain.pixels()
    untouched = model.classify(given)
    assert model.under(HeadGains(np.ones(SHAPE))).classify(given) == untouched
    named: Mapping[tuple[int, int], float] = {(1, 1): 1.0}
    assert model.under(HeadGains(named)).classify(given) == untouched


def test_a_gain_of_one_around_means_changes_nothing_but_rounding() -> None:
    model, given = plain.build(), plain.pixels()
    means = outputs(plain.pixels(9)).astype(np.float32)
    sets = np.ones((2, *SHAPE))
    sets[1, 0, 0] = 0.0  # so that layer 1 is changed in the batch, and the first input in it by a gain of 1
    found = head_scores(model, given, sets, means)
    np.testing.assert_allclose(found[0], [*model.classify(given).values()], rtol=0, atol=1e-6)


def test_a_model_without_classes_is_asked_about_a_similarity() -> None:
    model, sets = va.load("photo-dino"), np.ones((2, 12, 6))
    sets[1, 9, 4] = 0.0
    found = head_scores(model, "coffee", sets, target="similar:6,6")[:, 0]
    tokens = model.hidden_states("coffee")[-1]
    normed = model.anatomy.norm(torch.from_numpy(tokens)).numpy().astype(np.float64)
    one, other = normed[0], normed[model.axis().prefix + 6 * 16 + 6]
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert found[0] == pytest.approx(cosine, abs=1e-4)
    assert abs(found[1] - found[0]) > 1e-3
    with pytest.raises(ValueError, match=r"similar|classes"):
        head_scores(model, "coffee", sets)


def test_gains_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="gains: want"):
        head_scores(plain.build(), plain.pixels(), np.ones(SHAPE))
    with pytest.raises(ValueError, match="gains: want"):
        head_scores(plain.build(), plain.pixels(), np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="inputs: want at least one"):
        head_means(plain.build(), [])
