"""From weights to what attention adds, against PyTorch's own attention and Kobayashi's definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import vit_attention as va
from visualizer.measures.value_steps import value_steps
from vit_attention.models.output_projection import output_projection
from worlds.scenes import scene


def test_the_steps_end_where_pytorch_does() -> None:
    torch.manual_seed(3)
    attention = nn.MultiheadAttention(12, 3, batch_first=True)
    tokens = torch.randn(1, 5, 12)
    with torch.no_grad():
        attention.in_proj_bias.normal_()
        attention.out_proj.bias.normal_()
        out, weights = attention(tokens, tokens, tokens, average_attn_weights=False)
        values = tokens @ attention.in_proj_weight[24:].T + attention.in_proj_bias[24:]
    heads = values[0].reshape(5, 3, 4).transpose(0, 1)
    steps = value_steps(weights[0, :, 2], heads, attention.out_proj.weight.detach(), attention.out_proj.bias.detach())
    np.testing.assert_allclose(steps.output, out[0, 2], atol=1e-6)
    np.testing.assert_allclose(steps.joined.reshape(3, 4), (weights[0, :, 2, None] @ heads)[:, 0], atol=1e-6)


def test_norms_are_those_of_transformed_vectors_one_by_one(rng: np.random.Generator) -> None:
    weights, values, matrix = rng.random((2, 4)), rng.standard_normal((2, 4, 3)), rng.standard_normal((5, 6))
    steps = value_steps(weights, values, matrix)
    for key in range(4):
        whole = np.zeros(5)
        for head in range(2):
            alone = np.zeros(6)  # this head's value where the heads are joined, all others silent
            alone[3 * head : 3 * head + 3] = values[head, key]
            vector = matrix @ alone
            assert steps.value_norms[head, key] == pytest.approx(np.linalg.norm(vector))
            assert steps.norms[head, key] == pytest.approx(np.linalg.norm(weights[head, key] * vector))
            whole += weights[head, key] * vector
        assert steps.together[key] == pytest.approx(np.linalg.norm(whole))
    assert steps.shares(1).sum() == pytest.approx(1)
    assert steps.shares()[2] == pytest.approx(steps.together[2] / steps.together.sum())


@pytest.mark.parametrize("name", ["scene-vit", "photo-dino", "scene-clip"])
def test_a_bundled_block_adds_what_the_steps_say(name: str) -> None:
    model, layer = va.load(name), 4
    block = model.anatomy.blocks[layer]
    attention = next(part for path, part in block.named_children() if "att" in path)
    heard: list[torch.Tensor] = []
    handle = attention.register_forward_hook(lambda module, given, out: heard.append(out[0].detach()))
    try:
        record = model.attend(scene(7).picture, keep={"values"}, layers=[layer])
    finally:
        handle.remove()
    row = record.maps[0].weights[:, 3]
    steps = value_steps(row, record.signals["values"][0], *output_projection(model, layer))
    np.testing.assert_allclose(steps.output, heard[0].reshape(-1, len(steps.output))[3].cpu(), atol=2e-5)


def test_a_model_without_blocks_or_layer_is_refused() -> None:
    model = va.load("scene-vit")
    with pytest.raises(ValueError, match="layer: want a number from 0 to 11, got 12"):
        output_projection(model, 12)
    with pytest.raises(ValueError, match="layer: want an encoder's, got 0"):
        output_projection(object(), 0)


ROW, VALUES = np.ones((2, 3)) / 3, np.ones((2, 3, 4))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((ROW[:1], VALUES, np.ones((5, 8))), "weights, values: want"),
        ((ROW, VALUES, np.ones((5, 9))), r"projection: want \(width, 8\), got shape \(5, 9\)"),
        ((ROW, VALUES, np.ones((5, 8)), np.ones(4)), r"bias: want \(5,\), got shape \(4,\)"),
        ((ROW, np.full((2, 3, 4), np.nan), np.ones((5, 8))), "values: want finite numbers, got NaN or infinity"),
        (([[1.0], [1.0, 2.0]], VALUES, np.ones((5, 8))), "weights: want numbers in rows of equal length"),
    ],
)
def test_what_does_not_fit_is_refused(given: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value_steps(*given)
