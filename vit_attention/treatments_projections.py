"""How attention with separate q_proj, k_proj and v_proj is read: softmax(QK) from what the block itself projected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_attention.treatments import Listener, Reading, Treatment, attach_reader, differentiable, register


def _output_projection(block: nn.Module) -> nn.Module | None:
    return getattr(block, "o_proj", None) or getattr(block, "out_proj", None)


def _has_projections(block: nn.Module) -> bool:
    linear = [isinstance(getattr(block, n, None), nn.Linear) for n in ("q_proj", "k_proj", "v_proj")]
    return all(linear) and isinstance(_output_projection(block), nn.Linear) and _heads(block) is not None


def _heads(block: nn.Module) -> int | None:
    return getattr(block, "num_attention_heads", None) or getattr(block, "num_heads", None)


def _recompute(block: nn.Module, listener: Listener) -> Callable[..., Any]:
    def recompute(_module: nn.Module, _args: Any, output: Any) -> Any:
        notes = listener.notes
        if not listener.listens() or "q_proj" not in notes:
            return None
        found = _cached(block, notes) or (notes.get("k_proj"), notes.get("v_proj"))
        if found[0] is None or found[1] is None:
            return None
        query, key, value = (_split(block, part) for part in (notes["q_proj"], *found))
        weights = _softmax(block, query, key, notes["mask"])
        own = output[0] if isinstance(output, tuple) else output
        rows = listener.rows(own.shape[1])
        reading = Reading(
            "cross" if notes["cross"] else "self", weights.detach(),
            own=own[:, rows], rebuilt=_project(block, weights[:, :, rows], value),
            parts={"query": query.detach(), "key": key.detach(), "value": value.detach()} if listener.parts else {},
        )  # fmt: skip
        rebuilt = None
        if listener.gradients:
            reading.probe = differentiable(weights)
            rebuilt = _project(block, reading.probe, value)
        listener.keep(reading)
        if rebuilt is None:
            return None
        return (rebuilt, *output[1:]) if isinstance(output, tuple) else rebuilt

    return recompute


def _cached(block: nn.Module, notes: dict[str, Any]) -> tuple[Tensor, Tensor] | None:
    """Keys and values that generation keeps from step to step, (batch, heads, tokens, width); None without such a cache.

    A step projects only its own token, and a cross-attention nothing at all after the first step.
    """
    cache, number = notes["cache"], getattr(block, "layer_idx", None)
    cache = getattr(cache, "cross_attention_cache" if notes["cross"] else "self_attention_cache", cache)
    layers = getattr(cache, "layers", None)
    if layers is None or number is None or number >= len(layers):
        return None
    kept = layers[number]
    keys, values = getattr(kept, "keys", None), getattr(kept, "values", None)
    return None if keys is None or values is None else (keys, values)


def _split(block: nn.Module, projected: Tensor) -> Tensor:
    """(batch, tokens, heads * width), or a cache's (batch, heads, tokens, width), to the latter; shared heads repeated."""
    heads = _heads(block) or 1
    width = getattr(block, "head_dim", None) or cast(nn.Linear, block.q_proj).out_features // heads
    split = projected if projected.ndim == 4 else projected.unflatten(-1, (-1, width)).transpose(1, 2)
    return split.repeat_interleave(heads // split.shape[1], dim=1)


def _softmax(block: nn.Module, query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    scaling = getattr(block, "scaling", None) or getattr(block, "scale", None) or query.shape[-1] ** -0.5
    scores = (query * float(scaling)) @ key.mT
    if mask is not None:
        mask = mask[..., : key.shape[-2]]
        scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    elif getattr(block, "is_causal", False) and query.shape[-2] > 1:
        scores = scores + scores.new_full(scores.shape[-2:], float("-inf")).triu(1)
    return scores.softmax(dim=-1)


def _project(block: nn.Module, weights: Tensor, value: Tensor) -> Tensor:
    projection = _output_projection(block)
    assert isinstance(projection, nn.Linear)
    return F.linear((weights @ value).transpose(1, 2).flatten(2), projection.weight, projection.bias)


def _attach(block: nn.Module, listener: Listener) -> list[Any]:
    return attach_reader(block, listener, ("q_proj", "k_proj", "v_proj"), _recompute(block, listener))


register(Treatment("transformers attention (q_proj, k_proj, v_proj, o_proj)", _has_projections, _attach))
