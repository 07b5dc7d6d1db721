"""How each kind of attention module is read: a table from kind to treatment, open to one-call registration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CaptureError(RuntimeError):
    """Captured weights do not reproduce their block's output, or a block cannot be captured."""


@dataclass(eq=False)
class Seen:
    """What one block did in one forward pass.

    Attributes:
        name: module path inside the captured module.
        layer: number of the block among the attention blocks, 0 first.
        kind: "self", "cross" or "window".
        weights: (batch, heads, queries, keys), detached; windows are folded into the batch, page by page.
        residual: largest absolute difference between the block's output and weights x values on the proved rows, in
            units of the output; None where the block offers no way to check.
        probe: with gradients, the tensor to differentiate by, of the same shape as all of the block's weights.
        parts: with parts, "query", "key", "value" of (batch, heads, tokens, head width).
    """

    name: str
    layer: int
    kind: str
    weights: Tensor
    residual: float | None
    probe: Tensor | None = None
    parts: dict[str, Tensor] = field(default_factory=dict)


@dataclass(eq=False)
class Reading:
    """What a treatment hands over: all weights, and the proof rows of the block's output beside their reconstruction.

    `selected` says that the weights are already those of the items asked for alone.
    """

    kind: str
    weights: Tensor
    own: Tensor | None = None
    rebuilt: Tensor | None = None
    probe: Tensor | None = None
    parts: dict[str, Tensor] = field(default_factory=dict)
    selected: bool = False


class Listener(Protocol):
    """The side of a capture that a treatment's hooks talk to."""

    notes: dict[str, Any]

    def listens(self) -> bool:
        """Whether the capture is open in this thread; hooks must do nothing if it is not."""

    def rows(self, count: int) -> Tensor:
        """Which of `count` rows to prove."""

    def items(self, count: int) -> Tensor | None:
        """Which of `count` entries of the batch are wanted; None for all."""

    @property
    def gradients(self) -> bool:
        """Whether the block's output must be rebuilt from a differentiable copy of the weights."""

    @property
    def parts(self) -> bool:
        """Whether queries, keys and values are wanted."""

    def keep(self, reading: Reading) -> None:
        """Take one block's reading."""


@dataclass(frozen=True)
class Treatment:
    """How one kind of attention module is captured.

    Attributes:
        kind: its name in messages.
        matches: whether a module is of this kind.
        attach: places hooks on a module that report to a listener; returns their handles. A hook may be called after
            its handle is gone and without keyword arguments (another thread may be in the middle of a forward pass),
            so it takes what it gets and asks `listens` first.
    """

    kind: str
    matches: Callable[[nn.Module], bool]
    attach: Callable[[nn.Module, Listener], list[Any]]


def differentiable(weights: Tensor) -> Tensor:
    """`weights` as a tensor that a score can be differentiated by, directly and through every later layer.

    Weights of a frozen model's first layer hang on nothing and become a leaf; later ones are in the graph already.
    """
    return weights if weights.requires_grad else weights.requires_grad_()


# --- torch.nn.MultiheadAttention ------------------------------------------------------------------------------------

_MHA_SIGNATURE = inspect.signature(nn.MultiheadAttention.forward)


