"""Attention of captioning models and of hand-written Transformers, in anyone's own modules, against the definition."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vit_attention as va
from tests.vit_attention.captioning_by_hand import ByHand
from tests.vit_attention.networks.test_aoanet import VARIANTS, draw, golden, small
from vit_attention.capture import CaptureError, capture
from vit_attention.models.captioning import caption, captions

BATCH, KEYS, WIDTH, HEADS = 2, 6, 12, 3


class Stored(nn.Module):
    """What published modules have in common: they keep the weights of the last call, which tests compare with."""

    attn: Tensor | None = None

    def mix(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = (x.view(len(x), -1, self.h, self.d_k).transpose(1, 2) for x in (q, k, v))
        scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(self.d_k)
        if mask is not None:
            scores = scores.masked_fill(mask == 0, -1e9)
        self.attn = self.dropout(torch.softmax(scores, -1))
        return torch.einsum("bhqk,bhkd->bqhd", self.attn, v).flatten(2)


class ForeignDot(Stored):
    """A captioning model's attention as people copy it: lambdas for what is left out, values before keys."""

    def __init__(self, scale: int = 1, project_k_v: int = 1, aoa: int = 1, norm: int = 0, output: int = 0) -> None:
        super().__init__()
        wide = WIDTH * scale
        self.h, self.d_k, self.project_k_v = HEADS, wide // HEADS, project_k_v
        self.norm = nn.LayerNorm(WIDTH) if norm else lambda x: x
        self.linears = nn.ModuleList(nn.Linear(WIDTH, wide) for _ in range(1 + 2 * project_k_v))
        self.use_aoa = aoa
        if aoa:
            self.aoa_layer = nn.Sequential(nn.Linear(wide + WIDTH, 2 * WIDTH), nn.GLU())
            self.dropout_aoa = nn.Dropout(0.3)
        self.output_layer = nn.Linear(wide, WIDTH) if output else lambda x: x
        self.dropout = nn.Dropout(0.1)

    def forward(self, query: Tensor, value: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is not None:
            mask = (mask.unsqueeze(-2) if mask.dim() == 2 else mask).unsqueeze(1)
        single = query.dim() == 2
        query = self.norm(query.unsqueeze(1) if single else query)
        k, v = (self.linears[1](key), self.linears[2](value)) if self.project_k_v else (key, value)
        x = self.mix(self.linears[0](query), k, v, mask)
        if self.use_aoa:
            x = self.aoa_layer(self.dropout_aoa(torch.cat([x, query], -1)))
        x = self.output_layer(x)
        return x.squeeze(1) if single else x


class ForeignPlain(Stored):
    """The plain Transformer's attention as commonly written out."""

    def __init__(self) -> None:
        super().__init__()
        self.h, self.d_k = HEADS, WIDTH // HEADS
        self.linears = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.dropout = nn.Dropout(0.1)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        mask = None if mask is None else mask.unsqueeze(1)
        q, k, v = (layer(x) for layer, x in zip(self.linears, (query, key, value), strict=False))
        return self.linears[-1](self.mix(q, k, v, mask))


class Renamed(ForeignPlain):
    """The same with other names and another order, which no signature tells."""

    def forward(self, a: Tensor, b: Tensor, c: Tensor, m: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(a, c, b, m)


class CrossedLinears(ForeignDot):
    """Projects values with the second linear layer and keys with the third."""

    def forward(self, query: Tensor, value: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.aoa_layer(
            torch.cat([self.mix(self.linears[0](query), self.linears[2](key), self.linears[1](value), mask), query], -1)
        )


class ForeignAdditive(nn.Module):
    """One-headed additive attention as captioning code has it, which stores no weights: the test takes them from `weigh`."""

    def __init__(self) -> None:
        super().__init__()
        self.h2att, self.alpha_net = nn.Linear(WIDTH, 5), nn.Linear(5, 1)

    def score(self, h: Tensor, projected: Tensor) -> Tensor:
        return torch.stack([self.alpha_net(torch.tanh(one + self.h2att(h)))[:, 0] for one in projected.unbind(1)], 1)

    def weigh(self, h: Tensor, projected: Tensor, mask: Tensor | None) -> Tensor:
        exponent = self.score(h, projected).exp()
        exponent = exponent if mask is None else exponent * mask
        return exponent / exponent.sum(1, keepdim=True)

    def forward(self, h: Tensor, att_feats: Tensor, p_att_feats: Tensor, att_masks: Tensor | None = None) -> Tensor:
        weight = torch.softmax(self.score(h, p_att_feats), dim=1)
        if att_masks is not None:
            weight = weight * att_masks
            weight = weight / weight.sum(1, keepdim=True)
        return torch.bmm(weight.unsqueeze(1), att_feats).squeeze(1)


def made(kind: Callable[..., nn.Module], **options: int) -> nn.Module:
    torch.manual_seed(0)
    return kind(**options).double().eval().requires_grad_(False)


QUERY, KEY, VALUE = draw(3, BATCH, KEYS, WIDTH).unbind(0)
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 1]])
LOWER = torch.ones(BATCH, KEYS, KEYS).tril()
CASES: dict[str, tuple[Any, dict[str, int], tuple[Any, ...], dict[str, Any]]] = {
    "refiner": (ForeignDot, {}, (QUERY, QUERY, QUERY), {}),
    "refiner, mask": (ForeignDot, {}, (QUERY, QUERY, QUERY, MASK), {}),
    "refiner, mask per query": (ForeignDot, {}, (QUERY, QUERY, QUERY), {"mask": LOWER}),
    "refiner without gate": (ForeignDot, {"aoa": 0, "output": 1, "scale": 2}, (QUERY, QUERY, QUERY), {}),
    "all apart": (ForeignDot, {"scale": 2}, (QUERY, VALUE, KEY), {}),
    "all apart, by name": (ForeignDot, {}, (), {"key": KEY, "value": VALUE, "query": QUERY, "mask": MASK}),
    "decoder": (ForeignDot, {"aoa": 0, "norm": 1, "project_k_v": 0}, (QUERY[:, 0], VALUE, KEY, MASK), {}),
    "gated decoder": (ForeignDot, {"norm": 1, "project_k_v": 0}, (QUERY[:, 0], VALUE, KEY), {}),
    "plain": (ForeignPlain, {}, (QUERY, QUERY, QUERY, LOWER), {}),
    "plain, all apart": (ForeignPlain, {}, (QUERY[:, :3], KEY, VALUE, MASK[:, None]), {}),
    "renamed, other order": (Renamed, {}, (QUERY, VALUE, KEY, LOWER), {}),
    "crossed linears": (CrossedLinears, {}, (QUERY, VALUE, KEY), {}),
}


