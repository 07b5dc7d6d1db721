"""How captioning models' attention is read: multi-headed attention written by hand, and additive attention.

Three kinds, told by their parts and not by their class, so that anyone's own copy counts: the multi-headed dot attention
of Huang et al. (2019, arXiv:1908.06954), whose arguments are query, *value*, *key*; that of the plain Transformer
(Vaswani et al. 2017, arXiv:1706.03762) as commonly written out, query, key, value; and the one-headed additive
attention of captioning models.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vit_attention.treatments import (
    CaptureError,
    Listener,
    Reading,
    Treatment,
    attach_call_reader,
    differentiable,
    register,
)

_CLOSE = 1e-4


class _Heads(NamedTuple):
    """Projected (batch, heads, tokens, head width), and the query as the gate sees it, (batch, queries, width)."""

    query: Tensor
    key: Tensor
    value: Tensor
    plain: Tensor


def _is_multi_headed(block: nn.Module) -> bool:
    linears = getattr(block, "linears", None)
    counts = [type(getattr(block, name, None)) is int for name in ("h", "d_k")]
    fits = isinstance(linears, nn.ModuleList) and len(linears) in (1, 3, 4) and all(counts)
    return fits and len(_names(block)) >= 3


def _names(block: nn.Module) -> list[str]:
    """What `forward` calls its arguments."""
    return list(inspect.signature(type(block).forward).parameters)[1:]


def _arguments(block: nn.Module) -> Callable[[Any, Any], dict[str, Any]]:
    """Reader of a call's query, key, value and mask: by name where `forward` names them, else by the kind's order."""
    signature = inspect.signature(type(block).forward)
    names = _names(block)
    order = ("query", "key", "value") if len(block.linears) == 4 else ("query", "value", "key")  # type: ignore[arg-type]
    where = dict(zip(order, names[:3], strict=True))
    if set(order) <= set(names):
        where = {name: name for name in order}
    where["mask"] = "mask" if "mask" in names else (names[3:4] or [""])[0]

    def read(args: Any, kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(block, *args, **kwargs).arguments
        return {name: bound.get(given) for name, given in where.items()}

    return read


def _split(block: Any, x: Tensor) -> Tensor:
    return x.unflatten(-1, (block.h, block.d_k)).transpose(1, 2)


def _orders(block: Any, call: dict[str, Any]) -> Iterator[_Heads]:
    """The heads in the order that the kind has, then with key and value swapped in the ways people write it."""
    query = call["query"] if call["query"].ndim == 3 else call["query"][:, None]
    norm = getattr(block, "norm", None)
    if callable(norm) and len(block.linears) != 4:
        query = norm(query)
    asked = _split(block, block.linears[0](query))
    inputs = [(call["key"], call["value"])]
    if call["key"] is not call["value"]:
        inputs.append((call["value"], call["key"]))
    for key, value in inputs:
        for at in ((1, 2), (2, 1)) if len(block.linears) > 1 else ((None, None),):
            key_, value_ = (x if n is None else block.linears[n](x) for n, x in zip(at, (key, value), strict=True))
            yield _Heads(asked, _split(block, key_), _split(block, value_), query)


def _softmax(heads: _Heads, mask: Tensor | None) -> Tensor:
    scores = heads.query @ heads.key.mT / heads.query.shape[-1] ** 0.5
    if mask is not None:
        each = mask[:, None, None] if mask.ndim == 2 else mask[:, None] if mask.ndim == 3 else mask
        scores = scores.masked_fill(each == 0, torch.finfo(scores.dtype).min)
    return scores.softmax(-1)


def _through(block: Any, weights: Tensor, value: Tensor, query: Tensor) -> Tensor:
    """The block's output for some rows: weights x values, then its gate or its projection."""
    out = (weights @ value).transpose(1, 2).flatten(2)
    if len(block.linears) == 4:
        out = block.linears[-1](out)
    elif isinstance(getattr(block, "aoa_layer", None), nn.Module):
        out = block.aoa_layer(torch.cat([out, query], -1))
    layer = getattr(block, "output_layer", None)
    return layer(out) if callable(layer) else out


