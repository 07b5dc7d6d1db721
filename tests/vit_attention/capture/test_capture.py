"""Capture against attention recomputed by hand, and what it leaves behind."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vit_attention as va
from vit_attention.capture import CaptureError, Request, listening, register_kind
from vit_attention.capture.hooks import KINDS
from vit_attention.capture.kept import Kept


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
    return (
        [
            (m.training, len(m._forward_hooks), len(m._forward_pre_hooks), m._forward_hooks_with_kwargs.copy())
            for m in model.modules()
        ]
        + [p.requires_grad for p in model.parameters()]
        + [p.grad is None for p in model.parameters()]
    )


def test_weights_equal_the_definition(model: nn.Sequential, x: Tensor) -> None:
    with torch.no_grad(), va.capture(model) as seen:
        model(x)
    assert [one.name for one in seen] == ["0.attention", "1.attention"]
    torch.testing.assert_close(seen[0].weights, by_hand(model[0].attention, x), atol=1e-6, rtol=0)
    inner = model[0](x)
    torch.testing.assert_close(seen[1].weights, by_hand(model[1].attention, inner), atol=1e-6, rtol=0)
    assert all(one.residual is not None and one.residual < 1e-5 for one in seen)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch_first", [True, False])
def test_even_heads_take_the_native_path_and_equal_the_definition(dtype: torch.dtype, batch_first: bool) -> None:
    """Torch's native function takes an even number of heads alone; weights, outputs and proof are the same on both paths."""
    torch.manual_seed(0)
    block = nn.MultiheadAttention(12, 2, batch_first=batch_first).eval().to(dtype)
    x = torch.randn(2, 5, 12, dtype=dtype)
    given = x if batch_first else x.transpose(0, 1)
    expected = by_hand(block, x)
    with torch.no_grad():
        out, mean = block(given, given, given)
        with va.capture(block, proof_rows=None) as seen:
            again = block(given, given, given)
            block(given, given, given, need_weights=False)
        with va.capture(block, parts=True) as other:  # leaves the native path
            block(given, given, given)
    for one in (*seen, *other):
        torch.testing.assert_close(one.weights, expected.to(dtype), atol=1e-6, rtol=0)
        assert one.residual is not None
        assert one.residual < 1e-6
    torch.testing.assert_close(again[0], out, atol=1e-6, rtol=0)
    torch.testing.assert_close(again[1], mean, atol=1e-6, rtol=0)


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
    with torch.no_grad():
        with va.capture(encoder) as seen:
            encoder(x)
        inner = encoder.layers[0](x)
    assert len(seen) == 2
    for one, layer, given in zip(seen, encoder.layers, (x, inner), strict=True):
        torch.testing.assert_close(one.weights, by_hand(layer.self_attn, given), atol=1e-5, rtol=0)


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


def test_dropout_in_training_mode_is_refused() -> None:
    torch.manual_seed(0)
    block = nn.MultiheadAttention(12, 3, dropout=0.5, batch_first=True).train()
    x = torch.randn(1, 5, 12)
    with pytest.raises(CaptureError, match=r"call model.eval\(\) first"), torch.no_grad(), va.capture(block):
        block(x, x, x)


def test_a_model_without_attention_says_so() -> None:
    module = nn.Linear(2, 2)
    with (
        pytest.raises(CaptureError, match="no attention was heard in Linear: none of its modules attends"),
        va.capture(module),
    ):
        module(torch.zeros(1, 2))
    with va.capture(module) as seen:  # nothing ran, so nothing is missing
        pass
    assert seen == []


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


def test_listening_hears_its_own_thread_alone(model: nn.Sequential, x: Tensor) -> None:
    heard: list[Tensor] = []
    with torch.no_grad(), listening(list(model), heard.append, before_first=True):
        other = threading.Thread(target=model, args=(x,))
        other.start()
        other.join()
        assert heard == []
        model[0](x)
    assert len(heard) == 2


