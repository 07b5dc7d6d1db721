"""Attention weights of one call of `torch.nn.functional.scaled_dot_product_attention`, computed once and used.

Beside it `torch.nn.functional.multi_head_attention_forward`, which calls it inside, out of a listener's hearing.
"""

import contextlib
import inspect
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vit_attention.capture.editing import OfBlock
from vit_attention.capture.kept import Kept
from vit_attention.capture.layout import Layout
from vit_attention.capture.seen import CaptureError, Evidence, Request, differentiable

DROPOUT = (
    "want a model in evaluation mode, got one in training mode with dropout, whose weights are not softmax(QK): "
    "call model.eval() first"
)
NESTED = (
    "want a padded batch, got a nested tensor: torch.nn.TransformerEncoder makes one of a padding mask, and gives other "
    "output than it would under capture; build it with enable_nested_tensor=False"
)
LARGE = 1 << 22
"""Weights of one block and picture, in numbers, above which heads are computed one by one; 16 MB in float32."""
_COMPOSITE = inspect.signature(F.multi_head_attention_forward)
_DEFAULTS = {name: None if one.default is one.empty else one.default for name, one in _COMPOSITE.parameters.items()}


@dataclass(eq=False)
class Asked:
    """The inputs of one fused attention, (batch, heads, tokens, head width) each.

    Attributes:
        mask: bool (may look) or float (added to the scores), broadcastable to (batch, heads, queries, keys); or None.
        layout: back to the leading axes that the caller has.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None
    causal: bool
    scale: float
    layout: Layout

    @property
    def in_graph(self) -> bool:
        """Whether a gradient would flow through."""
        return any(t is not None and t.requires_grad for t in (self.query, self.key, self.value, self.mask))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(batch, heads, queries, keys)."""
        return (*self.query.shape[:3], self.key.shape[2])


