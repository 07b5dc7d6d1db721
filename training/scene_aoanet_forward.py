"""A training pass through AoANet that is fast on a CPU: whole captions at once wherever no step waits for another."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def refine(net: Any, features: Tensor, drop: float = 0.0) -> Tensor:
    """(batch, regions, width) regions after the refiner; attention is written out, fused kernels are slow backwards."""
    heads = net.options.num_heads
    x = F.dropout(net.att_embed[1](net.att_embed[0](features)), drop)
    for layer in net.refiner.layers:
        attention = layer.self_attn
        inside = norm(layer.sublayer[0].norm, x)
        q, k, v = (split(linear(inside), heads) for linear in attention.linears[:3])
        weights = ((q * q.shape[-1] ** -0.5) @ k.mT).softmax(dim=-1)
        seen = (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2)
        x = x + F.glu(attention.aoa_layer[0](F.dropout(torch.cat([seen, inside.to(seen.dtype)], dim=-1), drop)), dim=-1)
    return norm(net.refiner.norm, x)


def norm(layer: Any, x: Tensor) -> Tensor:
    """AoANet's own layer norm by the fused kernel: it divides by the unbiased deviation, which is a little larger."""
    size = x.shape[-1]
    return F.layer_norm(x, (size,), layer.a_2 * ((size - 1) / size) ** 0.5, layer.b_2, 1e-10)


def split(x: Tensor, heads: int) -> Tensor:
    """(batch, tokens, width) to (batch, heads, tokens, width / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def write(net: Any, regions: Tensor, tokens: Tensor, drop: float = 0.0) -> Tensor:
    """(batch, words + 1, vocabulary) scores of the next word, the true words so far given.

    Args:
        net: an AoANet.
        regions: (batch, regions, width) from `refine`.
        tokens: (batch, words + 1) the caption and its end; word t is told from the ones before it.
        drop: share of numbers dropped from the words and the outputs.
    """
    size, heads = regions.shape[-1], net.options.num_heads
    values, keys = (split(x, heads) for x in net.ctx2att(regions).split(size, dim=-1))
    mean = regions.mean(dim=1)
    before = torch.cat([torch.zeros_like(tokens[:, :1]), tokens[:, :-1]], dim=1)
    words = F.dropout(net.embed[0](before).relu(), drop)
    h = c = context = regions.new_zeros(len(regions), size)
    outputs = []
    for t in range(tokens.shape[1]):
        h, c = net.core.att_lstm(torch.cat([words[:, t], (mean + context).to(words.dtype)], dim=1), (h, c))
        query = net.core.attention.linears[0](norm(net.core.attention.norm, h))
        q = query.unflatten(-1, (heads, 1, -1)) * (size // heads) ** -0.5  # (batch, heads, 1, width)
        weights = (q @ keys.mT).softmax(dim=-1)
        seen = (weights.to(values.dtype) @ values).flatten(1)
        context = F.glu(net.core.att2ctx[0](torch.cat([seen, h.to(seen.dtype)], dim=-1)), dim=-1)
        outputs.append(context)
    return net.logit(F.dropout(torch.stack(outputs, dim=1), drop))
