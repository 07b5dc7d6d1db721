"""The untrained control: random, the same on every run, and repeating the words of the trained model."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import vit_attention as va
from tests.vit_attention.signals import tiny_vits
from vit_attention.capture import listening
from vit_attention.gate import GateError
from vit_attention.models.captioning import captions
from vit_attention.models.cascade import cascade, randomised
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


GIVEN = {"scene-vit": "scene-7", "photo-dino": "coffee", "review-encoder": "The soup was not good."}


def bits(model: Any) -> dict[str, bytes]:
    return {name: one.numpy().tobytes() for name, one in model.module.state_dict().items()}


def weights(model: Any, given: Any) -> list[Any]:
    return [one.weights for one in model.attend(given).maps]


@pytest.mark.parametrize("name", GIVEN)
def test_the_cascade_goes_from_the_head_down_and_leaves_the_shared_model_as_it_was(name: str) -> None:
    model, given = va.load(name), GIVEN[name]
    before, own, steps = bits(model), weights(va.load(name), GIVEN[name]), cascade(model)
    count = len(model.anatomy.blocks)
    assert steps == ("nothing", "head", *(f"block {n}" for n in range(count, 0, -1)), "embeddings")
    for step in (0, 1, 2, count, count + 1, count + 2):
        copy = randomised(model, step)
        found = weights(copy, given)
        same = [np.array_equal(a, b) for a, b in zip(own, found, strict=True)]
        untouched = max(0, count - max(0, step - 1)) if step < count + 2 else 0
        assert same == [n < untouched for n in range(count)], steps[step]
        assert copy.module is not model.module
    assert bits(model) == before
    assert all(np.array_equal(a, b) for a, b in zip(own, weights(model, given), strict=True))


@pytest.mark.parametrize("name", GIVEN)
def test_nothing_trained_is_left_at_the_end_and_nothing_is_drawn_at_the_beginning(name: str) -> None:
    model = va.load(name)
    first, last, again = randomised(model, 0), randomised(model, len(cascade(model)) - 1), randomised(model, 3)
    pairs = zip(model.module.named_parameters(), first.module.parameters(), last.module.parameters(), strict=True)
    for (word, own), kept, drawn in pairs:
        assert kept is own, word
        assert drawn is not own, word
        assert own.ndim < 2 or not bool((own == drawn).all()), word
    assert not any("drawn anew" in note for note in first.notes)
    assert f"block {len(model.anatomy.blocks) - 1}" in again.notes[-1]


def test_a_step_begins_with_the_numbers_of_the_one_before_and_a_seed_gives_others() -> None:
    model = va.load("scene-vit")
    two, three, other = randomised(model, 2), randomised(model, 3), randomised(model, 2, seed=1)
    top, below = "encoder.layers.11", "encoder.layers.10"
    for name, one in two.module.named_parameters():
        if name.startswith((top, "heads")):
            assert torch.equal(one, three.module.get_parameter(name)), name
            assert one.ndim < 2 or not torch.equal(one, other.module.get_parameter(name)), name
        if name.startswith(below):
            assert one is model.module.get_parameter(name)


def test_the_head_alone_changes_the_scores_and_all_that_refers_to_the_network_goes_with_it() -> None:
    model = tiny_vits.model(tiny_vits.network())
    pixels = tiny_vits.pixels()
    own, head, all_of_it = (
        m.attend(pixels).prediction.scores for m in (model, randomised(model, 1), randomised(model, 4))
    )
    assert not np.allclose(own, head)
    assert not np.allclose(head, all_of_it)
    last = randomised(model, 4)
    table = last.module.encoder.pos_embedding
    assert torch.equal(last.anatomy.positions, table[0])
    assert last.anatomy.positions.data_ptr() == table.data_ptr()
    assert last.anatomy.blocks[0] is last.module.encoder.layers[0]
    tokens = torch.ones(1, 17, 12, dtype=torch.float64)
    assert torch.equal(last.anatomy.tail(tokens), last.module.heads(last.module.encoder.ln(tokens)[:, 0]))


def test_a_dual_encoder_is_drawn_where_it_looks_and_its_labels_stay_texts() -> None:
    model = va.load("scene-clip").about(["red ring", "blue square"])
    picture = va.open_picture("scene-7").image
    own = model.attend(picture)
    found = randomised(model, len(cascade(model)) - 1)
    new = found.attend(picture, keep=va.load("scene-clip").signals & {"gradients"}, target="red ring")
    assert not np.allclose(own.prediction.scores, new.prediction.scores)
    assert not any(np.array_equal(a.weights, b.weights) for a, b in zip(own.maps, new.maps, strict=True))
    texts = [one for name, one in found.module.named_parameters() if name.startswith("text_model")]
    assert all(a is b for a, b in zip(texts, model.module.text_model.parameters(), strict=True))


def test_eight_threads_at_once_draw_the_same_and_disturb_nobody() -> None:
    model = va.load("scene-vit")
    before, own = bits(model), weights(model, "scene-7")
    expected = bits(randomised(model, 5))

    def work(number: int) -> bool:
        if number % 2:
            return bits(randomised(model, 5)) == expected
        return all(np.array_equal(a, b) for a, b in zip(own, weights(model, "scene-7"), strict=True))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))
    assert bits(model) == before
    with listening(model.anatomy.blocks, lambda tokens: None, before_first=True):
        copy = randomised(model, 0)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in copy.module.modules())


def test_matrices_kept_in_8_bits_are_drawn_too() -> None:
    from vit_attention.weights import eight_bits

    with eight_bits.staying() as kept:
        model = va.load("photo-dino")
    assert eight_bits.pack(model.module, kept)
    before, own = bits(model), weights(model, "coffee")
    found = randomised(model, 3)
    same = [np.array_equal(a, b) for a, b in zip(own, weights(found, "coffee"), strict=True)]
    assert same == [True] * 10 + [False] * 2
    kinds = [[isinstance(one, eight_bits.Packed) for one in found.anatomy.blocks[n].modules()] for n in (0, 11)]
    assert any(kinds[0])
    assert not any(kinds[1])
    assert bits(model) == before


def test_what_has_no_cascade_is_refused() -> None:
    with pytest.raises(GateError, match="want an encoder of pictures or texts, got receipt-donut"):
        cascade(va.load("receipt-donut"))
    model = va.load("scene-vit")
    for step in (-1, 15, True, 1.5):
        with pytest.raises(GateError, match="step: want a whole number from 0 to 14"):
            randomised(model, step)  # type: ignore[arg-type]