def asked(
    heads: int | None,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Asked:
    """The arguments of the fused function with shared heads repeated, leading axes as (batch, heads), autocast applied.

    Args:
        heads: of a three-dimensional call, whose first axis may hold the heads too; None if the module does not say.
        query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa: as `scaled_dot_product_attention` takes them.

    Raises:
        CaptureError: nested tensors, a mask that is no tensor, or dropout.
    """
    if any(t.is_nested for t in (query, key, value)):
        raise CaptureError(NESTED)
    if dropout_p > 0:
        raise CaptureError(DROPOUT)
    if attn_mask is not None and not isinstance(attn_mask, Tensor):
        raise CaptureError(f"attn_mask: want a tensor, got {type(attn_mask).__name__}: capture can't read such a mask")
    if torch.is_autocast_enabled(query.device.type):
        half = torch.get_autocast_dtype(query.device.type)
        query, key, value = (t.to(half) if t.dtype == torch.float32 else t for t in (query, key, value))
    if enable_gqa:
        key, value = (t.repeat_interleave(query.shape[-3] // t.shape[-3], dim=-3) for t in (key, value))
    lead = query.shape[:-2]
    if not lead == key.shape[:-2] == value.shape[:-2]:
        lead = torch.broadcast_shapes(lead, key.shape[:-2], value.shape[:-2])
        query, key, value = (t.expand(*lead, *t.shape[-2:]) for t in (query, key, value))
    layout = Layout(lead, heads)
    mask = None if attn_mask is None else torch.atleast_2d(attn_mask)
    if mask is not None and not layout.plain:
        mask = layout.fold(mask.expand(*lead, *mask.shape[-2:]))
    query, key, value = layout.fold(query), layout.fold(key), layout.fold(value)
    return Asked(query, key, value, mask, is_causal, query.shape[-1] ** -0.5 if scale is None else float(scale), layout)


def exactly(like: Tensor) -> contextlib.AbstractContextManager[Any]:
    """A context in which products are computed as they are written, whatever autocast says."""
    kind = like.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else contextlib.nullcontext()


def attend(
    call: Asked, gradients: bool = False, request: Request | None = None, edit: OfBlock | None = None
) -> tuple[Tensor, Evidence]:
    """Weights = softmax(Q K^T scale + mask) in float32 or better, and weights x values (Vaswani et al. 2017, equation 1).

    Args:
        call: the inputs.
        gradients: take the weights into the graph, as a probe to differentiate by.
        request: of the one listener, as it holds for this block: large weights of which it keeps a part are never in memory
            all at once; None for several listeners, or where the caller wants the weights.
        edit: what becomes of the weights and of the heads' outputs; the proof is of what they were before.

    Returns:
        (batch, heads, queries, head width) weights x values, 0 in rows without any key as in PyTorch's own kernels; and
        the weights, NaN in such rows, with the proof against PyTorch's fused kernel.
    """
    with exactly(call.query):
        if edit is not None:
            return _attend_edited(call, gradients, edit)
        if gradients or (torch.is_grad_enabled() and call.in_graph) or call.query.device.type != "cpu":
            out, found = _attend_in_graph(call, gradients)
        elif request is not None and request.partial and math.prod(call.shape[1:]) > LARGE and call.mask is None:
            out, found = _attend_by_head(call, request)
        else:
            out, found = _attend_in_place(call)
    found.parts = {"query": call.query, "key": call.key, "value": call.value}
    found.proof = lambda rows: (own_rows(call, rows), out.index_select(2, rows))
    return out, found


def _attend_edited(call: Asked, gradients: bool, edit: OfBlock) -> tuple[Tensor, Evidence]:
    """The same with changed weights and outputs; rows without any key stay 0 unless the edit fills them."""
    own, keyless = _softmax(call)
    weights = edit.weights(own)
    probe = differentiable(weights) if gradients else None
    out = edit.mixed(weights.to(call.value.dtype) @ call.value)
    found = Evidence(weights.detach(), probe=probe, mixed=None if probe is None else out)
    found.undefined = 0 if keyless is None else int(keyless.sum())
    found.parts = {"query": call.query, "key": call.key, "value": call.value}
    found.proof = lambda rows: (own_rows(call, rows), own[:, :, rows].detach().to(call.value.dtype) @ call.value)
    return out, found


def _softmax(call: Asked) -> tuple[Tensor, Tensor | None]:
    """(batch, heads, queries, keys) weights in the graph, 0 in rows without any key; and which rows those are."""
    precise = torch.promote_types(call.query.dtype, torch.float32)
    scores = _masked((call.query.to(precise) * call.scale) @ call.key.to(precise).mT, call)
    weights, keyless = scores.softmax(-1), _keyless(scores, call)
    return (weights if keyless is None else weights.masked_fill(keyless, 0)), keyless


def _attend_in_graph(call: Asked, gradients: bool) -> tuple[Tensor, Evidence]:
    weights, keyless = _softmax(call)
    probe = differentiable(weights) if gradients else None
    out = (weights if probe is None else probe).to(call.value.dtype) @ call.value
    kept = weights.detach()
    mixed = None if probe is None else out
    if keyless is None:
        return out, Evidence(kept, probe=probe, mixed=mixed)
    undefined = int(keyless.sum())
    return out, Evidence(kept.masked_fill(keyless, float("nan")), probe=probe, undefined=undefined, mixed=mixed)


def _attend_in_place(call: Asked) -> tuple[Tensor, Evidence]:
    """The same without a graph, one picture at a time: its views go to BLAS as they are, where a batch would be copied."""
    batch, heads, queries, keys = call.shape
    precise = torch.promote_types(call.query.dtype, torch.float32)
    weights = torch.empty(batch, heads, queries, keys, dtype=precise)
    out = call.value.new_empty(batch, heads, queries, call.value.shape[-1])
    undefined = 0
    for item in range(batch):
        query, key, value, scores = call.query[item], call.key[item], call.value[item], weights[item]
        scores.baddbmm_(query.to(precise), key.to(precise).mT, beta=0, alpha=call.scale)
        keyless = _keyless(_masked(scores, call, item), call)
        # In place: scores of their own would push what the model needs next out of the allocator's reach.
        torch.softmax(scores, -1, out=scores)
        if keyless is not None:
            scores.masked_fill_(keyless, 0)
        torch.bmm(scores.to(value.dtype), value, out=out[item])
        if keyless is not None:
            scores.masked_fill_(keyless, float("nan"))
            undefined += int(keyless.sum())
    return out, Evidence(weights, undefined=undefined)


def _attend_by_head(call: Asked, request: Request) -> tuple[Tensor, Evidence]:
    """The same one head at a time, of which what was asked for is taken before the next comes."""
    batch, heads, queries, keys = call.shape
    precise = torch.promote_types(call.query.dtype, torch.float32)
    scores, out = torch.empty(queries, keys, dtype=precise), call.value.new_empty(*call.shape[:3], call.value.shape[-1])
    kept = Kept(request, call.shape, precise)
    for item in range(batch):
        for head in range(heads):
            query, key, value = call.query[item, head], call.key[item, head], call.value[item, head]
            torch.addmm(scores, query.to(precise), key.to(precise).mT, beta=0, alpha=call.scale, out=scores)
            torch.softmax(_masked(scores, call), -1, out=scores)
            torch.mm(scores.to(value.dtype), value, out=out[item, head])
            kept.take(item, head, scores)
    return out, Evidence(kept.weights, fused=kept.fused, tokens=(queries, keys))


def _masked(scores: Tensor, call: Asked, item: int | None = None) -> Tensor:
    """`scores` after the mask, in place; `item` is the batch entry that scores of three axes belong to."""
    if call.causal:
        ahead = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill_(ahead, float("-inf"))
    mask = call.mask
    if mask is None:
        return scores
    if item is not None and mask.ndim == 4:
        mask = mask[item if len(mask) > 1 else 0]
    if mask.dtype == torch.bool:
        return scores.masked_fill_(~mask, float("-inf"))
    return scores.add_(mask.to(scores.dtype))


def _keyless(scores: Tensor, call: Asked) -> Tensor | None:
    """(..., queries, 1) which rows have no key to look at; None where there is no such row."""
    if call.mask is None:
        return None
    found = scores.detach().amax(-1, keepdim=True) == float("-inf")
    return found if bool(found.any()) else None


def own_rows(call: Asked, rows: Tensor) -> Tensor:
    """What PyTorch's fused kernel computes for some of the queries: (batch, heads, rows, head width)."""
    mask = call.mask
    if mask is not None and mask.shape[-2] > 1:
        mask = mask[..., rows, :]
    if call.causal:
        ahead = torch.arange(call.shape[3], device=rows.device) > rows[:, None]
        mask = ~ahead if mask is None else mask.masked_fill(ahead, float("-inf"))
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.to(call.query.dtype)
    return F.scaled_dot_product_attention(
        call.query.index_select(2, rows), call.key, call.value, attn_mask=mask, scale=call.scale
    )


def mixed_by_kernel(weights: Tensor, value: Tensor) -> Tensor:
    """Weights x values by PyTorch's fused kernel, which knows no weights: their logarithms as the mask of empty scores.

    Rows that are no weights (a sum other than 1, a negative entry) come out wrong, so that a comparison shows them.

    Args:
        weights: (batch, heads, rows, keys).
        value: (batch, heads, keys, width).
    """
    mask, value = weights.log(), value.to(weights.dtype)
    empty = weights.new_zeros((*weights.shape[:3], value.shape[-1]))
    return F.scaled_dot_product_attention(empty, torch.zeros_like(value), value, attn_mask=mask)


def composite_arguments(args: Any, kwargs: Any) -> dict[str, Any]:
    """All arguments of a call of `multi_head_attention_forward` by name, in order."""
    return {**_DEFAULTS, **dict(zip(_COMPOSITE.parameters, args, strict=False)), **kwargs}


def inside_composite(attention: Callable[..., Tensor], given: dict[str, Any]) -> Tensor:
    """Run `multi_head_attention_forward`, PyTorch's own code, with `attention` in the place of the fused function.

    It calls the fused function by its global name, and nothing called inside a listener's handler is heard again; so a
    copy of the function runs whose globals differ in that one name.

    Args:
        attention: takes what the fused function takes.
        given: all arguments of the composite by name.
    """
    # Asked for weights, the function reads the mask; without, it would trust the causal hint alone and drop it.
    causal = given["is_causal"] and not (given["need_weights"] and given["attn_mask"] is not None)
    names = {**F.multi_head_attention_forward.__globals__, "scaled_dot_product_attention": attention}
    function = F.multi_head_attention_forward
    copy = types.FunctionType(function.__code__, names, closure=function.__closure__)
    out: Tensor = copy(**{**given, "need_weights": False, "is_causal": causal})[0]
    return out