class Homemade(nn.Module):
    """An attention of a kind that nobody knows: every token looks at its two neighbours."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, shift: int = 1) -> Tensor:
        count = x.shape[1]
        ring = torch.eye(count).roll(shift, 1) + torch.eye(count).roll(-shift, 1)
        self.attn = (ring / 2).expand(len(x), 1, count, count)
        return self.out((x.roll(shift, 1) + x.roll(-shift, 1)) / 2)


@pytest.fixture
def homemade() -> Any:
    before = list(KINDS)
    yield Homemade
    KINDS[:] = before


def test_another_kind_is_added_with_one_call_and_proved_by_its_values(homemade: Any, x: Tensor) -> None:
    model = nn.Sequential(homemade()).eval()
    with pytest.raises(CaptureError, match="no attention was heard in Sequential"), va.capture(model):
        model(x)
    register_kind(homemade, values=lambda module, output, inputs: inputs["x"], project="out")
    with torch.no_grad(), va.capture(model) as seen:
        homemade()(x)  # another module: not ours
        model(x)
    assert [(one.name, one.layer, one.kind) for one in seen] == [("0", 0, "self")]
    torch.testing.assert_close(seen[0].weights, model[0].attn)
    assert seen[0].residual is not None
    assert seen[0].residual < 1e-6


class Holder(nn.Module):
    """A kind of its own that holds an attention which could be heard: the kind speaks for both."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Block()

    def forward(self, x: Tensor) -> Tensor:
        self.attn = torch.eye(x.shape[1]).expand(len(x), 1, -1, -1)
        return self.inner(x)


def test_an_own_kind_speaks_for_what_it_holds(homemade: Any, x: Tensor) -> None:
    register_kind(Holder)
    model = nn.Sequential(Holder(), Block()).eval()
    with torch.no_grad(), va.capture(model) as seen:
        model(x)
    assert [(one.name, one.layer) for one in seen] == [("0", 0), ("1.attention", 1)]


def test_wrong_values_of_an_own_kind_are_refused(homemade: Any, x: Tensor) -> None:
    register_kind(homemade, values=lambda module, output, inputs: inputs["x"].flip(1), project="out")
    model = homemade().eval()
    with torch.no_grad(), pytest.raises(CaptureError, match="miss what PyTorch computed"), va.capture(model):
        model(x)
    register_kind(homemade, values=lambda module, output: output[..., :5])
    with (
        torch.no_grad(),
        pytest.raises(CaptureError, match="name the layer between them with project="),
        va.capture(model),
    ):
        model(x)


def test_an_own_kind_sees_its_inputs(homemade: Any, x: Tensor) -> None:
    register_kind(homemade, lambda module, output, inputs: torch.full((2, 1, 5, 5), float(inputs["shift"]) / 10))
    model = homemade().eval()
    with torch.no_grad(), va.capture(model) as seen:
        model(x, shift=2)
    assert float(seen[0].weights[0, 0, 0, 0]) == pytest.approx(0.2)
    assert seen[0].residual is None


def test_requests_are_plain_values() -> None:
    assert Request() == Request(layers=None)


class Rolled(nn.Module):
    """Softmax weights that are moved before they multiply values: what the softmax gave is not what was looked at."""

    def __init__(self, honest: bool) -> None:
        super().__init__()
        self.honest, self.qkv = honest, nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        weights = (q @ k.mT / 2).softmax(-1)
        mixed = (weights if self.honest else weights.roll(1, dims=-1)) @ v
        return mixed.transpose(1, 2).flatten(2)


class RolledAttention(Rolled):
    """The same under a name that says what it is."""


def test_weights_that_change_on_the_way_to_the_values_are_not_taken_for_attention() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 6, 8)
    mixed = nn.Sequential(Rolled(True), RolledAttention(False)).eval()
    with (
        torch.no_grad(),
        pytest.warns(UserWarning, match=r"not heard: 1 \(RolledAttention: a softmax that is changed"),
        va.capture(mixed) as seen,
    ):
        mixed(x)
    assert [(one.name, tuple(one.weights.shape)) for one in seen] == [("0", (1, 2, 6, 6))]
    assert seen.unheard == ["1"]
    assert "RolledAttention: a softmax that is changed before it multiplies values" in seen.notes[0]
    alone = RolledAttention(False).eval()
    with (
        torch.no_grad(),
        pytest.raises(CaptureError, match=r"RolledAttention: a softmax that is changed"),
        va.capture(alone),
    ):
        alone(x)


