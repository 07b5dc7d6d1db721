"""Attention that a model computes by itself: a softmax whose result multiplies values.

The softmax is remembered until a product uses it; what lies between (dropout, casts, views, masks) is followed by name.
What becomes of it in other ways is followed too, as lost: if that meets values, the module attends and can't be read.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vit_attention.capture.fused import DROPOUT
from vit_attention.capture.layout import Layout
from vit_attention.capture.seen import CaptureError

SOFTMAX = {torch.softmax, torch.Tensor.softmax, F.softmax, torch.special.softmax}
LOG_SOFTMAX = {torch.log_softmax, torch.Tensor.log_softmax, F.log_softmax}
PRODUCT = {"matmul", "__matmul__", "__rmatmul__", "bmm", "einsum", "baddbmm", "tensordot"}
# Between softmax and product: what leaves every number as it is, and what may change numbers.
_SAME = {
    "to",
    "type",
    "type_as",
    "float",
    "double",
    "half",
    "bfloat16",
    "contiguous",
    "clone",
    "view",
    "reshape",
    "view_as",
    "unsqueeze",
    "squeeze",
    "flatten",
    "unflatten",
    "expand",
    "__getitem__",
    "transpose",
    "swapaxes",
    "permute",
    "__get__",
    "adjoint",
}
_CASTS = {"to", "type", "type_as", "float", "double", "half", "bfloat16"}
_CHANGED = {"dropout", "mul", "__mul__", "div", "__truediv__", "true_divide", "masked_fill", "where", "nan_to_num"}
# Where a softmax stops being one: what mixes it with other things, or counts it.
_ENDS = {
    "sum",
    "mean",
    "amax",
    "amin",
    "max",
    "min",
    "topk",
    "sort",
    "argmax",
    "argsort",
    "multinomial",
    "layer_norm",
    "norm",
    "group_norm",
    "embedding",
    "cross_entropy",
    "nll_loss",
    "log",
    "size",
    "dim",
    "__len__",
    "backward",
}
_WAITING = 16
"""Tensors remembered at a time; class scores and gates among them are never used up by a product."""
_ROWS = 1e-3


@dataclass(eq=False)
class Waiting:
    """A softmax, or what became of it, that no product has used yet.

    Attributes:
        tensor: the tensor that may multiply values.
        precise: the same in float32 or better.
        origin: the softmax that it came from.
        keys: which axis counts the keys; None if that is lost.
        over_last: whether the softmax ran over the last axis.
        changed: whether a function that may change numbers lies between.
        dropped: whether a dropout zeroed some.
    """

    tensor: Tensor
    precise: Tensor
    origin: Tensor
    keys: int | None
    over_last: bool = True
    changed: bool = False
    dropped: bool = False


@dataclass(eq=False)
class Product:
    """Weights that multiply values.

    Attributes:
        origin: the softmax that the weights came from.
        weights: (batch, heads, queries, keys), in the graph if there is one.
        precise: the same in float32 or better, detached.
        value: (batch, heads, keys, width).
        run: the model's own product; or the same with other weights, given in the form of `weights`.
        mix: `run`'s result as (batch, heads, queries, width).
        unmix: back from there.
    """

    origin: Tensor
    weights: Tensor
    precise: Tensor
    value: Tensor
    run: Callable[[Tensor | None], Tensor]
    mix: Callable[[Tensor], Tensor]
    unmix: Callable[[Tensor], Tensor]


class Softmaxes:
    """The softmaxes of one thread that wait for their values."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[int, Waiting] = OrderedDict()

    def softmax(self, func: Callable[..., Tensor], args: Any, kwargs: Any) -> Tensor:
        """The softmax itself, remembered; one in half precision is kept in float32 beside it."""
        out = func(*args, **kwargs)
        axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if out.ndim > 1 and out.is_floating_point() and isinstance(axis, int):
            given = kwargs.get("input", args[0] if args else None)
            with torch.no_grad():
                # Rounded sums of a half-precision softmax are off by up to 1e-2: the record's rows come from float32.
                precise = given.float().softmax(axis) if _is_half(out) and given is not None else out.detach()
            keys = axis % out.ndim if func in SOFTMAX else None
            if keys == out.ndim - 1 or out.shape[-1] > 1:  # else the taps of a filter (ConvBERT's)
                self._remember(Waiting(out, precise, out, keys, keys == out.ndim - 1))
        return out

    def follow(self, name: str, func: Callable[..., Any], args: Any, kwargs: Any, out: Any) -> None:
        """Note what a function made of a waiting softmax."""
        one = self.first(args, kwargs)
        if (
            one is None
            or not isinstance(out, Tensor)
            or out is one.tensor
            or name in _ENDS
            or not out.is_floating_point()
        ):
            return
        keys = _key_axis(name, one, one.keys, args, out) if one.keys is not None and name in _SAME | _CHANGED else None
        if keys is None:
            if _goes_on(name, one, out):
                self._remember(replace(one, tensor=out, keys=None))
            return
        dropped = one.dropped or (name == "dropout" and _drops(args, kwargs))
        changed = one.changed or name in _CHANGED
        precise = _precise(name, func, one, args, kwargs, out)
        self._remember(replace(one, tensor=out, precise=precise, keys=keys, changed=changed, dropped=dropped))

    def product(
        self, name: str, func: Callable[..., Tensor], args: Any, kwargs: Any, heads: int | None
    ) -> Product | None:
        """The product that uses a waiting softmax as weights of values; None if this is no such product.

        Args:
            name, func, args, kwargs: the function called.
            heads: the attending module's number of heads.
        """
        found = (_einsum if name == "einsum" else _matmul)(self.waiting, func, args, kwargs, heads)
        if found is not None:
            self._forget(found.origin)
        return found

    def unread(self, args: Any, kwargs: Any) -> bool:
        """Whether what is left of a softmax meets values in a product that can't be read; it is forgotten then."""
        one = self.first(args, kwargs)
        others = [a for a in _flat((*args, *kwargs.values())) if isinstance(a, Tensor) and id(a) not in self.waiting]
        if one is None or not any(a.ndim > 1 and not isinstance(a, nn.Parameter) for a in others):
            return False
        self._forget(one.origin)
        return True

    def first(self, args: Any, kwargs: Any) -> Waiting | None:
        """The first of the arguments, or of a list among them, that waits."""
        return next((self.waiting[id(a)] for a in _flat((*args, *kwargs.values())) if id(a) in self.waiting), None)

    def _remember(self, one: Waiting) -> None:
        self.waiting[id(one.tensor)] = one  # holds the tensor, so that its number stays its own
        while len(self.waiting) > _WAITING:
            self.waiting.popitem(last=False)

    def _forget(self, origin: Tensor) -> None:
        for number in [n for n, other in self.waiting.items() if other.origin is origin]:
            del self.waiting[number]


