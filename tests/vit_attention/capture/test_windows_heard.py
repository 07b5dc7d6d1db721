"""Window attention of every library against that library's own eager weights, and against its own output."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.vit_attention import swins
from vit_attention.capture import CaptureError, capture


def swin_two() -> Any:
    from transformers import Swinv2Config, Swinv2Model

    config = Swinv2Config(
        image_size=32, patch_size=2, embed_dim=8, depths=[2, 2], num_heads=[2, 4], window_size=4, drop_path_rate=0.0
    )
    return swins.shaken(Swinv2Model(config))


FAMILIES = [(swins.donut, swins.EVEN), (swins.donut, swins.ODD), (swins.swin, (64, 64)), (swin_two, (32, 32))]


@pytest.mark.parametrize(("build", "size"), FAMILIES)
def test_the_last_block_of_every_stage_equals_the_librarys_own_weights(build: Any, size: tuple[int, int]) -> None:
    model, pixels = build(), swins.page(size, count=2)
    with torch.no_grad():
        own = model(pixels, output_attentions=True).attentions
        with capture(model, proof_rows=None) as seen:
            model(pixels)
    depths = model.config.depths
    assert len(seen) == sum(depths)
    last = np.cumsum(depths) - 1
    for stage, at in enumerate(last):
        assert seen[at].kind == "window"
        torch.testing.assert_close(seen[at].weights, own[stage], atol=2e-6, rtol=1e-5)
        assert float(own[stage].max()) > 0.5  # far from uniform, so a lost bias would show
    assert all(one.residual is not None and one.residual < 1e-4 for one in seen)


@pytest.mark.parametrize(("build", "size"), FAMILIES)
def test_blocks_that_the_library_does_not_hand_out_equal_their_own_module_run_by_hand(
    build: Any, size: tuple[int, int]
) -> None:
    model, pixels = build(), swins.page(size)
    inputs: dict[str, Any] = {}

    def note(name: str) -> Any:
        return lambda _m, args, kwargs: inputs.update(
            {name: (args, kwargs)}
        )  # returns None: anything else replaces the call

    with torch.no_grad(), capture(model) as seen:
        model(pixels)
    handles = [model.get_submodule(s.name).register_forward_pre_hook(note(s.name), with_kwargs=True) for s in seen]
    with torch.no_grad():
        model(pixels)
    for handle in handles:
        handle.remove()
    for one in seen:
        (hidden, *rest), extra = inputs.pop(one.name)
        module = model.get_submodule(one.name)
        with torch.no_grad():
            asked = {} if build is swins.swin else {"output_attentions": True}
            mask = rest[0] if rest else extra.get("attention_mask")
            own = module(hidden, mask, **asked)[1]
        torch.testing.assert_close(one.weights, own, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize(("build", "size"), [(swins.donut, swins.ODD), (swins.swin, (50, 38))])
def test_only_the_windows_asked_for_are_computed(build: Any, size: tuple[int, int]) -> None:
    model, pixels = build(), swins.page(size, count=2)
    with torch.no_grad():
        with capture(model) as whole:
            model(pixels)
        with capture(model, items=[5, 0], heads=[1], layers=[2, 3]) as some:
            model(pixels)
    for one in some:
        torch.testing.assert_close(one.weights, whole[one.layer].weights[[5, 0]][:, [1]], atol=1e-6, rtol=1e-5)
        assert one.residual is not None
        assert one.residual < 1e-4


def test_items_select_the_batch_of_any_other_kind_of_block() -> None:
    torch.manual_seed(0)
    block = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    x = torch.randn(4, 5, 12)
    with torch.no_grad(), capture(block) as whole, capture(block, items=[2, 0]) as some:
        block(x, x, x)
    assert torch.equal(some[0].weights, whole[0].weights[[2, 0]])


@pytest.mark.parametrize(("build", "size"), FAMILIES)
def test_items_out_of_range_are_refused(build: Any, size: tuple[int, int]) -> None:
    model = build()
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match="items: want numbers from 0 to"),
        capture(model, items=[9999]),
    ):
        model(swins.page(size))


@pytest.mark.parametrize(("build", "size"), FAMILIES)
def test_gradients_reach_all_windows_even_where_few_are_kept(build: Any, size: tuple[int, int]) -> None:
    model, pixels = build().requires_grad_(False), swins.page(size)
    with capture(model, gradients=True, items=[0], layers=[1]) as seen:
        score = model(pixels).last_hidden_state.sum()
    probe = seen[0].probe
    assert probe is not None
    assert seen[0].weights.shape[0] == 1
    (gradient,) = torch.autograd.grad(score, probe)
    assert gradient.shape[0] > 1
    assert gradient.abs().max() > 0
    with torch.no_grad():
        torch.testing.assert_close(score, model(pixels).last_hidden_state.sum(), rtol=1e-4, atol=1e-3)


def test_training_mode_with_dropout_is_refused() -> None:
    model = swins.donut(attention_probs_dropout_prob=0.5).train()
    with torch.no_grad(), pytest.raises(CaptureError, match="training mode with dropout"), capture(model):
        model(swins.page(swins.EVEN))


def test_values_come_on_request_for_the_same_windows() -> None:
    model, own = swins.donut(), []
    block = model.encoder.layers[0].blocks[0].attention.self
    handle = block.register_forward_hook(lambda _m, _a, out: own.append(out[0][1]))
    with torch.no_grad(), capture(model, parts=True, items=[1], layers=[0]) as seen:
        model(swins.page(swins.EVEN))
    handle.remove()
    value = seen[0].parts["value"]
    assert value.shape == (1, 1, 16, 8)
    torch.testing.assert_close((seen[0].weights @ value)[0, 0], own[0], atol=1e-6, rtol=1e-5)


# --- torchvision ---------------------------------------------------------------------------------------------------


def torchvision_block(second: bool, shift: tuple[int, int], window: tuple[int, int] = (4, 4)) -> Any:
    from torchvision.models.swin_transformer import ShiftedWindowAttention, ShiftedWindowAttentionV2

    kind = ShiftedWindowAttentionV2 if second else ShiftedWindowAttention
    return swins.shaken(kind(8, list(window), list(shift), 2))


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize(
    ("rows", "columns", "shift", "window"),
    [
        (8, 8, (0, 0), (4, 4)),
        (8, 12, (2, 2), (4, 4)),
        (7, 10, (2, 2), (4, 4)),
        (3, 9, (2, 2), (4, 4)),
        (8, 8, (1, 2), (2, 4)),
    ],
)
def test_torchvision_blocks_reproduce_their_own_output(
    second: bool, rows: int, columns: int, shift: tuple[int, int], window: tuple[int, int]
) -> None:
    block = torchvision_block(second, shift, window)
    x = torch.randn(2, rows, columns, 8, generator=torch.Generator().manual_seed(2))
    with torch.no_grad(), capture(block, proof_rows=None) as seen:
        plain = block(x)
    one = seen[0]
    assert one.kind == "window"
    assert one.residual is not None
    assert one.residual < 1e-5
    tiles = -(-rows // window[0]) * -(-columns // window[1])
    assert one.weights.shape == (2 * tiles, 2, window[0] * window[1], window[0] * window[1])
    torch.testing.assert_close(one.weights.sum(-1), torch.ones(one.weights.shape[:-1]))
    with capture(block.requires_grad_(False), gradients=True):
        torch.testing.assert_close(block(x), plain, atol=1e-5, rtol=1e-5)
    with torch.no_grad(), capture(block, items=[tiles]) as some:
        block(x)
    torch.testing.assert_close(some[0].weights[0], one.weights[tiles], atol=1e-6, rtol=1e-5)


def test_torchvision_weights_are_those_of_the_same_block_in_transformers() -> None:
    """One set of numbers in both libraries: torchvision never shows its weights, transformers does."""
    model = swins.swin()
    other, block = model.encoder.layers[0].blocks[1], torchvision_block(False, (2, 2))
    with torch.no_grad():
        a = other.attention
        block.qkv.weight.copy_(torch.cat([a.q_proj.weight, a.k_proj.weight, a.v_proj.weight]))
        block.qkv.bias.copy_(torch.cat([a.q_proj.bias, a.k_proj.bias, a.v_proj.bias]))
        block.proj.load_state_dict(a.o_proj.state_dict())
        block.relative_position_bias_table.copy_(a.relative_position_bias.relative_position_bias_table)
        hidden = torch.randn(1, 7 * 10, 8, generator=torch.Generator().manual_seed(2))
        own = other(hidden, (7, 10))[1]
        with capture(block) as seen:
            block(other.layernorm_before(hidden).view(1, 7, 10, 8))
    torch.testing.assert_close(seen[0].weights, own, atol=2e-6, rtol=1e-5)


def test_a_whole_torchvision_swin_is_captured() -> None:
    from torchvision.models.swin_transformer import SwinTransformer

    model = swins.shaken(SwinTransformer([4, 4], 8, [2, 2], [2, 4], [4, 4], num_classes=3, stochastic_depth_prob=0.0))
    with torch.no_grad(), capture(model) as seen:
        model(swins.page((66, 50)))
    assert [one.kind for one in seen] == ["window"] * 4
    assert [one.weights.shape[1] for one in seen] == [2, 2, 4, 4]
