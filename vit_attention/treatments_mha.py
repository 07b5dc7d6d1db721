"""How `torch.nn.MultiheadAttention` is read: it is asked for its weights, whatever its caller asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from vit_attention.treatments import (
    CaptureError,
    Listener,
    Reading,
    Treatment,
    attach_asking,
    differentiable,
    register,
)

_SIGNATURE = inspect.signature(nn.MultiheadAttention.forward)


def _ask_for_weights(block: nn.MultiheadAttention, listener: Listener) -> Callable[..., Any]:
    def ask(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        if kwargs is None or not listener.listens():
            return None
        bound = _SIGNATURE.bind(block, *args, **kwargs)
        bound.apply_defaults()
        listener.notes["call"] = dict(bound.arguments)
        bound.arguments.update(need_weights=True, average_attn_weights=False)
        return bound.args[1:], bound.kwargs

    return ask


def _read_weights(block: nn.MultiheadAttention, listener: Listener) -> Callable[..., Any]:
    def read(_module: nn.Module, _args: Any, output: tuple[Tensor, Tensor]) -> Any:
        if not listener.listens() or "call" not in listener.notes:
            return None
        call = listener.notes.pop("call")
        if block.training and block.dropout > 0:
            raise CaptureError(
                "want a model in evaluation mode, got one in training mode with dropout, whose weights are not softmax(QK): "
                "call model.eval() first"
            )
        out, weights = output
        if out.is_nested:
            raise CaptureError(
                "want a padded batch, got a nested tensor: torch.nn.TransformerEncoder makes one of a padding mask; build it "
                "with enable_nested_tensor=False"
            )
        batched = weights if weights.ndim == 4 else weights[None]
        value, own = (_batch_first(block, t, weights.ndim) for t in (call["value"], out))
        kind = "self" if call["key"] is call["query"] else "cross"
        reading = Reading(kind, batched.detach(), parts=_parts(block, call, weights.ndim) if listener.parts else {})
        plain = block.bias_v is None and not block.add_zero_attn
        if plain:
            rows = listener.rows(own.shape[1])
            reading.own, reading.rebuilt = own[:, rows], _rows(block, batched[:, :, rows], value)
        if listener.gradients:
            reading.probe = differentiable(batched)
            rebuilt = _rows(block, reading.probe, value)
            out = rebuilt if block.batch_first else rebuilt.transpose(0, 1)
        listener.keep(reading)
        if not call["need_weights"]:
            return out, None
        return out, weights.mean(dim=-3) if call["average_attn_weights"] else weights

    return read


def _batch_first(block: nn.MultiheadAttention, x: Tensor, weights_ndim: int) -> Tensor:
    if weights_ndim == 3:
        return x[None]
    return x if block.batch_first else x.transpose(0, 1)


def _projection(block: nn.MultiheadAttention, which: str) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of the query, key or value projection."""
    at = ("query", "key", "value").index(which)
    bias = None if block.in_proj_bias is None else block.in_proj_bias.chunk(3)[at]
    if block.in_proj_weight is not None:
        return block.in_proj_weight.chunk(3)[at], bias
    return getattr(block, f"{which[0]}_proj_weight"), bias


def _rows(block: nn.MultiheadAttention, weights: Tensor, value: Tensor) -> Tensor:
    """The block's output for some rows of its weights: (batch, heads, rows, keys) to (batch, rows, width).

    For a few rows the inputs are mixed first and projected after, which spares projecting every key.
    """
    weight, bias = _projection(block, "value")
    heads = block.num_heads
    per_head = weight.view(heads, -1, weight.shape[1])  # (heads, head width, input width)
    if weights.shape[2] < per_head.shape[1]:
        # One product for all heads: broadcasting the inputs over the heads would copy them.
        mixed = (weights.flatten(1, 2) @ value).unflatten(1, (heads, -1))  # (batch, heads, rows, input width)
        context = mixed @ per_head.mT  # (batch, heads, rows, head width)
    else:
        context = weights @ F.linear(value, weight).unflatten(-1, (heads, -1)).transpose(1, 2)
    context = context.transpose(1, 2).flatten(2)
    if bias is not None:
        context = context + bias
    return F.linear(context, block.out_proj.weight, block.out_proj.bias)


def _parts(block: nn.MultiheadAttention, call: dict[str, Any], ndim: int) -> dict[str, Tensor]:
    parts = {}
    for which in ("query", "key", "value"):
        projected = F.linear(_batch_first(block, call[which], ndim), *_projection(block, which))
        parts[which] = projected.unflatten(-1, (block.num_heads, -1)).transpose(1, 2).detach()
    return parts


def _attach(block: nn.Module, listener: Listener) -> list[Any]:
    assert isinstance(block, nn.MultiheadAttention)
    return attach_asking(block, _ask_for_weights(block, listener), _read_weights(block, listener))


register(Treatment("torch.nn.MultiheadAttention", lambda m: isinstance(m, nn.MultiheadAttention), _attach))
