"""Grad-CAM on tokens against numerical differentiation, the package grad-cam, and torchcam."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import vit_attention as va
from benchmarks.gradients import Mapped
from tests.vit_attention.folders import text_folder
from tests.vit_attention.signals import tiny_vits as tiny
from visualizer import methods
from vit_attention.gate import GateError


def made(module: Any, pixels: Tensor, target: int, **knobs: Any) -> NDArray[Any]:
    keep = methods()["grad-cam"].needs_for(**knobs)
    return methods()["grad-cam"](tiny.model(module).attend(pixels, target=target, keep=keep), **knobs).values


def score_with(module: Any, place: Any, pixels: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
    """The scores with these features in a place, or its own; and what was there."""
    kept: list[Tensor] = []

    def swap(_module: Any, _given: Any, out: Tensor) -> Tensor:
        kept.append(out)
        return out if features is None else features

    handle = place.register_forward_hook(swap)
    scores = module(pixels)[0]
    handle.remove()
    return scores, kept[0]


@pytest.mark.parametrize(("at", "above", "layer"), [("norm", 0, 2), ("norm", 1, 1), ("output", 1, 1), ("output", 2, 0)])
def test_features_times_their_mean_slopes(at: str, above: int, layer: int) -> None:
    """Slopes of the score by every feature of every patch, by moving each a little to both sides."""
    module, pixels, step = tiny.network(3), tiny.pixels(), 1e-5
    block = module.encoder.layers[layer]
    place = block.ln_1 if at == "norm" else block
    _, features = score_with(module, place, pixels, None)
    slopes = torch.zeros(16, 12, dtype=torch.float64)
    for patch in range(16):
        for feature in range(12):
            moved = []
            for way in (step, -step):
                other = features.clone()
                other[0, 1 + patch, feature] += way
                moved.append(score_with(module, place, pixels, other)[0][0])
            slopes[patch, feature] = (moved[0] - moved[1]) / (2 * step)
    wanted = (features[0, 1:] * slopes.mean(dim=0)).sum(dim=1).clamp(min=0).reshape(4, 4).numpy()
    assert wanted.max() > 0
    np.testing.assert_allclose(made(module, pixels, 0, at=at, above=above), wanted, atol=1e-6 * wanted.max())


@pytest.mark.parametrize(("seed", "target"), [(0, 0), (1, 1), (2, 2), (3, 0)])
def test_the_package_grad_cam_gives_the_same(seed: int, target: int) -> None:
    """Which scales its maps from 0 to 1."""
    package = pytest.importorskip("pytorch_grad_cam")
    outputs = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    module, pixels = tiny.network(3, torch.float32, seed), tiny.pixels(dtype=torch.float32, seed=seed)
    ours = made(module, pixels, target)
    theirs = copy.deepcopy(module).requires_grad_(True)
    with package.GradCAM(
        theirs,
        [theirs.encoder.layers[-1].ln_1],
        reshape_transform=lambda tokens: tokens[:, 1:].mT.unflatten(2, (4, 4)),
    ) as cam:
        found = cam(pixels, [outputs.ClassifierOutputTarget(target)])[0]
    # It enlarges 4 x 4 cells to the 16 x 16 pixels, between whose middles it interpolates; all are scaled by the largest cell.
    shown = torch.nn.functional.interpolate(torch.from_numpy(_scaled(ours))[None, None], (16, 16), mode="bilinear")
    np.testing.assert_allclose(found, _scaled(shown[0, 0].numpy()), atol=2e-4)


def _scaled(values: NDArray[Any]) -> NDArray[Any]:
    low = values - values.min()
    return np.asarray(low / (low.max() + 1e-7), np.float32)


@pytest.mark.parametrize(("seed", "target"), [(0, 0), (1, 1), (2, 2)])
def test_torchcam_gives_the_same(seed: int, target: int) -> None:
    package = pytest.importorskip("torchcam.methods")
    module, pixels = tiny.network(3, torch.float32, seed), tiny.pixels(dtype=torch.float32, seed=seed)
    ours = made(module, pixels, target)
    theirs = copy.deepcopy(module).requires_grad_(True)
    block = theirs.encoder.layers[-1]
    block.ln_1 = Mapped(block.ln_1, (4, 4))
    with package.GradCAM(theirs, target_layer=block.ln_1.place, input_shape=(3, 16, 16)) as cam:
        scores = theirs(pixels)
        found = cam(target, scores, normalized=False)[0][0].detach().numpy()
    assert found.max() > 0
    np.testing.assert_allclose(ours, found, atol=1e-5 * found.max())


def test_pictures_together_are_each_alone() -> None:
    model, both = tiny.model(tiny.network(3)), tiny.pixels(3)
    asked, _ = model.asked(keep=methods()["grad-cam"].needs)
    together = [*model.attend_ready([model.prepare(both[n : n + 1]) for n in range(3)], asked)]
    for n, record in enumerate(together):
        alone = model.attend(both[n : n + 1], keep=methods()["grad-cam"].needs)
        assert record.prediction.target == alone.prediction.target
        np.testing.assert_allclose(record.signals["grad-cam"], alone.signals["grad-cam"], rtol=1e-5, atol=1e-8)


def test_places_without_a_slope_are_refused() -> None:
    """Behind the last block only the class token is read; an untrained head has no slopes at all."""
    module, pixels = tiny.network(), tiny.pixels()
    with pytest.raises(GateError, match=re.escape("the output of layer 2, behind which only special tokens count")):
        made(module, pixels, 0, at="output")
    with pytest.raises(GateError) as refusal:
        made(tiny.network(1), pixels, 0, at="output")
    assert refusal.value.advice == ""  # there is no block above which to look
    for knobs in ({"at": "middle"}, {"above": 2}):
        with pytest.raises(ValueError, match=r"want one of norm, output"):
            made(module, pixels, 0, **knobs)


@pytest.mark.parametrize("family", ["bert", "distilbert", "albert", "roberta-prelayernorm"])
def test_texts_alone_and_padded(tmp_path: Path, family: str) -> None:
    """In the last block of a post-norm encoder the first norm comes behind attention: refused there, had one block below."""
    text_folder(tmp_path, family)
    model = va.load(f"hf:{tmp_path}")
    knobs = {} if family == "roberta-prelayernorm" else {"above": 1}
    keep = methods()["grad-cam"].needs_for(**knobs)
    texts = ("The soup was not good, the waiters slowed!", "Never good.")
    if knobs:
        with pytest.raises(GateError, match="the gradient of all others is 0"):
            model.attend(texts[0], target=1, keep=methods()["grad-cam"].needs)
    if family == "albert":  # one block that is used three times
        with pytest.raises(GateError, match="0 to 0 blocks above"):
            model.attend(texts[0], target=1, keep=keep)
        return
    asked, _ = model.asked(target=1, keep=keep)
    together = [one.signals["grad-cam"] for one in model.attend_ready([model.prepare(one) for one in texts], asked)]
    for text, batched in zip(texts, together, strict=True):
        record = model.attend(text, target=1, keep=keep)
        assert np.isfinite(record.signals["grad-cam"]).all()
        np.testing.assert_allclose(batched, record.signals["grad-cam"], rtol=1e-4, atol=1e-7)
