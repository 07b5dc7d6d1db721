"""Every family of the table in the docs, against what its own library says it attends to; writes the table."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import vit_attention as va
from tests.vit_attention.capture import families

TABLE = Path(__file__).resolve().parents[3] / "docs" / "families.md"
HEADER = """# Captured architectures

Each row was tested on a tiny network with random weights: the captured maps equal the weights of the library's own eager
attention to 1e-6, and capture does not change the network's output. Other architectures are captured too if they call
PyTorch's fused attention or `torch.nn.MultiheadAttention`, or multiply values by a softmax. Attention that cannot be captured is
listed in the record's notes, or the network is refused.

`SIGHTLINES_WRITE=1 pytest tests/vit_attention/capture` writes this page.

| library | family | maps | not heard |
| --- | --- | --- | --- |
"""


@dataclass
class Outcome:
    """What was heard of one family beside what its library says."""

    seen: Any
    own: list[Tensor]
    plain: Any
    out: Any


def first(output: Any) -> Tensor:
    """The main tensor of a model's output."""
    if isinstance(output, Tensor):
        return output
    named = (output.get(name) for name in ("last_hidden_state", "logits", "logits_per_image", "image_embeds"))
    return next(one for one in named if one is not None)


@cache
def of_transformers(name: str) -> Outcome:
    family = families.TRANSFORMERS[name]
    model, eager, inputs = families.build(family), families.build(family, eager=True), family.inputs()
    with torch.no_grad():
        with families.dropout_inputs(eager, ("attention.attention.dropout",)) as dropped:
            said = eager(**inputs, output_attentions=True, return_dict=True)
        own = dropped if name == "MobileViT" else families.own_weights(said, family.towers)
        plain = model(**inputs, return_dict=True)
        with va.capture(model) as seen:
            out = model(**inputs, return_dict=True)
    return Outcome(seen, own, plain, out)


@cache
def of_timm(name: str) -> Outcome:
    kind, options = families.TIMM[name]
    model, eager = families.build_timm(kind, options), families.build_timm(kind, options, fused=False)
    pixels = families.pixels((options["img_size"],) * 2)["pixel_values"]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with families.dropout_inputs(eager, ("attn_drop",)) as dropped, families.Softmaxes() as softmaxes:
            eager(pixels)
        own = softmaxes.found if name == "MViTv2" else dropped
        plain = model(pixels)
        with va.capture(model) as seen:
            out = model(pixels)
    return Outcome(seen, own, plain, out)


@cache
def of_torch(name: str) -> Outcome:
    """Torch's own layers; the eager weights are those of each attention module called by hand with its recorded inputs."""
    model, inputs = TORCH[name]()
    calls: list[Any] = []
    parts = [part for part in model.modules() if isinstance(part, nn.MultiheadAttention)]
    with torch.no_grad():
        handles = [
            part.register_forward_pre_hook(
                lambda m, args, kwargs: calls.append((m, args, dict(kwargs))), with_kwargs=True
            )
            for part in parts
        ]
        with torch.enable_grad():  # with a graph torch leaves its fast path, which calls no module
            model(*inputs)
        for handle in handles:
            handle.remove()
        own = [_asked(*call) for call in calls]
        plain = model(*inputs)
        with va.capture(model) as seen:
            out = model(*inputs)
    return Outcome(seen, own, plain, out)


def _asked(module: nn.Module, args: Any, kwargs: Any) -> Tensor:
    weights: Tensor = module(
        *args, **{**kwargs, "need_weights": True, "average_attn_weights": False, "is_causal": False}
    )[1]
    return weights


def _encoder() -> tuple[nn.Module, tuple[Any, ...]]:
    torch.manual_seed(0)
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(12, 3, 24, batch_first=True), 2).eval(), (
        torch.randn(2, 5, 12),
    )


