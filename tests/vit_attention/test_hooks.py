"""Capture against attention recomputed by hand, and what it leaves behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vit_attention as va
from vit_attention.hooks import CaptureError, Request, listening
from vit_attention.treatments import TREATMENTS, Reading, Treatment, register


class Block(nn.Module):
    """One pre-norm block around torch's own attention, called as torchvision calls it."""

    def __init__(self, width: int = 12, heads: int = 3, **extra: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True, **extra)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.attention(x, x, x, need_weights=False)[0]


def by_hand(block: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """softmax(Q K^T / sqrt(d)) from the definition, one head and one query at a time."""
    width = block.embed_dim // block.num_heads
    wq, wk, _ = block.in_proj_weight.chunk(3)
    bq, bk, _ = block.in_proj_bias.chunk(3)
    out = torch.zeros(len(x), block.num_heads, x.shape[1], x.shape[1])
    for b in range(len(x)):
        for h in range(block.num_heads):
            part = slice(h * width, (h + 1) * width)
            for i in range(x.shape[1]):
                query = wq[part] @ x[b, i] + bq[part]
                scores = torch.stack([query @ (wk[part] @ x[b, j] + bk[part]) for j in range(x.shape[1])])
                out[b, h, i] = (scores / width**0.5).softmax(-1)
    return out


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(Block(), Block()).eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(1))


def state_of(model: nn.Module) -> list[Any]:
    return [
        (m.training, len(m._forward_hooks), len(m._forward_pre_hooks), m._forward_hooks_with_kwargs.copy())
        for m in model.modules()
    ] + [p.requires_grad for p in model.parameters()] + [p.grad is None for p in model.parameters()]  # fmt: skip


def test_weights_equal_the_definition(model: nn.Sequential, x: Tensor) -> None:
    with torch.no_grad(), va.capture(model) as seen:
        model(x)
    assert [one.name for one in seen] == ["0.attention", "1.attention"]
    torch.testing.assert_close(seen[0].weights, by_hand(model[0].attention, x), atol=1e-6, rtol=0)
    inner = model[0](x)
    torch.testing.assert_close(seen[1].weights, by_hand(model[1].attention, inner), atol=1e-6, rtol=0)
    assert all(one.residual is not None and one.residual < 1e-5 for one in seen)


def test_the_model_computes_what_it_computes_without_capture(model: nn.Sequential, x: Tensor) -> None:
    with torch.no_grad():
        plain = model(x)
        with va.capture(model):
            captured = model(x)
        with va.capture(model, gradients=True):
            differentiable = model(x)
    torch.testing.assert_close(captured, plain, atol=1e-6, rtol=0)
    torch.testing.assert_close(differentiable, plain, atol=1e-5, rtol=0)


@pytest.mark.parametrize("asked", [{}, {"need_weights": False}, {"average_attn_weights": False}])
def test_the_caller_still_gets_the_weights_it_asked_for(asked: dict[str, bool], x: Tensor) -> None:
    torch.manual_seed(0)
    block = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    with torch.no_grad():
        plain = block(x, x, x, **asked)
        with va.capture(block):
            inside = block(x, x, x, **asked)
    for a, b in zip(plain, inside, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kdim", [None, 7])
def test_cross_attention_and_layouts(batch_first: bool, kdim: int | None) -> None:
    torch.manual_seed(0)
    block = nn.MultiheadAttention(12, 3, batch_first=batch_first, kdim=kdim, vdim=kdim).eval()
    query, key = torch.randn(2, 4, 12), torch.randn(2, 6, kdim or 12)
    args = [t if batch_first else t.transpose(0, 1) for t in (query, key, key)]
    with torch.no_grad(), va.capture(block, proof_rows=None) as seen:
        block(*args)
    assert seen[0].kind == "cross"
    assert seen[0].weights.shape == (2, 3, 4, 6)
    assert seen[0].residual is not None
    assert seen[0].residual < 1e-5


def test_masked_keys_get_exactly_nothing(model: nn.Sequential, x: Tensor) -> None:
    block = model[0].attention
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[:, 3:] = True
    with torch.no_grad(), va.capture(block) as seen:
        block(x, x, x, key_padding_mask=mask)
    assert seen[0].weights[..., 3:].abs().max() == 0


def test_transformer_encoder_layers_are_seen_too(x: Tensor) -> None:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 2, 24, batch_first=True), 2).eval()
    with torch.no_grad(), va.capture(encoder) as seen:
        encoder(x)
    assert len(seen) == 2