@pytest.mark.parametrize("case", CASES)
def test_reads_the_weights_that_the_module_itself_stored(case: str) -> None:
    kind, options, args, kwargs = CASES[case]
    block = made(kind, **options)
    plain = block(*args, **kwargs)
    with va.capture(block) as seen:
        captured = block(*args, **kwargs)
    torch.testing.assert_close(captured, plain, rtol=0, atol=0)
    np.testing.assert_allclose(seen[0].weights, block.attn, atol=1e-12)
    assert seen[0].residual is not None
    assert seen[0].residual < 1e-10
    query, key = (args or (kwargs["query"], None, kwargs["key"]))[0::2]
    assert seen[0].kind == ("self" if query is key else "cross")
    assert not block._forward_hooks


@pytest.mark.parametrize("mask", [None, MASK])
def test_reads_additive_attention(mask: Tensor | None) -> None:
    block = made(ForeignAdditive)
    projected = draw(BATCH, KEYS, 5)
    with va.capture(block) as seen:
        block(QUERY[:, 0], VALUE, projected, mask)
    expected = block.weigh(QUERY[:, 0], projected, mask)  # type: ignore[operator]
    np.testing.assert_allclose(seen[0].weights[:, 0, 0], expected.detach(), atol=1e-12)
    assert seen[0].weights.shape == (BATCH, 1, 1, KEYS)
    assert seen[0].residual is not None
    assert seen[0].residual < 1e-12