def _flat(args: Any) -> Iterator[Any]:
    for one in args:
        if isinstance(one, (list, tuple)):
            yield from one
        else:
            yield one


def _is_half(tensor: Tensor) -> bool:
    return tensor.dtype in (torch.float16, torch.bfloat16)


def _drops(args: Any, kwargs: Any) -> bool:
    """Whether a call of `dropout` leaves anything out."""
    share = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
    training = kwargs.get("training", kwargs.get("train", args[2] if len(args) > 2 else True))
    return bool(training) and share > 0


def _goes_on(name: str, one: Waiting, out: Tensor) -> bool:
    """Whether a function's result still is what a softmax became: not a layer's output, nor what it was the gate of."""
    if name == "linear" or name.startswith("conv"):
        return out.ndim > 3 and out.numel() == one.tensor.numel()  # heads mixed with heads
    return name not in ("mul", "__mul__", "__rmul__") or out.numel() <= one.tensor.numel()


def _precise(name: str, func: Callable[..., Any], one: Waiting, args: Any, kwargs: Any, out: Tensor) -> Tensor:
    """`out` in float32 or better: the same function on the precise numbers where the model's own are rounded."""
    if not _is_half(out) and one.precise.dtype == out.dtype:
        return out.detach()
    if name in _CASTS:
        return one.precise
    with torch.no_grad():
        return func(*(one.precise if a is one.tensor else a for a in args), **kwargs).float()  # type: ignore[no-any-return]


