"""Half precision, autocast, masks and layouts: weights against the definition in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import vit_attention as va
from vit_attention.records import AttentionMap, AttentionRecord, Axis


class Fused(nn.Module):
    """Calls the fused function with whatever it is given; a parameter says that it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> Tensor:
        return F.scaled_dot_product_attention(q * self.one.to(q.dtype), k, v, **options)


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def three(*lead: int, queries: int = 5, keys: int = 7, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    return [draw(*lead, n, 8, seed=s, dtype=dtype) for s, n in enumerate((queries, keys, keys))]


def by_definition(
    q: Tensor, k: Tensor, allowed: Tensor | None = None, added: Tensor | None = None, scale: float = 8**-0.5
) -> Tensor:
    """exp(score) over the sum of exp(score) of the keys that may be looked at, one row at a time, in float64."""
    q, k = q.double(), k.double()
    out = torch.zeros(*q.shape[:-1], k.shape[-2], dtype=torch.float64)
    for at in np.ndindex(*q.shape[:-1]):
        scores = (k[at[:-1]] @ q[at]) * scale
        if added is not None:
            scores = scores + added.double().expand(out.shape)[at]
        power = (scores - scores.max()).exp()
        if allowed is not None:
            power = power * allowed.expand(out.shape)[at]
        out[at] = power / power.sum()
    return out


def heard(module: nn.Module, *inputs: Any, **options: Any) -> tuple[Any, Tensor, Tensor]:
    with torch.no_grad():
        plain = module(*inputs, **options)
        with va.capture(module) as seen:
            out = module(*inputs, **options)
    assert len(seen) == 1
    return seen, out, plain


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_weights_are_as_exact_as_single_precision_whatever_the_model_computes_in(dtype: torch.dtype) -> None:
    q, k, v = three(2, 3, dtype=dtype)
    seen, out, plain = heard(Fused().to(dtype), q, k, v)
    assert seen[0].weights.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(seen[0].weights.double(), by_definition(q, k), atol=1e-6, rtol=0)
    assert out.dtype == plain.dtype == dtype
    torch.testing.assert_close(out.double(), plain.double(), atol=2e-2 if dtype.itemsize == 2 else 1e-6, rtol=0)
    axes = Axis.text("abcde"), Axis.text("abcdefg")
    half = dtype == torch.float16
    weights = seen[0].weights[0].to(torch.float16 if half else torch.float32).numpy()
    assert AttentionRecord((AttentionMap(weights, "one", 0, "cross", *axes),)).maps[0].row_error < 5e-3


def test_autocast_gives_records_and_the_output_that_it_gives_without_capture() -> None:
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    x = draw(2, 6, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen, out, plain = heard(encoder, x)
        fused, given, same = heard(Fused(), *three(2, 3))
    for one in (seen[0], fused[0]):
        assert one.weights.dtype == torch.float32
        torch.testing.assert_close(one.weights.sum(-1), torch.ones(one.weights.shape[:-1]), atol=1e-5, rtol=0)
    assert given.dtype == same.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), plain.float(), atol=5e-2, rtol=0)


def test_a_softmax_of_half_precision_gives_rows_that_sum_to_one() -> None:
    class Own(nn.Module):
        def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
            return F.dropout((q @ k.mT * 8**-0.5).softmax(-1), 0.1, self.training) @ v

    q, k, v = three(2, 3, keys=300, dtype=torch.bfloat16)
    seen, out, plain = heard(Own().eval(), q, k, v)
    torch.testing.assert_close(seen[0].weights.sum(-1), torch.ones(2, 3, 5), atol=1e-5, rtol=0)
    assert torch.equal(out, plain)


ALLOWED = torch.tensor([[1, 1, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 1], [1] * 7, [1] * 7, [1, 0, 1, 0, 1, 0, 1]]).bool()


@pytest.mark.parametrize("shape", [(5, 7), (1, 1, 5, 7), (2, 1, 5, 7), (2, 3, 5, 7), (3, 5, 7), (2, 1, 1, 7)])
def test_bool_masks_say_what_may_be_looked_at(shape: tuple[int, ...]) -> None:
    mask = ALLOWED[:1].expand(shape) if shape[-2] == 1 else ALLOWED.expand(shape)
    q, k, v = three(2, 3)
    seen, out, plain = heard(Fused(), q, k, v, attn_mask=mask)
    torch.testing.assert_close(seen[0].weights.double(), by_definition(q, k, mask), atol=1e-6, rtol=0)
    assert seen[0].weights[~mask.expand(2, 3, 5, 7)].abs().max() == 0
    torch.testing.assert_close(out, plain, atol=1e-6, rtol=0)


def test_float_masks_are_added_and_a_scale_is_the_callers() -> None:
    q, k, v = three(2, 3)
    added = draw(3, 5, 7, seed=9)
    seen, out, plain = heard(Fused(), q, k, v, attn_mask=added, scale=0.7)
    torch.testing.assert_close(seen[0].weights.double(), by_definition(q, k, added=added, scale=0.7), atol=1e-6, rtol=0)
    torch.testing.assert_close(out, plain, atol=1e-6, rtol=0)


