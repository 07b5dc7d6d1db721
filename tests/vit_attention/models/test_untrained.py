"""The untrained control: random, the same on every run, and repeating the words of the trained model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vit_attention as va
from vit_attention.models.captioning import captions
from vit_attention.models.untrained import untrained


@pytest.mark.parametrize("name", ["scene-vit", "photo-dino"])
def test_no_weight_is_left_and_every_run_gives_the_same(name: str) -> None:
    trained, first, again = va.load(name), untrained(va.load(name)), untrained(va.load(name))
    other = untrained(va.load(name), seed=1)
    same, changed = 0, 0
    for (word, own), one, two, three in zip(
        trained.module.named_parameters(),
        *(model.module.parameters() for model in (first, again, other)),
        strict=True,
    ):
        assert torch.equal(one, two), word
        same += bool(torch.equal(one, own))
        changed += not torch.equal(one, three)
        assert one.ndim < 2 or not torch.equal(one, own), word
    assert not same
    assert changed
    assert torch.equal(first.anatomy.positions, next(p for n, p in first.module.named_parameters() if "pos" in n)[0])


def test_the_random_state_of_others_stays() -> None:
    model = va.load("scene-vit")
    torch.manual_seed(5)
    untrained(model)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))


@pytest.mark.parametrize(("name", "given"), [("receipt-donut", "receipt-3-3"), ("scene-aoanet", "scene-6-2-50")])
def test_it_repeats_the_words_of_the_trained_model(name: str, given: str) -> None:
    trained = va.load(name)
    own = trained.attend(given)
    control = untrained(va.load(name), dictates=trained)
    found = control.attend(given)
    assert found.prediction.tokens == own.prediction.tokens
    assert [one.weights.shape for one in found.maps] == [one.weights.shape for one in own.maps]
    cross = next(n for n, one in enumerate(own.maps) if one.kind == "cross")
    assert found.maps[cross].weights.max() < 0.1 < own.maps[cross].weights.max()
    assert max(one.residual for one in found.maps if one.residual is not None) < 1e-4, (
        "its weights prove themselves, too"
    )
    alone = untrained(va.load(name)).attend(given, **({"max_tokens": 5} if name == "receipt-donut" else {}))
    assert alone.prediction.tokens != own.prediction.tokens


def test_a_model_that_is_dictated_its_own_words_does_what_it_did() -> None:
    model = va.load("scene-aoanet")
    values = torch.tensor(model.prepare("scene-6-2-50").values)[None]
    own = captions(model.network, values)[0]
    told = captions(model.network, values, dictated=own.tokens)[0]
    np.testing.assert_array_equal(own.tokens, told.tokens)
    np.testing.assert_array_equal(own.attention, told.attention)
    np.testing.assert_array_equal(own.gates, told.gates)
    np.testing.assert_allclose(own.logprobs, told.logprobs)
    reader = va.load("receipt-donut")
    first = reader.attend("receipt-3-3")
    reader.dictates = va.load("receipt-donut")
    second = reader.attend("receipt-3-3")
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(first.maps, second.maps, strict=True))
