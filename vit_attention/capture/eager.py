"""Attention that a model computes by itself: a softmax whose result multiplies values.

The softmax is remembered until a product uses it; what lies between (dropout, casts, views, masks) is followed by name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vit_attention.capture.fused import DROPOUT, folder
from vit_attention.capture.seen import CaptureError

SOFTMAX = {torch.softmax, torch.Tensor.softmax, F.softmax, torch.special.softmax}
PRODUCT = {"matmul", "__matmul__", "bmm", "einsum"}
# Between softmax and product: what leaves every number in its order, and what may change numbers or order.
SAME = {"to", "type", "type_as", "float", "double", "half", "bfloat16", "contiguous", "clone", "view", "reshape", "view_as",
        "unsqueeze", "squeeze", "flatten", "unflatten", "expand", "__getitem__"}  # fmt: skip
CHANGED = {"transpose", "swapaxes", "permute", "__get__", "adjoint", "dropout", "mul", "__mul__", "div", "__truediv__", "true_divide", "masked_fill", "where",
           "nan_to_num"}  # fmt: skip
_WAITING = 8
"""Softmaxes remembered at a time; class scores and gates among them are never used up by a product."""
_ROWS = {torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""How far a row's sum may lie from 1 by its precision; 1e-3 for others."""


@dataclass(eq=False)
class Waiting:
    """A softmax, or what became of it, that no product has used yet.

    Attributes:
        tensor: the tensor that may multiply values.
        precise: the softmax's result in float32 or better.
        keys: which axis of `tensor` counts the keys.
        changed: whether a function that may change numbers lies between.
        dropped: whether a dropout zeroed some.
    """

    tensor: Tensor
    precise: Tensor
    keys: int
    changed: bool = False
    dropped: bool = False


@dataclass(eq=False)
class Product:
    """Weights that multiply values.

    Attributes:
        weights: (batch, heads, queries, keys), in the graph if there is one.
        precise: the same in float32 or better, detached.
        value: (batch, heads, keys, width), broadcastable.
        run: the model's own product; or the same with other weights, given in the form of `weights`.
        mix: `run`'s result as (batch, heads, queries, width).
    """

    weights: Tensor
    precise: Tensor
    value: Tensor
    run: Callable[[Tensor | None], Tensor]
    mix: Callable[[Tensor], Tensor]


class Softmaxes:
    """The softmaxes of one thread that wait for their values."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, Waiting] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def softmax(self, func: Callable[..., Tensor], args: Any, kwargs: Any) -> Tensor:
        """The softmax itself; one over the last axis is remembered."""
        out: Tensor = func(*args, **kwargs)
        axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if axis in (-1, out.ndim - 1) and out.ndim > 1 and out.is_floating_point():
            given = kwargs.get("input", args[0] if args else None)
            with torch.no_grad():
                # Rounded sums of a half-precision softmax are off by up to 1e-2: the record's rows come from float32.
                rounded = out.dtype in (torch.float16, torch.bfloat16)
                precise = given.float().softmax(-1) if rounded and given is not None else out.detach()
            self._remember(Waiting(out, precise, out.ndim - 1))
        return out

    def _remember(self, one: Waiting) -> None:
        self._waiting[id(one.tensor)] = one  # holds the tensor, so that its number stays its own
        while len(self._waiting) > _WAITING:
            self._waiting.popitem(last=False)

    def follow(self, name: str, args: Any, kwargs: Any, out: Any) -> None:
        """Note what a function made of a waiting softmax."""
        one = next((found for a in args if (found := self._waiting.get(id(a))) is not None), None)
        if one is None or not isinstance(out, Tensor) or out is one.tensor:
            return
        keys = _key_axis(name, one, args, out)
        if keys is not None:
            dropped = one.dropped or (name == "dropout" and _drops(args, kwargs))
            self._remember(replace(one, tensor=out, keys=keys, changed=one.changed or name in CHANGED, dropped=dropped))

    def product(
        self, name: str, func: Callable[..., Tensor], args: Any, kwargs: Any, heads: int | None
    ) -> Product | None:
        """The product that uses a waiting softmax as weights of values; None if this is no such product.

        Args:
            name, func, args, kwargs: the function called.
            heads: the attending module's number of heads, to split a leading axis that holds batch and heads.
        """
        if name == "einsum":
            found = _einsum(self._waiting, func, args, heads)
        else:
            found = _matmul(self._waiting, func, args, kwargs, heads)
        if found is None:
            return None
        one, product = found
        for number in [n for n, other in self._waiting.items() if other.precise is one.precise]:
            del self._waiting[number]
        return product

    def used_by(self, args: Any) -> bool:
        """Whether one of `args`, or of a list among them, waits."""
        flat = (b for a in args for b in (a if isinstance(a, (list, tuple)) else (a,)))
        return any(id(a) in self._waiting for a in flat)

    def clear(self) -> None:
        """Forget them all."""
        self._waiting.clear()


def _drops(args: Any, kwargs: Any) -> bool:
    """Whether a call of `dropout` leaves anything out."""
    share = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    training = kwargs.get("training", kwargs.get("train", args[2] if len(args) > 2 else True))
    return bool(training) and share > 0


def _key_axis(name: str, one: Waiting, args: Any, out: Tensor) -> int | None:
    """Which axis counts the keys after a function; None where that can't be told."""
    last, size = one.keys == one.tensor.ndim - 1, one.tensor.shape[one.keys]
    if name in ("transpose", "swapaxes"):
        axes = [int(a) % out.ndim for a in args[1:3]]
        return {axes[0]: axes[1], axes[1]: axes[0]}.get(one.keys, one.keys) if len(axes) == 2 else None
    if name == "permute":
        order = args[1] if isinstance(args[1], (list, tuple)) else args[1:]
        return [int(a) % out.ndim for a in order].index(one.keys)
    if name in ("__get__", "adjoint"):  # .mT and .T; other attributes are no tensors of this shape
        swapped = out.ndim == one.tensor.ndim > 1 and out.shape == one.tensor.mT.shape
        return {out.ndim - 1: out.ndim - 2, out.ndim - 2: out.ndim - 1}.get(one.keys) if swapped else None
    if name == "__getitem__" and not all(part is None or part == slice(None) for part in _tuple(args[1])):
        return None
    if name in CHANGED and out.shape != one.tensor.shape:
        return None
    return out.ndim - 1 if last and out.ndim and out.shape[-1] == size else None