@pytest.mark.parametrize("case", CASES)
def test_the_gradient_by_the_weights_predicts_a_small_change(case: str) -> None:
    kind, options, args, kwargs = CASES[case]
    block = made(kind, **options)
    target = draw(*block(*args, **kwargs).shape)
    with capture(block, gradients=True) as seen:
        out = block(*args, **kwargs)
    (gradient,) = torch.autograd.grad((out * target).sum(), [seen[0].probe])
    change = 1e-6 * draw(*gradient.shape)
    mix = block.mix

    def moved(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        mix(q, k, v, mask)
        value = v.view(len(v), -1, block.h, block.d_k).transpose(1, 2)
        return ((block.attn + change) @ value).transpose(1, 2).flatten(2)

    block.mix = moved
    actual = (block(*args, **kwargs) * target).sum() - (out * target).sum()
    assert float(actual.detach()) == pytest.approx(float((gradient * change).sum()), rel=1e-3)


def test_hands_over_the_values() -> None:
    block = made(ForeignDot, scale=2)
    with capture(block, parts=True) as seen:
        block(QUERY, VALUE, KEY)
    expected = block.linears[2](VALUE).view(BATCH, KEYS, HEADS, -1).transpose(1, 2)
    torch.testing.assert_close(seen[0].parts["value"], expected.detach())


def test_hears_what_is_used_and_not_what_a_kind_should_do() -> None:
    block = made(ForeignPlain)
    block.mix = lambda q, k, v, mask: ForeignPlain.mix(block, 3 * q, k, v, mask)
    with va.capture(block) as seen:
        block(QUERY, KEY, VALUE)
    np.testing.assert_allclose(seen[0].weights, block.attn, atol=1e-12)


@pytest.mark.parametrize("case", ["refiner", "plain"])
def test_refuses_training_mode_with_dropout(case: str) -> None:
    kind, options, args, kwargs = CASES[case]
    block = made(kind, **options).train()
    with pytest.raises(CaptureError, match="evaluation mode"), va.capture(block):
        block(*args, **kwargs)


@pytest.mark.parametrize("options", VARIANTS, ids=lambda one: "-".join(f"{k}={v}" for k, v in one.items()) or "plain")
def test_captures_the_whole_captioning_network(options: dict[str, Any]) -> None:
    network, features, fc, fed = small(**options), draw(1, 5, 4), draw(1, 3), [0, 4, 2]
    with va.capture(network) as seen:
        network(features, torch.tensor([fed]), fc=fc)
    hand = ByHand(network.options, network.state_dict()).tell(features[0].numpy(), fed, fc[0].numpy())
    layers = len(hand["refiner"])
    assert [one.name for one in seen] == [f"refiner.layers.{n}.self_attn" for n in range(layers)] + [
        "core.attention"
    ] * 3
    assert [one.layer for one in seen] == [*range(layers), *[layers] * 3]
    assert [one.kind for one in seen] == ["self"] * layers + ["cross"] * 3
    for one, expected in zip(seen, [*hand["refiner"], *hand["attention"][:, :, None]], strict=True):
        np.testing.assert_allclose(one.weights[0], expected, atol=1e-10)
        assert one.residual is not None
        assert one.residual < 1e-10


def test_a_capture_agrees_with_the_caption() -> None:
    network, features = small(), draw(5, 4)
    with va.capture(network) as seen:
        one = caption(network, features, max_length=4)
    np.testing.assert_allclose(torch.cat([s.weights for s in seen[:6]]), one.refiner_attention, atol=1e-12)
    np.testing.assert_allclose(torch.cat([s.weights[:, :, 0] for s in seen[6:]]), one.attention, atol=1e-12)


def test_a_batch_is_stepped_as_published() -> None:
    """Item 1 ends after 8 steps, and the published run fed it end tokens for the other 12."""
    network, run = golden("aoanet")
    with va.capture(network) as seen:
        captions(network, run["att_feats"])
    decoder = torch.stack([one.weights[:, :, 0] for one in seen[6:]])
    np.testing.assert_allclose(decoder, run["decoder_attn"], atol=1e-5, rtol=0)


def test_threads_that_share_a_network_see_their_own_maps() -> None:
    network, pictures = small(), draw(12, 5, 4)

    def look(features: Tensor) -> Tensor:
        with va.capture(network) as seen:
            caption(network, features, max_length=3)
        return torch.cat([one.weights.flatten() for one in seen])

    alone = [look(one) for one in pictures]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(look, pictures))
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_leaves_the_module_as_it_was() -> None:
    block = made(ForeignDot)
    before = copy.deepcopy(block.state_dict())
    with pytest.raises(RuntimeError), va.capture(block):
        block(QUERY, KEY[..., :5], VALUE)
    assert not block._forward_hooks
    assert not block._forward_pre_hooks
    for name, tensor in block.state_dict().items():
        assert torch.equal(tensor, before[name])