def test_a_batch_that_torch_would_nest_is_refused_with_the_way_out() -> None:
    """The nested path gives 0 in padded rows, and a decoder that looks at them other output: no capture may change that."""
    layer = nn.TransformerEncoderLayer(8, 2, batch_first=True)
    x, padded = torch.randn(2, 4, 8), torch.tensor([[False] * 4, [False, False, True, True]])
    nested, plain = (nn.TransformerEncoder(layer, 1, enable_nested_tensor=flag).eval() for flag in (True, False))
    with torch.inference_mode():
        with pytest.raises(CaptureError, match="enable_nested_tensor=False"), va.capture(nested):
            nested(x, src_key_padding_mask=padded)
        with va.capture(nested) as seen:
            nested(x)
        own = plain(x, src_key_padding_mask=padded)
        with va.capture(plain) as masked:
            out = plain(x, src_key_padding_mask=padded)
    assert len(seen) == 1
    assert float(masked[0].weights[1, :, :, 2:].abs().max()) == 0
    torch.testing.assert_close(out, own, atol=1e-6, rtol=0)


class MysteryAttention(nn.Module):
    """Called attention, and attends in no way that can be heard."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(12))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class WrappedAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.scale = Block(), nn.Parameter(torch.ones(12))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * self.scale)


def test_what_holds_a_heard_block_is_not_left_out(x: Tensor, recwarn: pytest.WarningsRecorder) -> None:
    for module in (WrappedAttention().eval(), nn.Sequential(WrappedAttention()).eval()):
        with torch.no_grad(), va.capture(module) as seen:
            module(x)
        assert seen.notes == []
    assert not list(recwarn)


def test_a_layer_that_is_not_heard_leaves_a_gap_and_is_named(model: nn.Sequential, x: Tensor) -> None:
    mixed = nn.Sequential(model[0], MysteryAttention(), model[1])
    with torch.no_grad(), pytest.warns(UserWarning, match="not heard: 1 "), va.capture(mixed) as seen:
        mixed(x)
    assert [(one.name, one.layer) for one in seen] == [("0.attention", 0), ("2.attention", 2)]
    assert seen.notes == ["not heard: 1 (MysteryAttention: attends in a way of its own)"]


def test_what_did_not_run_is_not_missed(model: nn.Sequential, x: Tensor, recwarn: pytest.WarningsRecorder) -> None:
    both = nn.ModuleDict({"first": model, "second": MysteryAttention()})
    with torch.no_grad(), va.capture(both) as seen:
        model(x)
    assert (len(seen), seen.notes, list(recwarn)) == (2, [], [])


class _Fused(nn.Module):
    """Attention through the fused function alone, 3 heads of width 4; `last` is what went into it."""

    last: tuple[Tensor, Tensor, Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(12, 36)

    def forward(self, x: Tensor) -> Tensor:
        self.last = tuple(part.unflatten(-1, (3, 4)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        return torch.nn.functional.scaled_dot_product_attention(*self.last)


@pytest.mark.parametrize(
    "asked",
    [{"queries": [0, 3]}, {"heads": [2], "items": [1]}, {"queries": [1], "half": True}, {"whole": [0], "queries": [1]}],
)
def test_heads_one_by_one_are_those_of_the_definition(asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vit_attention.capture.fused.LARGE", 0)
    taken: list[Any] = []
    monkeypatch.setattr(Kept, "take", lambda self, *a, plain=Kept.take: taken.append(a) or plain(self, *a))
    torch.manual_seed(0)
    network, given = _Fused().eval(), torch.randn(2, 7, 12)
    with torch.inference_mode(), va.capture(network, **asked, fused=("mean", "max", "min")) as seen:
        out = network(given)
    query, key, value = network.last
    whole = torch.softmax(query @ key.mT / 2, -1)
    assert bool(taken) == (asked.get("whole") is None)
    torch.testing.assert_close(out, whole @ value)
    expected = whole[asked.get("items", slice(None))]
    for name, fuse in (("mean", torch.mean), ("max", torch.amax), ("min", torch.amin)):
        torch.testing.assert_close(seen[0].fused[name].float(), fuse(expected, 1), atol=5e-4, rtol=0)
    expected = expected[:, asked.get("heads", slice(None))]
    expected = expected if "whole" in asked else expected[:, :, asked.get("queries", slice(None))]
    assert seen[0].weights.dtype == (torch.float16 if asked.get("half") else torch.float32)
    torch.testing.assert_close(seen[0].weights.float(), expected, atol=5e-4 if asked.get("half") else 1e-6, rtol=0)
    assert seen[0].residual is not None
    assert seen[0].residual < 1e-5