def _key_axis(name: str, one: Waiting, keys: int, args: Any, out: Tensor) -> int | None:
    """Which axis counts the keys after a function, before which axis `keys` did; None where that is lost."""
    last, size = keys == one.tensor.ndim - 1, one.tensor.shape[keys]
    if name in ("transpose", "swapaxes", "permute", "__get__", "adjoint") and not one.over_last:
        return None  # linear attention: keys softened over the tokens, then turned, are no map of tokens
    if name in ("transpose", "swapaxes"):
        axes = [int(a) % out.ndim for a in args[1:3]]
        return {axes[0]: axes[1], axes[1]: axes[0]}.get(keys, keys) if len(axes) == 2 else None
    if name == "permute":
        order = args[1] if isinstance(args[1], (list, tuple)) else args[1:]
        return [int(a) % out.ndim for a in order].index(keys)
    if name in ("__get__", "adjoint"):  # .mT and .T; other attributes are no tensors of this shape
        swapped = out.ndim == one.tensor.ndim > 1 and out.shape == one.tensor.mT.shape
        return {out.ndim - 1: out.ndim - 2, out.ndim - 2: out.ndim - 1}.get(keys, keys) if swapped else None
    if name == "__getitem__":
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        if not all(part is None or part == slice(None) for part in index):
            return None
    if out.shape == one.tensor.shape:
        return keys
    return out.ndim - 1 if name in _SAME and last and out.ndim and out.shape[-1] == size else None


def _settled(one: Waiting, precise: Tensor) -> Tensor | None:
    """(batch, heads, queries, keys) numbers that multiply values; None if their rows do not sum to 1."""
    if one.dropped:
        raise CaptureError(DROPOUT)
    if one.changed:
        off = (precise.sum(-1) - 1).abs()
        if not bool((off[off.isfinite()] < _ROWS).all()):
            return None
    return precise


def _matmul(
    waiting: OrderedDict[int, Waiting], func: Callable[..., Tensor], args: Any, kwargs: Any, heads: int | None
) -> Product | None:
    given = (*args, *(kwargs[name] for name in ("input", "other", "mat2") if name in kwargs))
    if len(given) != 2 or len(args) + len(kwargs) != 2 or not all(isinstance(a, Tensor) for a in given):
        return None
    left, right = (waiting.get(id(a)) for a in given)
    if left is not None and left.keys == left.tensor.ndim - 1:
        one, value, flip = left, given[1], False
    elif right is not None and right.keys == right.tensor.ndim - 2:
        one, value, flip = right, given[0].mT, True
    else:
        return None
    rows, precise = (t.mT if flip else t for t in (one.tensor, one.precise))
    plain = (
        value.ndim > 1 and not isinstance(given[0 if flip else 1], nn.Parameter) and (value.ndim > 2 or rows.ndim == 2)
    )
    if not plain or rows.shape[-1] != value.shape[-2]:
        return None
    layout = Layout(rows.shape[:-2], _heads(one, rows, heads))
    settled = _settled(one, layout.fold(precise))
    if settled is None:
        return None
    # Not by `torch.broadcast_shapes`, which imports sympy: half a second and 29 MB.
    lead, other = rows.shape[:-2], value.shape[:-2]
    if len(other) > len(lead) or any(n not in (1, m) for m, n in zip(lead[::-1], other[::-1], strict=False)):
        return None  # one map for several values

    def run(used: Tensor | None) -> Tensor:
        if used is None:
            return func(*args, **kwargs)
        own = layout.unfold(used)
        return torch.matmul(given[0], own.mT) if flip else torch.matmul(own, given[1])

    def mix(out: Tensor) -> Tensor:
        return layout.fold(out.mT if flip else out)

    def unmix(mixed: Tensor) -> Tensor:
        out = layout.unfold(mixed)
        return out.mT if flip else out

    wide = layout.fold(value.expand(*lead, *value.shape[-2:]))
    return Product(one.origin, layout.fold(rows), settled, wide, run, mix, unmix)