def _tuple(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _settled(one: Waiting, weights: Tensor) -> Tensor | None:
    """`weights` (batch, heads, queries, keys) in float32 or better; None if their rows do not sum to 1."""
    if one.dropped:
        raise CaptureError(DROPOUT)
    if not one.changed and one.precise.numel() == weights.numel() and one.keys == one.tensor.ndim - 1:
        return one.precise.reshape(weights.shape)
    precise = weights.detach().to(torch.promote_types(weights.dtype, torch.float32))
    off = (precise.sum(-1) - 1).abs()
    return precise if bool((off[off.isfinite()] < _ROWS.get(weights.dtype, 1e-3)).all()) else None


def _matmul(
    waiting: OrderedDict[int, Waiting], func: Callable[..., Tensor], args: Any, kwargs: Any, heads: int | None
) -> tuple[Waiting, Product] | None:
    if kwargs or len(args) != 2 or not all(isinstance(a, Tensor) for a in args):
        return None
    left, right = (waiting.get(id(a)) for a in args)
    if left is not None and left.keys == left.tensor.ndim - 1 and args[1].ndim > 2:
        one, value, flip = left, args[1], False
    elif right is not None and right.keys == right.tensor.ndim - 2 and args[0].ndim > 2:
        one, value, flip = right, args[0].mT, True
    else:
        return None
    given = one.tensor.mT if flip else one.tensor
    if given.ndim < 3 or given.shape[-1] != value.shape[-2]:
        return None
    fold = folder(given.shape[:-2], _heads(one, given, heads))
    weights = fold(given)
    precise = _settled(one, weights)
    if precise is None:
        return None

    def run(used: Tensor | None) -> Tensor:
        if used is None:
            return func(*args)
        own = used.reshape(given.shape)
        return func(args[0], own.mT) if flip else func(own, args[1])

    def mix(out: Tensor) -> Tensor:
        return fold((out.mT if flip else out).expand(*given.shape[:-2], *(out.mT if flip else out).shape[-2:]))

    spread = value.expand(*torch.broadcast_shapes(given.shape[:-2], value.shape[:-2]), *value.shape[-2:])
    return one, Product(weights, precise, fold(spread), run, mix)


def _heads(one: Waiting, given: Tensor, heads: int | None) -> int | None:
    """How many heads a leading axis holds: as many as the softmax had on its own axis, else as the module says."""
    if one.precise.ndim == 4 and given.ndim == 3 and one.precise.numel() == given.numel():
        return one.precise.shape[1]
    return heads


def _einsum(
    waiting: OrderedDict[int, Waiting], func: Callable[..., Tensor], args: Any, heads: int | None
) -> tuple[Waiting, Product] | None:
    """A product in Einstein's notation: letters of both operands and the result are batch and heads, in that order."""
    operands = list(args[1]) if len(args) == 2 and isinstance(args[1], (list, tuple)) else list(args[1:])
    if len(operands) != 2 or not isinstance(args[0], str) or "." in args[0] or "->" not in args[0]:
        return None
    inputs, result = args[0].replace(" ", "").split("->")
    letters = inputs.split(",")
    at = next((n for n, a in enumerate(operands) if id(a) in waiting), None)
    if at is None or len(letters) != 2:
        return None
    one, mine, other = waiting[id(operands[at])], letters[at], letters[1 - at]
    key = mine[one.keys]
    lead = [c for c in mine if c in other and c in result]
    queries = [c for c in mine if c not in other and c in result]
    width = [c for c in other if c not in mine and c in result]
    if key not in other or key in result or len(lead) > 2 or len(queries) > 1 or len(width) != 1:
        return None
    axes = "".join([*lead, *queries, key])
    lined = torch.einsum(f"{mine}->{axes}", one.tensor)
    lined = lined if queries else lined.unsqueeze(-2)
    fold = folder(lined.shape[:-2], heads)
    weights = fold(lined)
    precise = _settled(replace(one, changed=True), weights)  # axes may have moved
    if precise is None:
        return None
    value = fold(torch.einsum(f"{other}->{''.join([*lead, key, *width])}", operands[1 - at]))

    def run(used: Tensor | None) -> Tensor:
        if used is None:
            return func(*args)
        flat = used.reshape(lined.shape) if queries else used.reshape(lined.shape).squeeze(-2)
        own = torch.einsum(f"{axes}->{mine}", flat)
        return func(args[0], *(own if n == at else a for n, a in enumerate(operands)))

    def mix(out: Tensor) -> Tensor:
        found = torch.einsum(f"{result}->{''.join([*lead, *queries, *width])}", out)
        return fold(found if queries else found.unsqueeze(-2))

    return one, Product(weights, precise, value, run, mix)