def _find(block: Any, call: dict[str, Any], own: Tensor, rows: Tensor) -> tuple[_Heads, Tensor, Tensor]:
    """(heads, weights, rebuilt rows) in the first order that reproduces the output, else in the nearest one."""
    best: tuple[float, _Heads, Tensor, Tensor] | None = None
    for heads in _orders(block, call):
        weights = _softmax(heads, call["mask"])
        rebuilt = _through(block, weights[:, :, rows], heads.value, heads.plain[:, rows])
        off = float((rebuilt - own[:, rows]).detach().abs().max())
        if best is None or off < best[0]:
            best = (off, heads, weights, rebuilt)
        if off <= _CLOSE * float(own.detach().abs().max()):
            break
    assert best is not None
    return best[1:]


def _refuse_dropout(block: nn.Module) -> None:
    rates = [getattr(getattr(block, name, None), "p", 0) for name in ("dropout", "dropout_aoa")]
    if block.training and any(rates):
        raise CaptureError(
            "want a model in evaluation mode, got one in training mode with dropout, whose weights are not softmax(QK): "
            "call model.eval() first"
        )


def _attach_multi_headed(block: nn.Module, listener: Listener) -> list[Any]:
    arguments = _arguments(block)

    def read(_module: nn.Module, args: Any, *rest: Any) -> Any:
        if len(rest) != 2 or not listener.listens():
            return None
        _refuse_dropout(block)
        call, output = arguments(args, rest[0]), rest[1]
        own = output if output.ndim == 3 else output[:, None]
        rows = listener.rows(own.shape[1])
        heads, weights, rebuilt = _find(block, call, own, rows)
        kind = "self" if call["key"] is call["query"] else "cross"
        names = ("query", "key", "value")
        parts = {n: p.detach() for n, p in zip(names, heads[:3], strict=True)} if listener.parts else {}
        reading = Reading(kind, weights.detach(), own[:, rows], rebuilt, parts=parts)
        whole = None
        if listener.gradients:
            reading.probe = differentiable(weights)
            whole = _through(block, reading.probe, heads.value, heads.plain)
            whole = whole if output.ndim == 3 else whole[:, 0]
        listener.keep(reading)
        return whole

    return attach_call_reader(block, read)


# --- additive attention: one head, scores from a tanh layer ---------------------------------------------------------


def _is_additive(block: nn.Module) -> bool:
    scores = getattr(block, "alpha_net", None)
    return isinstance(getattr(block, "h2att", None), nn.Linear) and isinstance(scores, nn.Linear) and scores.out_features == 1  # fmt: skip


def _attach_additive(block: Any, listener: Listener) -> list[Any]:
    signature = inspect.signature(type(block).forward)
    names = _names(block)[:4]

    def read(_module: nn.Module, args: Any, *rest: Any) -> Any:
        if len(rest) != 2 or not listener.listens():
            return None
        bound, output = signature.bind(block, *args, **rest[0]).arguments, rest[1]
        state, regions, projected = (bound[name] for name in names[:3])
        mask = bound.get(names[3]) if len(names) == 4 else None
        regions = regions.reshape(len(state), -1, regions.shape[-1])
        projected = projected.reshape(*regions.shape[:2], -1)
        weights = block.alpha_net(torch.tanh(projected + block.h2att(state)[:, None]))[..., 0].softmax(-1)
        if mask is not None:
            weights = weights * mask.reshape(weights.shape).to(weights)
            weights = weights / weights.sum(-1, keepdim=True)
        weights = weights[:, None, None]
        reading = Reading("cross", weights.detach(), output, (weights[:, 0] @ regions)[:, 0])
        whole = None
        if listener.gradients:
            reading.probe = differentiable(weights)
            whole = (reading.probe[:, 0] @ regions)[:, 0]
        listener.keep(reading)
        return whole

    return attach_call_reader(block, read)


register(Treatment("additive attention (h2att, alpha_net)", _is_additive, _attach_additive))
register(Treatment("multi-headed attention (linears, h, d_k)", _is_multi_headed, _attach_multi_headed))