def _heads(one: Waiting, rows: Tensor, heads: int | None) -> int | None:
    """How many heads a leading axis holds: as many as the softmax had on an axis of its own, else as the module says."""
    if one.origin.ndim == 4 and rows.ndim == 3 and one.origin.numel() == rows.numel():
        return int(one.origin.shape[1])
    return heads


def _einsum(
    waiting: OrderedDict[int, Waiting], func: Callable[..., Tensor], args: Any, kwargs: Any, heads: int | None
) -> Product | None:
    """A product in Einstein's notation: the letter summed over is the keys', one of both operands is batch or heads."""
    operands = list(args[1]) if len(args) == 2 and isinstance(args[1], (list, tuple)) else list(args[1:])
    if kwargs or len(operands) != 2 or not isinstance(args[0], str) or "->" not in args[0]:
        return None
    letters, result = _spelled(args[0], operands)
    at = next((n for n, a in enumerate(operands) if id(a) in waiting), None)
    if at is None or len(letters) != 2:
        return None
    one, mine, other = waiting[id(operands[at])], letters[at], letters[1 - at]
    if one.keys is None or not one.over_last or len(mine) != one.tensor.ndim or len(other) != operands[1 - at].ndim:
        return None
    key = mine[one.keys]
    lead = [c for c in mine if c in other and c in result]
    queries = [c for c in mine if c not in other and c in result]
    width = [c for c in other if c not in mine and c in result]
    if key not in other or key in result or len(queries) > 1 or len(width) != 1:
        return None
    axes = "".join([*lead, *queries, key])

    def lined(tensor: Tensor) -> Tensor:
        found = torch.einsum(f"{mine}->{axes}", tensor)
        return found if queries else found.unsqueeze(-2)

    rows = lined(one.tensor)
    layout = Layout(rows.shape[:-2], heads)
    settled = _settled(one, layout.fold(lined(one.precise)))
    if settled is None:
        return None

    def run(used: Tensor | None) -> Tensor:
        if used is None:
            return func(*args)
        flat = layout.unfold(used) if queries else layout.unfold(used).squeeze(-2)
        own = torch.einsum(f"{axes}->{mine}", flat)
        return func(args[0], *(own if n == at else a for n, a in enumerate(operands)))

    def mix(out: Tensor) -> Tensor:
        found = torch.einsum(f"{result}->{''.join([*lead, *queries, *width])}", out)
        return layout.fold(found if queries else found.unsqueeze(-2))

    def unmix(mixed: Tensor) -> Tensor:
        out = layout.unfold(mixed)
        return torch.einsum(f"{''.join([*lead, *queries, *width])}->{result}", out if queries else out.squeeze(-2))

    value = torch.einsum(f"{other}->{''.join([*lead, key, *width])}", operands[1 - at])
    return Product(one.origin, layout.fold(rows), settled, layout.fold(value), run, mix, unmix)


def _spelled(equation: str, operands: list[Tensor]) -> tuple[list[str], str]:
    """The letters of both operands and of the result, an ellipsis written out."""
    inputs, result = equation.replace(" ", "").split("->")
    letters = inputs.split(",")
    if "..." in equation:
        free = [chr(n) for n in range(ord("A"), ord("Z") + 1) if chr(n) not in equation]
        counts = [t.ndim - len(part.replace("...", "")) for t, part in zip(operands, letters, strict=False)]
        count = max((n for n, part in zip(counts, letters, strict=False) if "..." in part), default=0)
        letters = [
            part.replace("...", "".join(free[count - n : count])) for n, part in zip(counts, letters, strict=False)
        ]
        result = result.replace("...", "".join(free[:count]))
    return letters, result