def test_selection_keeps_what_was_asked_for(model: nn.Sequential, x: Tensor) -> None:
    with torch.no_grad():
        with va.capture(model) as whole:
            model(x)
        with va.capture(model, layers=[1], heads=[2, 0], queries=[4], half=True) as part:
            model(x)
    assert len(part) == 1
    assert part[0].weights.dtype == torch.float16
    torch.testing.assert_close(part[0].weights.float(), whole[1].weights[:, [2, 0]][:, :, [4]], atol=1e-3, rtol=0)


@pytest.mark.parametrize("wrong", [{"layers": [2]}, {"heads": [3]}, {"queries": [-1]}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, list[int]], model: nn.Sequential, x: Tensor) -> None:
    before = state_of(model)
    with pytest.raises(ValueError, match="want numbers from 0 to"), va.capture(model, **wrong):
        model(x)
    assert state_of(model) == before


def test_everything_is_left_as_found_also_after_an_error(model: nn.Sequential, x: Tensor) -> None:
    before = state_of(model)
    with torch.no_grad(), va.capture(model):
        model(x)
    assert state_of(model) == before
    with pytest.raises((RuntimeError, AssertionError)), va.capture(model, gradients=True):
        model(torch.zeros(1, 5, 99))
    assert state_of(model) == before
    with pytest.raises(KeyError), va.capture(model):
        raise KeyError("mine")
    assert state_of(model) == before


def test_gradients_equal_finite_differences(model: nn.Sequential, x: Tensor) -> None:
    """Nudging one weight inside the first block moves the score as the gradient says, through everything above it."""
    model = model.double()
    x = x[:1].double()

    def score(nudge: float) -> float:
        block = model[0].attention
        with torch.no_grad(), va.capture(block) as seen:
            block(x, x, x)
        weights = seen[0].weights.clone()
        weights[0, 1, 2, 3] += nudge
        _, _, wv = block.in_proj_weight.chunk(3)
        value = (x @ wv.T + block.in_proj_bias.chunk(3)[2]).unflatten(-1, (3, 4)).transpose(1, 2)
        out = x + block.out_proj((weights @ value).transpose(1, 2).flatten(2))
        with torch.no_grad():
            return float(model[1](out)[0, 0].sum())

    for p in model.parameters():
        p.requires_grad_(False)
    with va.capture(model, gradients=True) as seen:
        total = model(x)[0, 0].sum()
    (gradient, _) = torch.autograd.grad(total, [one.probe for one in seen])
    expected = (score(1e-5) - score(-1e-5)) / 2e-5
    assert float(gradient[0, 1, 2, 3]) == pytest.approx(expected, rel=1e-5)
    assert all(p.grad is None for p in model.parameters())


