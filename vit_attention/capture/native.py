"""`torch.nn.MultiheadAttention` on its fast path: PyTorch's native function, asked for the weights that it computes anyway.

A listener makes the module leave that path, which at batch 8 costs a third of ViT-B/16's forward pass.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def fits(given: dict[str, Any]) -> bool:
    """Whether the module would have taken its fast path for self-attention without a mask, in single or double precision.

    Args:
        given: all arguments of `torch.nn.functional.multi_head_attention_forward` by name.
    """
    query = given["query"]
    absent = ("attn_mask", "key_padding_mask", "bias_k", "bias_v", "static_k", "static_v")
    plain = all(given[name] is None for name in absent) and not (
        given["add_zero_attn"] or given["use_separate_proj_weight"]
    )
    weights = [given[name] for name in ("in_proj_weight", "in_proj_bias", "out_proj_weight", "out_proj_bias")]
    if not plain or any(one is None for one in weights) or not query is given["key"] is given["value"]:
        return False
    graph = torch.is_grad_enabled() and any(t.requires_grad for t in (query, *weights))
    return (
        query.ndim == 3
        and query.device.type == "cpu"
        and query.dtype in (torch.float32, torch.float64)
        and not graph
        and given["num_heads"] % 2 == 0
        and not torch.is_autocast_enabled("cpu")
        and not (given["training"] and given["dropout_p"] > 0)
    )


def attend(given: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """(batch, tokens, width) output and (batch, heads, tokens, tokens) weights of the native function."""
    x = given["query"].transpose(0, 1)
    out, weights = torch._native_multi_head_attention(
        x,
        x,
        x,
        given["embed_dim_to_check"],
        given["num_heads"],
        given["in_proj_weight"],
        given["in_proj_bias"],
        given["out_proj_weight"],
        given["out_proj_bias"],
        None,
        True,
        False,
    )
    return out, weights


def rebuilt(given: dict[str, Any], weights: Tensor) -> Tensor:
    """(batch, rows, width) the output that some rows of the weights, (batch, heads, rows, tokens), give with the values.

    The inputs are mixed first and projected after, which for a few rows spares projecting every token.
    """
    heads = given["num_heads"]
    projection, bias = given["in_proj_weight"].chunk(3)[2], given["in_proj_bias"].chunk(3)[2]
    mixed = (weights.flatten(1, 2) @ given["query"].transpose(0, 1)).unflatten(1, (heads, -1))
    # The batch goes to the rows: beside it, each head's projection would be copied for each of its entries.
    rows = mixed.transpose(0, 1).flatten(1, 2)  # (heads, batch * rows, width)
    values = rows @ projection.unflatten(0, (heads, -1)).mT  # (heads, batch * rows, head width)
    joined = values.unflatten(1, (len(weights), -1)).permute(1, 2, 0, 3).flatten(2) + bias
    return F.linear(joined, given["out_proj_weight"], given["out_proj_bias"])
