"""How window attention is read: Swin (Liu et al. 2021, arXiv:2103.14030) and Swin V2 (2022, arXiv:2111.09883)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_attention.partition import Partition
from vit_attention.treatments import (
    CaptureError,
    Listener,
    Reading,
    Treatment,
    attach_reader,
    differentiable,
    register,
)

LOGIT_SCALE_LIMIT = 4.605170185988092
"""Swin V2 lets no cosine be scaled by more than e to this power, 100."""

# --- transformers: blocks that are given windows, (batch * windows, places, width) --------------------------------


def _is_windowed(block: nn.Module, names: tuple[str, str, str]) -> bool:
    return all(isinstance(getattr(block, name, None), nn.Linear) for name in names)


def _is_donut(block: nn.Module) -> bool:
    table = isinstance(getattr(block, "relative_position_bias_table", None), nn.Parameter)
    return (table or _is_cosine(block)) and _is_windowed(block, ("query", "key", "value"))


def _is_swin(block: nn.Module) -> bool:
    holder = getattr(block, "relative_position_bias", None)
    table = isinstance(getattr(holder, "relative_position_bias_table", None), nn.Parameter)
    return table and hasattr(block, "o_proj") and _is_windowed(block, ("q_proj", "k_proj", "v_proj"))


def _is_cosine(block: nn.Module) -> bool:
    """Swin V2: cosines instead of products, and a bias that a small network computes from the offset."""
    return hasattr(block, "logit_scale") and hasattr(block, "continuous_position_bias_mlp")


def _bias(block: Any) -> Tensor:
    """(heads, places, places) added to the scores."""
    holder = getattr(block, "relative_position_bias", block)
    if _is_cosine(block):
        table = block.continuous_position_bias_mlp(block.relative_coords_table).flatten(0, -2)
    else:
        table = holder.relative_position_bias_table
    places = holder.window_size[0] * holder.window_size[1]
    bias: Tensor = table[holder.relative_position_index.view(-1)].view(places, places, -1).permute(2, 0, 1)
    return 16 * torch.sigmoid(bias) if _is_cosine(block) else bias


def _weights(block: Any, query: Tensor, key: Tensor, bias: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax of the scores of (windows, heads, places, head width); the mask is (windows, places, places)."""
    if hasattr(block, "logit_scale"):
        cosines = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).mT
        scores = cosines * block.logit_scale.clamp(max=LOGIT_SCALE_LIMIT).exp()
    else:
        scores = (query * query.shape[-1] ** -0.5) @ key.mT
    scores = scores + bias
    return (scores if mask is None else scores + mask[:, None]).softmax(dim=-1)


def _read_windows(block: Any, listener: Listener, names: tuple[str, str, str]) -> Callable[..., Any]:
    heads = int(block.num_attention_heads)
    output_layer: nn.Module = getattr(block, "o_proj", nn.Identity())

    def rebuild(weights: Tensor, value: Tensor) -> Tensor:
        out: Tensor = output_layer((weights @ value).transpose(1, 2).flatten(2))
        return out

    def read(_module: nn.Module, _args: Any, output: Any) -> Any:
        notes = listener.notes
        if not listener.listens() or not set(names) <= set(notes):
            return None
        _refuse_dropout(block)
        own, mask = output[0], notes["mask"]
        # A gradient needs the whole output rebuilt, so then nothing may be left out.
        items = None if listener.gradients else listener.items(len(own))
        parts = [notes[name].unflatten(-1, (heads, -1)).transpose(1, 2) for name in names]
        if mask is not None:
            mask = mask[torch.arange(len(own), device=own.device) % len(mask)] if len(mask) != len(own) else mask
        if items is not None:
            here = items.to(own.device)
            parts, own = [part[here] for part in parts], own[here]
            mask = None if mask is None else mask[here]
        query, key, value = parts
        weights = _weights(block, query, key, _bias(block), mask)
        rows = listener.rows(own.shape[1])
        reading = Reading(
            "window", weights.detach(), own[:, rows], rebuild(weights[:, :, rows], value),
            parts=_named(parts) if listener.parts else {}, selected=items is not None,
        )  # fmt: skip
        rebuilt = None
        if listener.gradients:
            reading.probe = differentiable(weights)
            rebuilt = rebuild(reading.probe, value)
        listener.keep(reading)
        return None if rebuilt is None else (rebuilt, *output[1:])

    return read


def _named(parts: Any) -> dict[str, Tensor]:
    return {name: part.detach() for name, part in zip(("query", "key", "value"), parts, strict=True)}