def _decoder() -> tuple[nn.Module, tuple[Any, ...]]:
    torch.manual_seed(0)
    layer = nn.TransformerDecoderLayer(12, 3, 24, batch_first=True, norm_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    return nn.TransformerDecoder(layer, 2).eval(), (torch.randn(2, 5, 12), torch.randn(2, 7, 12), mask)


def _vit() -> tuple[nn.Module, tuple[Any, ...]]:
    from torchvision.models import VisionTransformer

    torch.manual_seed(0)
    return VisionTransformer(32, 8, 2, 4, 32, 48).eval(), (torch.randn(2, 3, 32, 32),)


TORCH = {"torch.nn.TransformerEncoder": _encoder, "torch.nn.TransformerDecoder": _decoder, "torchvision ViT": _vit}
# A softmax mixed across heads before it meets the values (talking heads) is no map of any one head.
SILENT = {"CaiT": ["blocks.0.attn", "blocks.1.attn"]}
# Maps of one query that pool all tokens, which the libraries' own lists leave out.
POOLS = {"vision_model.head.attention", "attn_pool"}


def check(found: Outcome, silent: list[str], atol: float = 1e-6) -> None:
    own = found.own[len(silent) :]
    seen = [one for one in found.seen if one.name not in POOLS]
    assert len(seen) == len(own) > 0
    for one, expected in zip(seen, own, strict=True):
        assert one.weights.dtype == torch.float32
        weights, defined = one.weights.reshape(expected.shape), ~one.weights.isnan().any(-1)
        torch.testing.assert_close(
            weights[defined.reshape(weights.shape[:-1])],
            expected[defined.reshape(weights.shape[:-1])],
            atol=atol,
            rtol=0,
        )
        torch.testing.assert_close(one.weights[defined].sum(-1), torch.ones(int(defined.sum())), atol=1e-5, rtol=0)
        assert one.residual is not None
        assert one.residual < 1e-5
    assert found.seen.unheard == silent
    torch.testing.assert_close(first(found.out), first(found.plain), atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("name", families.TRANSFORMERS)
def test_weights_equal_those_of_the_transformers_library(name: str) -> None:
    check(of_transformers(name), [])


@pytest.mark.parametrize("name", families.TIMM)
def test_weights_equal_those_of_timm(name: str) -> None:
    check(of_timm(name), SILENT.get(name, []))


@pytest.mark.parametrize("name", TORCH)
def test_weights_equal_those_of_torch(name: str) -> None:
    check(of_torch(name), [])


def test_numbers_are_those_of_the_network_and_leave_gaps() -> None:
    assert [one.layer for one in of_timm("CaiT").seen] == [2, 3]
    assert [one.layer for one in of_transformers("CLIP").seen] == [2, 3, 0, 1]  # the text tower is registered first
    assert [one.layer for one in of_transformers("T5").seen] == [0, 1, 2, 3, 4, 5]
    assert [one.kind for one in of_transformers("T5").seen] == ["self", "self", "self", "cross", "self", "cross"]
    assert {one.kind for one in of_timm("Swin").seen} == {"window"}


@pytest.mark.parametrize(("of", "name"), [(of_transformers, "SigLIP"), (of_timm, "SigLIP")])
def test_a_pool_of_siglip_is_a_map_of_its_own_with_one_query(of: Any, name: str) -> None:
    pool = [one for one in of(name).seen if one.name in POOLS]
    assert [tuple(one.weights.shape) for one in pool] == [(2, 4, 1, 16)]


def test_the_table_in_the_docs_is_what_was_heard() -> None:
    rows = []
    for library, of, names in (
        ("transformers", of_transformers, families.TRANSFORMERS),
        ("timm", of_timm, families.TIMM),
        ("torch", of_torch, TORCH),
    ):
        for name in names:
            found = of(name)
            kinds = Counter("pooling" if one.name in POOLS else one.kind for one in found.seen)
            maps = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
            rows.append(f"| {library} | {name} | {maps} | {', '.join(found.seen.unheard)} |")
    made = HEADER + "\n".join(rows) + "\n"
    if os.environ.get("SIGHTLINES_WRITE"):
        TABLE.write_text(made, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == made
