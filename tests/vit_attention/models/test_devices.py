"""A model runs where it is told to, if there is such a place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vit_attention as va
from tests.vit_attention.models import plain_vit
from visualizer import methods
from vit_attention.models.devices import moved, usable
from worlds.scenes import scene

NOTHING = torch.accelerator.current_accelerator(check_available=True) is None


def test_the_processor_is_always_there() -> None:
    assert usable("cpu") == "cpu"
    assert usable("auto") == ("cpu" if NOTHING else torch.accelerator.current_accelerator().type)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["xpu:99", "cuda:99", "toaster"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"device: want one of this machine, cpu.*, got '{name}'"):
        usable(name)


def test_a_model_that_cannot_move_stays_and_says_so() -> None:
    said: list[str] = []
    model: Any = va.load("scene-vit")
    assert moved(model, "cuda:99", said.append) is model
    assert len(said) == 1
    assert "cuda:99" in said[0]
    assert model.device.type == "cpu"
    assert model.to(torch.device("cpu")) is model
    with pytest.raises(ValueError, match="device: want one of this machine"):
        model.to(None)


@pytest.mark.parametrize("name", ["scene-vit", "receipt-donut", "scene-aoanet"])
def test_every_family_moves_as_a_whole(name: str) -> None:
    model: Any = va.load(name)
    assert model.to("cpu") is model
    assert model.device == torch.device("cpu")


@pytest.mark.skipif(NOTHING, reason="this machine has no accelerator")
def test_maps_are_the_same_on_an_accelerator() -> None:
    picture = scene(7).picture
    here, there = (va.load("scene-vit").to(name).attend(picture) for name in ("cpu", "auto"))
    for one, two in zip(here.maps, there.maps, strict=True):
        np.testing.assert_allclose(one.weights, two.weights, atol=1e-4)


@pytest.mark.parametrize("precision", [torch.float64, torch.bfloat16, torch.float16])
def test_a_picture_goes_in_as_the_network_computes(precision: torch.dtype) -> None:
    model, method = plain_vit.build(), methods()["attnlrp"]
    model.module.to(precision)
    grey = Image.new("RGB", (16, 16), (51, 102, 204))  # prepared by (value / 255 - 0.5) / 0.5
    prepared = torch.tensor([-0.6, -0.2, 0.6], dtype=torch.float64)[None, :, None, None].expand(1, 3, 16, 16)
    wanted = plain_vit.build().module(prepared)[0].numpy()
    np.testing.assert_allclose([*model.classify(grey).values()], wanted, atol=0.1 if precision.itemsize < 4 else 1e-5)
    assert np.isfinite(method(model.attend(grey, target=1, keep=method.needs)).values).all()