def test_causal_calls_look_at_nothing_ahead() -> None:
    q, k, v = three(2, 3, queries=7)
    seen, out, plain = heard(Fused(), q, k, v, is_causal=True)
    lower = torch.ones(7, 7).tril().bool()
    torch.testing.assert_close(seen[0].weights.double(), by_definition(q, k, lower), atol=1e-6, rtol=0)
    torch.testing.assert_close(out, plain, atol=1e-6, rtol=0)
    assert seen[0].residual < 1e-6


def test_shared_heads_are_repeated() -> None:
    q, (k, v) = draw(2, 6, 5, 8), three(2, 3)[1:]
    seen, out, plain = heard(Fused(), q, k, v, enable_gqa=True)
    torch.testing.assert_close(seen[0].weights.double(), by_definition(q, k.repeat_interleave(2, 1)), atol=1e-6, rtol=0)
    torch.testing.assert_close(out, plain, atol=1e-6, rtol=0)


@pytest.mark.parametrize("bool_mask", [True, False])
def test_a_row_without_any_key_is_undefined_and_said_so(bool_mask: bool) -> None:
    mask = ALLOWED.clone()
    mask[1] = False
    q, k, v = three(2, 3)
    given = mask if bool_mask else torch.zeros(5, 7).masked_fill(~mask, float("-inf"))
    seen, out, plain = heard(Fused(), q, k, v, attn_mask=given)
    assert seen[0].weights[:, :, 1].isnan().all()
    assert not seen[0].weights[:, :, [0, 2, 3, 4]].isnan().any()
    assert seen.notes == [": 6 rows have no key to look at; the weights there are undefined (NaN)"]
    torch.testing.assert_close(out, plain, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("lead", "shape"), [((), (1, 1)), ((6,), (6, 1)), ((2, 2, 3), (4, 3))])
def test_other_numbers_of_leading_axes(lead: tuple[int, ...], shape: tuple[int, int]) -> None:
    q, k, v = three(*lead)
    seen, out, plain = heard(Fused(), q, k, v)
    assert seen[0].weights.shape == (*shape, 5, 7)
    torch.testing.assert_close(seen[0].weights.double().reshape(*lead, 5, 7), by_definition(q, k), atol=1e-6, rtol=0)
    torch.testing.assert_close(out, plain, atol=1e-6, rtol=0)


def test_a_leading_axis_of_batch_and_heads_is_split_where_the_module_says_how() -> None:
    module = Fused()
    module.num_heads = 3
    seen, _, _ = heard(module, *three(6))
    assert seen[0].weights.shape == (2, 3, 5, 7)


def test_numbers_that_are_not_finite_are_refused() -> None:
    q, k, v = three(1, 2)
    q[0, 0, 0, 0] = float("inf")
    with (
        torch.no_grad(),
        pytest.raises(va.CaptureError, match="miss what PyTorch computed"),
        va.capture(module := Fused()),
    ):
        module(q, k, v)


@pytest.mark.parametrize(
    "options", [{"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 5, "vdim": 6}, {"bias": False}]
)
@pytest.mark.parametrize("batched", [True, False])
def test_every_form_of_torchs_own_attention(options: dict[str, Any], batched: bool) -> None:
    torch.manual_seed(0)
    module = nn.MultiheadAttention(8, 2, batch_first=True, **options).eval()
    query, key, value = (
        draw(2, 4, 8),
        draw(2, 6, options.get("kdim", 8), seed=1),
        draw(2, 6, options.get("vdim", 8), seed=2),
    )
    given = (query, key, value) if batched else (query[0], key[0], value[0])
    with torch.no_grad():
        out, own = module(*given, average_attn_weights=False)
        with va.capture(module) as seen:
            again, mean = module(*given)
    torch.testing.assert_close(seen[0].weights, own if batched else own[None], atol=1e-6, rtol=0)
    torch.testing.assert_close(mean, own.mean(-3), atol=1e-6, rtol=0)
    torch.testing.assert_close(again, out, atol=1e-6, rtol=0)
    assert seen[0].residual == pytest.approx(0, abs=1e-6)


def test_a_causal_hint_to_torchs_own_attention_means_what_it_means_without_capture() -> None:
    torch.manual_seed(0)
    module, x = nn.MultiheadAttention(8, 2, batch_first=True).eval(), draw(2, 5, 8)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    for wanted in (True, False):
        asked = {"attn_mask": mask, "is_causal": True, "need_weights": wanted, "average_attn_weights": False}
        with torch.no_grad():
            plain = module(x, x, x, **asked)
            with va.capture(module) as seen:
                out = module(x, x, x, **asked)
        torch.testing.assert_close(out[0], plain[0], atol=1e-6, rtol=0)
        assert seen[0].weights.triu(1).abs().max() == 0