def _ask_for_weights(block: nn.MultiheadAttention, listener: Listener) -> Callable[..., Any]:
    def ask(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        if kwargs is None or not listener.listens():
            return None
        bound = _MHA_SIGNATURE.bind(block, *args, **kwargs)
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
        batched = weights if weights.ndim == 4 else weights[None]
        value, own = (_batch_first(block, t, weights.ndim) for t in (call["value"], out))
        kind = "self" if call["key"] is call["query"] else "cross"
        reading = Reading(kind, batched.detach(), parts=_mha_parts(block, call, weights.ndim) if listener.parts else {})
        plain = block.bias_v is None and not block.add_zero_attn
        if plain:
            rows = listener.rows(own.shape[1])
            reading.own, reading.rebuilt = own[:, rows], _mha_rows(block, batched[:, :, rows], value)
        if listener.gradients:
            reading.probe = differentiable(batched)
            rebuilt = _mha_rows(block, reading.probe, value)
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


def _mha_projection(block: nn.MultiheadAttention, which: str) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of the query, key or value projection."""
    at = ("query", "key", "value").index(which)
    bias = None if block.in_proj_bias is None else block.in_proj_bias.chunk(3)[at]
    if block.in_proj_weight is not None:
        return block.in_proj_weight.chunk(3)[at], bias
    return getattr(block, f"{which[0]}_proj_weight"), bias


def _mha_rows(block: nn.MultiheadAttention, weights: Tensor, value: Tensor) -> Tensor:
    """The block's output for some rows of its weights: (batch, heads, rows, keys) to (batch, rows, width).

    For a few rows the inputs are mixed first and projected after, which spares projecting every key.
    """
    weight, bias = _mha_projection(block, "value")
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


def _mha_parts(block: nn.MultiheadAttention, call: dict[str, Any], ndim: int) -> dict[str, Tensor]:
    parts = {}
    for which in ("query", "key", "value"):
        projected = F.linear(_batch_first(block, call[which], ndim), *_mha_projection(block, which))
        parts[which] = projected.unflatten(-1, (block.num_heads, -1)).transpose(1, 2).detach()
    return parts


def _attach_mha(block: nn.Module, listener: Listener) -> list[Any]:
    assert isinstance(block, nn.MultiheadAttention)
    return [
        block.register_forward_pre_hook(_ask_for_weights(block, listener), with_kwargs=True),
        # First in line: a capture inside another one gives the block's call back as the outer one asked for it.
        block.register_forward_hook(_read_weights(block, listener), prepend=True),
    ]


# --- transformers: separate q_proj, k_proj, v_proj and an output projection -----------------------------------------


def _output_projection(block: nn.Module) -> nn.Module | None:
    return getattr(block, "o_proj", None) or getattr(block, "out_proj", None)


def _has_projections(block: nn.Module) -> bool:
    linear = [isinstance(getattr(block, n, None), nn.Linear) for n in ("q_proj", "k_proj", "v_proj")]
    return all(linear) and isinstance(_output_projection(block), nn.Linear) and _heads(block) is not None


def _heads(block: nn.Module) -> int | None:
    return getattr(block, "num_attention_heads", None) or getattr(block, "num_heads", None)


def _remember(listener: Listener, name: str) -> Callable[..., None]:
    def remember(_module: nn.Module, _args: Any, output: Any) -> None:
        if listener.listens():
            listener.notes[name] = output

    return remember


def _remember_call(block: nn.Module, listener: Listener) -> Callable[..., None]:
    signature = inspect.signature(type(block).forward)

    def remember(_module: nn.Module, args: Any, kwargs: dict[str, Any] | None = None) -> None:
        if kwargs is not None and listener.listens():
            bound = signature.bind(block, *args, **kwargs).arguments
            listener.notes.clear()
            listener.notes["mask"] = bound.get("attention_mask")
            listener.notes["cross"] = bound.get("key_value_states") is not None
            listener.notes["cache"] = bound.get("past_key_values")

    return remember


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


def attach_reader(block: nn.Module, listener: Listener, noted: Sequence[str], read: Callable[..., Any]) -> list[Any]:
    """Hooks that note a block's mask and the outputs of its `noted` parts, then call `read(block, inputs, output)`."""
    return [
        block.register_forward_pre_hook(_remember_call(block, listener), with_kwargs=True),
        *(getattr(block, name).register_forward_hook(_remember(listener, name)) for name in noted),
        block.register_forward_hook(read, prepend=True),
    ]


def attach_call_reader(block: nn.Module, read: Callable[..., Any]) -> list[Any]:
    """A hook that calls `read(block, inputs, keyword inputs, output)`; a late call has no keyword inputs."""
    return [block.register_forward_hook(read, with_kwargs=True, prepend=True)]


def _attach_projections(block: nn.Module, listener: Listener) -> list[Any]:
    return attach_reader(block, listener, ("q_proj", "k_proj", "v_proj"), _recompute(block, listener))


TREATMENTS: list[Treatment] = [
    Treatment("torch.nn.MultiheadAttention", lambda m: isinstance(m, nn.MultiheadAttention), _attach_mha),
    Treatment("transformers attention (q_proj, k_proj, v_proj, o_proj)", _has_projections, _attach_projections),
]


def register(treatment: Treatment) -> None:
    """Add a kind of attention module; it is tried before those already known."""
    TREATMENTS.insert(0, treatment)


import vit_attention.treatments_aoanet  # noqa: E402  they register themselves, so they need all of the above
import vit_attention.treatments_swin  # noqa: E402, F401
