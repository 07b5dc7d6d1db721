"""Sizes of the diagram against the networks themselves."""

from __future__ import annotations

import pytest
import torch

import vit_attention as va
from tests.tutorials.findings.hand import context, everywhere
from tutorials.findings import whole
from visualizer.figures.blocks import VIT_B_16


@pytest.mark.parametrize("name", ["scene-vit", "photo-dino"])
def test_sizes_are_those_of_the_loaded_model(name: str) -> None:
    model = va.load(name)
    assert whole.sizes_of(model) == whole.SIZES[name]
    record = model.attend("scene-7")
    of = whole.SIZES[name]
    assert record.maps[0].weights.shape == (of.heads, of.tokens, of.tokens)
    assert len(record.maps) == of.layers
    assert model.hidden_states("scene-7").shape == (of.layers + 1, of.tokens, of.width)
    assert model.patch_filters()[0].size == 3 * of.patch[0] * of.patch[1]


def test_vit_b_16_is_that_of_torchvision() -> None:
    from torchvision.models import vit_b_16

    with torch.device("meta"):
        network = vit_b_16()
    assert sum(one.numel() for one in network.parameters()) == VIT_B_16.parameters
    assert network.encoder.layers[0].mlp[0].out_features == VIT_B_16.mlp
    assert (network.hidden_dim, network.seq_length, len(network.encoder.layers)) == (
        768,
        VIT_B_16.tokens,
        VIT_B_16.layers,
    )
    counted = whole.parameters(VIT_B_16)
    block = network.encoder.layers
    mlp = sum(one.numel() for name, one in block.named_parameters() if ".mlp." in name or "ln_2" in name)
    assert counted[whole.MLP] == mlp
    rest = sum(one.numel() for name, one in block.named_parameters()) - mlp
    assert counted[whole.ATTENTION] == rest


def test_most_parameters_are_those_of_the_mlps() -> None:
    now = context([[everywhere([1, 1])]], (1, 1))
    found = whole.most_parameters(type(now)("scene-vit", now.picture, now.record, now.chosen))
    assert found.answer == whole.MLP
    assert "59%" in found.text  # 12 * (2 * 144 * 432 + 432 + 3 * 144) of 2,567,388
    assert whole.tokens(type(now)("vit-b-16", now.picture, now.record, now.chosen)).answer == 197


def test_a_model_of_texts_has_no_such_sizes() -> None:
    with pytest.raises(ValueError, match="model: want a vision transformer, got review-encoder"):
        whole.sizes_of(va.load("review-encoder"))