def _refuse_dropout(block: Any) -> None:
    dropout = getattr(block, "dropout", None)
    rates = (getattr(dropout, "p", dropout), getattr(block, "attention_dropout", None))
    if block.training and any(rates):
        raise CaptureError(
            "want a model in evaluation mode, got one in training mode with dropout, whose weights are not softmax(QK): "
            "call model.eval() first"
        )


def _attach(names: tuple[str, str, str]) -> Callable[[nn.Module, Listener], list[Any]]:
    return lambda block, listener: attach_reader(block, listener, names, _read_windows(block, listener, names))


# --- torchvision: one block that pads, rolls and cuts a (batch, rows, columns, width) grid itself ------------------


def _is_torchvision(block: nn.Module) -> bool:
    return all(hasattr(block, name) for name in ("qkv", "proj", "shift_size", "get_relative_position_bias"))


def _partition(block: Any, grid: tuple[int, int]) -> Partition:
    """How the block cuts this grid; along an axis that one window covers it does not shift."""
    window = (int(block.window_size[0]), int(block.window_size[1]))
    rows, columns = (
        0 if window[axis] >= -(-grid[axis] // window[axis]) * window[axis] else int(block.shift_size[axis])
        for axis in (0, 1)
    )
    return Partition(grid, window, (rows, columns))


def _qkv(block: Any, tokens: Tensor) -> Tensor:
    """(3, windows, heads, places, head width) queries, keys and values of (windows, places, width) tokens."""
    bias = block.qkv.bias
    if bias is not None and hasattr(block, "logit_scale"):  # V2 has no bias on keys, but stores one
        query, _, value = bias.chunk(3)
        bias = torch.cat([query, torch.zeros_like(query), value])
    out = F.linear(tokens, block.qkv.weight, bias)
    return out.unflatten(-1, (3, block.num_heads, -1)).permute(2, 0, 3, 1, 4)


def _read_grid(block: Any, listener: Listener) -> Callable[..., Any]:
    def read(_module: nn.Module, args: Any, output: Tensor) -> Any:
        if not listener.listens() or not args:
            return None
        _refuse_dropout(block)
        grid, batch = args[0], len(output)
        cut = _partition(block, (grid.shape[1], grid.shape[2]))
        order = torch.from_numpy(cut.order()).to(grid.device).repeat(batch, 1)  # (batch * windows, places)
        page = torch.arange(batch, device=grid.device).repeat_interleave(cut.count)
        mask = torch.from_numpy(cut.forbids()).to(grid.device).repeat(batch, 1, 1) * grid.new_tensor(-100.0)
        items = None if listener.gradients else listener.items(len(order))
        if items is not None:
            order, page, mask = (one[items.to(grid.device)] for one in (order, page, mask))
        inside = order >= 0
        at = (page[:, None].expand_as(order), order.clamp(min=0))
        tokens = grid.flatten(1, 2)[at].masked_fill(~inside[..., None], 0)
        query, key, value = _qkv(block, tokens)
        weights = _weights(block, query, key, block.get_relative_position_bias(), mask)
        rows = listener.rows(order.shape[1])
        known = inside[:, rows]  # the block cuts off what it padded, so there is nothing to compare
        reading = Reading(
            "window", weights.detach(), output.flatten(1, 2)[at][:, rows][known],
            _through(block, weights[:, :, rows], value)[known],
            parts=_named((query, key, value)) if listener.parts else {}, selected=items is not None,
        )  # fmt: skip
        rebuilt = None
        if listener.gradients:
            reading.probe = differentiable(weights)
            whole = _through(block, reading.probe, value)
            spread = torch.zeros_like(output).flatten(1, 2)
            rebuilt = spread.index_put((at[0][inside], at[1][inside]), whole[inside]).view_as(output)
        listener.keep(reading)
        return rebuilt

    return read


def _through(block: Any, weights: Tensor, value: Tensor) -> Tensor:
    out: Tensor = block.proj((weights @ value).transpose(1, 2).flatten(2))
    return out


def _attach_grid(block: nn.Module, listener: Listener) -> list[Any]:
    return attach_reader(block, listener, (), _read_grid(block, listener))


register(Treatment("torchvision shifted windows", _is_torchvision, _attach_grid))
register(Treatment("transformers Swin windows", _is_swin, _attach(("q_proj", "k_proj", "v_proj"))))
register(Treatment("transformers DonutSwin and Swin V2 windows", _is_donut, _attach(("query", "key", "value"))))