class DoesMore(nn.MultiheadAttention):
    """Attention that does something to its values that its weights do not tell."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        out, weights = super().forward(*args, **kwargs)
        return out * 1.1, weights


def test_weights_that_do_not_make_the_blocks_output_are_refused(x: Tensor) -> None:
    torch.manual_seed(0)
    block = DoesMore(12, 3, batch_first=True).eval()
    with pytest.raises(CaptureError, match="miss the block's own output"), torch.no_grad(), va.capture(block):
        block(x, x, x)


def test_dropout_in_training_mode_is_refused() -> None:
    torch.manual_seed(0)
    block = nn.MultiheadAttention(12, 3, dropout=0.5, batch_first=True).train()
    x = torch.randn(1, 5, 12)
    with pytest.raises(CaptureError, match=r"call model.eval\(\) first"), torch.no_grad(), va.capture(block):
        block(x, x, x)


def test_a_model_without_attention_says_so() -> None:
    with pytest.raises(CaptureError, match=r"no attention block found in Linear: want one of: .*MultiheadAttention"), va.capture(nn.Linear(2, 2)):  # fmt: skip
        pass


def test_captures_may_be_nested(model: nn.Sequential, x: Tensor) -> None:
    with torch.no_grad(), va.capture(model) as outer, va.capture(model[1]) as inner:
        model(x)
    assert [len(outer), len(inner)] == [2, 1]
    torch.testing.assert_close(outer[1].weights, inner[0].weights)


def test_eight_threads_on_one_model_each_get_their_own_maps(model: nn.Sequential) -> None:
    inputs = [torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(i)) for i in range(8)]

    def attend(x: Tensor) -> list[Tensor]:
        with torch.inference_mode(), va.capture(model) as seen:
            model(x)
        return [one.weights.clone() for one in seen]

    alone = [attend(x) for x in inputs]
    start = threading.Barrier(8)

    def many(number: int) -> list[list[Tensor]]:
        start.wait()
        return [attend(inputs[number]) for _ in range(40)]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(many, range(8)))
    for number, runs in enumerate(together):
        for run in runs:
            assert len(run) == 2
            for mine, expected in zip(run, alone[number], strict=True):
                torch.testing.assert_close(mine, expected, atol=1e-6, rtol=0)
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())


def test_listening_hears_tokens_in_order(model: nn.Sequential, x: Tensor) -> None:
    heard: list[Tensor] = []
    with torch.no_grad(), listening(list(model), heard.append, before_first=True):
        out = model(x)
    assert len(heard) == 3
    torch.testing.assert_close(heard[0], x)
    torch.testing.assert_close(heard[2], out)
    assert not model[0]._forward_hooks


class Homemade(nn.Module):
    """An attention module of a kind that nobody knows."""

    def forward(self, x: Tensor) -> Tensor:
        self.last = (x @ x.mT).softmax(-1)[:, None]
        return self.last[:, 0] @ x


def test_another_kind_is_added_with_one_call(x: Tensor) -> None:
    def attach(block: nn.Module, listener: Any) -> list[Any]:
        def read(module: Homemade, args: tuple[Tensor], output: Tensor) -> None:
            if listener.listens():
                rows = listener.rows(output.shape[1])
                rebuilt = module.last[:, 0, rows] @ args[0]
                listener.keep(Reading("self", module.last, output[:, rows], rebuilt))

        return [block.register_forward_hook(read)]

    before = list(TREATMENTS)
    try:
        register(Treatment("homemade", lambda m: isinstance(m, Homemade), attach))
        with va.capture(nn.Sequential(Homemade())) as seen:
            Homemade()(x)  # another module: not ours
            nn.Sequential(Homemade())
        assert seen == []
        model = nn.Sequential(Homemade())
        with va.capture(model) as seen:
            model(x)
        np.testing.assert_allclose(seen[0].weights.sum(-1), 1, atol=1e-6)
    finally:
        TREATMENTS[:] = before


def test_requests_are_plain_values() -> None:
    assert Request() == Request(layers=None)


class Rolled(nn.Module):
    """Attention that reads other tokens than softmax(QK) says, and whose output is small."""

    num_heads = 2

    def __init__(self, honest: bool) -> None:
        super().__init__()
        self.honest = honest
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            setattr(self, name, nn.Linear(8, 8))
        with torch.no_grad():
            self.o_proj.weight.mul_(1e-4)  # type: ignore[union-attr, operator]
            self.o_proj.bias.zero_()  # type: ignore[union-attr, operator]

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (getattr(self, f"{name}_proj")(x).unflatten(-1, (2, 4)).transpose(1, 2) for name in "qkv")
        weights = (q @ k.mT / 2).softmax(-1)
        mixed = (weights if self.honest else weights.roll(1, dims=-1)) @ v
        return self.o_proj(mixed.transpose(1, 2).flatten(2))  # type: ignore[operator]


@pytest.mark.parametrize("honest", [True, False])
def test_the_proof_does_not_depend_on_how_large_the_output_is(honest: bool) -> None:
    torch.manual_seed(0)
    block, x = Rolled(honest).eval(), torch.randn(1, 6, 8)
    with torch.inference_mode(), va.capture(block) as seen:
        if honest:
            block(x)
        else:
            with pytest.raises(CaptureError, match="miss the block's own output"):
                block(x)
    assert len(seen) == honest


def test_a_nested_batch_is_refused_with_the_way_out() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, batch_first=True)
    x, padded = torch.randn(2, 4, 8), torch.tensor([[False] * 4, [False, False, True, True]])
    for nested in (True, False):
        encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=nested).eval()
        with torch.inference_mode(), va.capture(encoder) as seen:
            if nested:
                with pytest.raises(CaptureError, match="enable_nested_tensor=False"):
                    encoder(x, src_key_padding_mask=padded)
            else:
                encoder(x, src_key_padding_mask=padded)
    assert float(seen[0].weights[1, :, :, 2:].abs().max()) == 0


class MysteryAttention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class WrappedAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(12, 3, batch_first=True)


def test_what_holds_a_known_block_or_lies_in_one_is_not_left_out(recwarn: pytest.WarningsRecorder) -> None:
    for module in (WrappedAttention(), nn.Sequential(WrappedAttention()), nn.MultiheadAttention(12, 3)):
        with va.capture(module):
            pass
    assert not list(recwarn)


def test_what_is_left_out_is_said_once(model: nn.Sequential, recwarn: pytest.WarningsRecorder) -> None:
    mixed = nn.Sequential(model, MysteryAttention())
    for _ in range(2):
        with va.capture(mixed):
            pass
    with va.capture(model):
        pass
    assert [str(one.message) for one in recwarn] == [
        "capture: MysteryAttention of Sequential are of no known kind and are left out"
    ]
