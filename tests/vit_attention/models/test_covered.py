"""Scores of covered inputs, against one pass after the other over inputs that were changed by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import vit_attention as va
from tests.vit_attention.signals import tiny_vits
from vit_attention.gate import GateError
from vit_attention.models.vision import VisionModel
from vit_attention.signals.fills import filler
from worlds.scenes import scene

TEXT = "The soup was not good and the waiter was slow."


@pytest.fixture(scope="module")
def scenes() -> Any:
    return va.load("scene-vit")


@pytest.fixture(scope="module")
def reviews() -> Any:
    return va.load("review-encoder")


@pytest.fixture
def tiny() -> VisionModel:
    return tiny_vits.model(tiny_vits.network())


def covers(count: int, side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, side, side)) < 0.4


def by_hand(pixels: Tensor, cover: np.ndarray, side: int, colour: Tensor) -> Tensor:
    found = pixels.clone()
    for row, column in np.argwhere(cover):
        found[0, :, row * side : (row + 1) * side, column * side : (column + 1) * side] = colour
    return found


def probability(model: Any, pixels: Tensor, name: str) -> float:
    scores = np.array([*model.classify(pixels).values()])
    powers = np.exp(scores - scores.max())
    return float(powers[model.classes.index(name)] / powers.sum())


@pytest.mark.parametrize("fill", ["mean", "zero"])
def test_probabilities_are_those_of_pictures_covered_by_hand(scenes: Any, fill: str) -> None:
    pixels, masks = scenes.prepare(scene(7).picture).pixels, covers(18, 14)  # more than go through together
    colour = pixels.mean(dim=(2, 3)).reshape(3, 1, 1) * (fill == "mean")
    wanted = [probability(scenes, by_hand(pixels, one, 8, colour), "moon") for one in masks[[0, 5, 17]]]
    found = scenes.scores_covered(scene(7).picture, masks, fill=fill, target="moon")
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[[0, 5, 17]], wanted, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("fill", ["blur", "road"])
def test_so_are_those_of_other_fills(tiny: VisionModel, fill: str) -> None:
    pixels, masks = tiny_vits.pixels(), covers(3, 4)
    made = filler(pixels, fill, (4, 4), seed=5)
    large = [torch.from_numpy(np.kron(one, np.ones((4, 4))) > 0) for one in masks]
    wanted = [probability(tiny, made(one), "owl") for one in large]
    np.testing.assert_allclose(tiny.scores_covered(pixels, masks, fill=fill, target=2, seed=5), wanted, atol=1e-6)


def test_without_a_target_the_likeliest_class_of_the_whole_picture_is_asked_about(scenes: Any) -> None:
    name, chance = scenes.attend("scene-7").prediction.top(1)[0]
    masks = np.stack([np.zeros((14, 14), bool), np.ones((14, 14), bool)])
    found = scenes.scores_covered("scene-7", masks)
    np.testing.assert_allclose(found, scenes.scores_covered("scene-7", masks, target=name), atol=1e-6)
    assert found[0] == pytest.approx(chance, abs=1e-5)
    assert found[1] < 0.5


def test_a_similarity_is_to_what_the_whole_picture_had(tiny: VisionModel) -> None:
    pixels, masks = tiny_vits.pixels(), covers(4, 4)
    with torch.inference_mode():
        whole = tiny.final_tokens(pixels)[0, 1 + 6]
        changed = [
            tiny.final_tokens(by_hand(pixels, one, 4, pixels.mean(dim=(2, 3)).reshape(3, 1, 1)))[0, 0] for one in masks
        ]
    wanted = [float(torch.cosine_similarity(one, whole, dim=0)) for one in changed]
    np.testing.assert_allclose(tiny.scores_covered(pixels, masks, target="similar:1,2"), wanted, atol=1e-6)
    other = tiny_vits.pixels(seed=9)
    far = tiny.scores_covered(pixels, masks, target=va.Similar(to=other))
    with torch.inference_mode():
        there = tiny.final_tokens(other)[0, 0]
    np.testing.assert_allclose(far, [float(torch.cosine_similarity(one, there, dim=0)) for one in changed], atol=1e-6)


def test_labels_are_the_classes_of_a_dual_encoder() -> None:
    model, labels = va.load("scene-clip"), ["red ring", "blue square"]
    about, masks = model.about(labels), covers(2, 14)
    ready = model.prepare("scene-7").pixels
    colour = ready.mean(dim=(2, 3)).reshape(3, 1, 1)
    wanted = [probability(about, by_hand(ready, one, ready.shape[-1] // 14, colour), "blue square") for one in masks]
    np.testing.assert_allclose(about.scores_covered(ready, masks, target="blue square"), wanted, rtol=1e-4)
    np.testing.assert_allclose(model.scores_covered(ready, masks, target=1, labels=labels), wanted, rtol=1e-4)
    with pytest.raises(GateError):
        model.scores_covered(ready, masks)


@pytest.mark.parametrize("fill", ["mask", "leave out"])
def test_tokens_of_a_text_are_hidden(reviews: Any, fill: str) -> None:
    record, ready = reviews.attend(TEXT), reviews.prepare(TEXT)
    words = np.array(record.maps[0].key.words)
    masks = np.stack([np.isin(np.arange(len(words)), some) for some in ([], [4], [2, 4, 5])])
    wanted = []
    for mask in masks:
        ids, counts = ready.ids.clone(), ready.mask.clone().long()
        if fill == "mask":
            ids[0, mask] = reviews.tokenizer.mask_token_id
        else:
            counts[0, mask] = 0
        said = reviews.attend({"input_ids": ids, "attention_mask": counts}).prediction
        wanted.append(said.probabilities[0])
    np.testing.assert_allclose(reviews.scores_covered(TEXT, masks, fill=fill, target=0), wanted, atol=1e-6)
    with pytest.raises(GateError, match="special tokens that stay"):
        reviews.scores_covered(TEXT, words[None] < 0)


def test_what_does_not_fit_is_refused(scenes: Any, reviews: Any, tiny: VisionModel) -> None:
    fine = covers(1, 14)
    for wrong in (fine[0], fine.astype(float), covers(1, 13), [[True, [False]]], None, fine[..., None]):
        with pytest.raises((GateError, ValueError)):
            scenes.scores_covered("scene-7", wrong)
    for more in (
        {"fill": "mask"},
        {"fill": "black"},
        {"target": "unicorn"},
        {"seed": -1},
        {"whole": [1]},
        {"size": 13},
    ):
        with pytest.raises(GateError):
            scenes.scores_covered("scene-7", fine, **more)
    with pytest.raises(GateError, match="mask or leave out"):
        reviews.scores_covered("Good.", np.zeros((1, 4), bool), fill="mean")
    with pytest.raises(GateError, match="size="):
        reviews.scores_covered("Good.", np.zeros((1, 4), bool), size=8)
    with pytest.raises(GateError, match="receipt-donut"):
        va.load("receipt-donut").scores_covered("receipt-3", fine)
    assert tiny.scores_covered(tiny_vits.pixels(), np.zeros((0, 4, 4), bool)).shape == (0,)


def test_another_size_has_another_grid(scenes: Any) -> None:
    found = scenes.scores_covered("scene-7", np.zeros((1, 7, 8), bool), size=(56, 64), target="ring")
    wanted = scenes.attend("scene-7", size=(56, 64)).prediction.probabilities[scenes.classes.index("ring")]
    assert found[0] == pytest.approx(wanted, abs=1e-5)


def test_the_model_stays_as_it_was_and_eight_threads_get_the_same_numbers(tiny: VisionModel) -> None:
    pixels, masks = tiny_vits.pixels(), covers(8, 4)
    before = {name: one.clone() for name, one in tiny.module.state_dict().items()}
    modes = [part.training for part in tiny.module.modules()]
    jobs = [("mean", "cat"), ("zero", "dog"), ("blur", "similar:1,2"), ("road", "owl")] * 2
    alone = [tiny.scores_covered(pixels, masks, fill=fill, target=about) for fill, about in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = [*pool.map(lambda job: tiny.scores_covered(pixels, masks, fill=job[0], target=job[1]), jobs)]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(GateError, match="size"):
        tiny.scores_covered(torch.zeros(1, 3, 12, 12), np.zeros((1, 3, 3), bool), target="dog", size=16)
    for name, one in tiny.module.state_dict().items():
        assert torch.equal(one, before[name])
    assert [part.training for part in tiny.module.modules()] == modes
    assert not any(one.requires_grad or one.grad is not None for one in tiny.module.parameters())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in tiny.module.modules())


def test_a_pass_that_fails_leaves_nothing_behind(tiny: VisionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, masks = tiny_vits.pixels(), covers(2, 4)
    fine = tiny.scores_covered(pixels, masks, target="similar:1,2")

    def fail(tokens: Tensor) -> Tensor:
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(tiny.module.encoder.layers[-1].mlp, "forward", fail)
        with pytest.raises(MemoryError):
            tiny.scores_covered(pixels, masks, target="similar:1,2")
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in tiny.module.modules())
    np.testing.assert_array_equal(tiny.scores_covered(pixels, masks, target="similar:1,2"), fine)
