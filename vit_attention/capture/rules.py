"""Relevance as input x gradient: the rules of layer-wise relevance propagation, by which gradients of one thread's pass flow."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vit_attention.capture import few
from vit_attention.capture.fused import composite_arguments

_NEVER_ZERO = 1e-10
"""Added to what a factor is divided by, as its authors' package does; at 0 the factor is 0."""
_GATES = 8
"""Tanhs and sigmoids remembered at a time: the product that one gates comes at once."""


class Rules(TorchFunctionMode):
    """Lets gradients flow by the rules of AttnLRP, so that input x gradient is relevance; no value of the pass changes.

    Achtibat et al. 2024, arXiv:2402.05602: functions of single numbers keep their factor out / in constant (equation 9, the
    identity rule), a product of two tensors gives each half (equation 7, propositions 3.2 and 3.3), norms keep their standard
    deviation constant (proposition 3.4), a softmax has its own gradient (proposition 3.1), and linear layers theirs (equation 8),
    so that biases keep their share. No module and no function is changed; tensors of this pass carry the rules.

    Args:
        hold_softmax: hold the weights of attention constant, too, which is CP-LRP (Ali et al. 2022, arXiv:2202.07304).

    Attributes:
        plain: names of functions in the graph that no rule is for, which had their plain gradient.
    """

    def __init__(self, hold_softmax: bool = False) -> None:
        super().__init__()
        self.hold_softmax = hold_softmax
        self.plain: dict[str, None] = {}
        self._gates: OrderedDict[int, Tensor] = OrderedDict()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        rule = _RULES.get(getattr(func, "__name__", ""))
        if rule is None or not torch.is_grad_enabled():
            return func(*args, **(kwargs or {}))
        return rule(self, func, args, kwargs or {})

    def _element(self, func: Any, args: Any, kwargs: Any) -> Any:
        given, rest = (args[0], args[1:]) if args else (kwargs.pop("input"), ())
        if not _in_graph(given):
            return func(given, *rest, **kwargs)
        kwargs = {name: one for name, one in kwargs.items() if name != "inplace"}  # its input is needed afterwards
        return _element(given, partial(_called, func, rest, kwargs))

    def _gate(self, func: Any, args: Any, kwargs: Any) -> Any:
        return self._remember(self._element(func, args, kwargs))

    def _power(self, func: Any, args: Any, kwargs: Any) -> Any:
        root = len(args) > 1 and args[1] in (0.5, -0.5)
        return (self._held if root else self._element)(func, args, kwargs)

    def _sum(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What is added to a gate leaves it one, as in x (1 + tanh x) of GELU."""
        out = func(*args, **kwargs)
        graph = [one for one in args if _in_graph(one)]
        return self._remember(out) if len(graph) == 1 and id(graph[0]) in self._gates else out

    def _held(self, func: Any, args: Any, kwargs: Any) -> Any:
        with torch.no_grad():
            return func(*args, **kwargs)

    def _softmax(self, func: Any, args: Any, kwargs: Any) -> Any:
        # Not detached afterwards: capture knows the weights by the tensor that the softmax gave.
        return self._held(func, args, kwargs) if self.hold_softmax else func(*args, **kwargs)

    def _norm(self, func: Any, args: Any, kwargs: Any) -> Any:
        named = dict(zip(("input", "normalized_shape", "weight", "bias", "eps"), args, strict=False)) | kwargs
        if not _in_graph(named["input"]):
            return func(*args, **kwargs)
        axes = len(named["normalized_shape"])
        return _norm(named["input"], named.get("weight"), named.get("bias"), named.get("eps", 1e-5), axes)

    def _linear(self, func: Any, args: Any, kwargs: Any) -> Any:
        return few.linear(*args) if not kwargs and few.spared(args) else func(*args, **kwargs)

    def _product(self, func: Any, args: Any, kwargs: Any) -> Any:
        graph = [one for one in _flat((*args, *kwargs.values())) if _in_graph(one)]
        if len(graph) < 2:
            return self._sum(func, args, kwargs)
        gate = next((one for one in graph if id(one) in self._gates), None)
        if gate is None or isinstance(args[0], str):
            return _divided(func(*args, **kwargs), len(graph))
        return func(*(one.detach() if one is gate else one for one in args), **kwargs)

    def _quotient(self, func: Any, args: Any, kwargs: Any) -> Any:
        return (self._noted if len(args) > 1 and _in_graph(args[1]) else self._sum)(func, args, kwargs)

    def _noted(self, func: Any, args: Any, kwargs: Any) -> Any:
        if any(_in_graph(one) for one in args):
            self.plain[func.__name__.strip("_")] = None
        return func(*args, **kwargs)

    def _attention(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Two products around a softmax: queries x keys, then weights x values."""
        names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
        return func(**self._mixed(dict(zip(names, args, strict=False)) | kwargs))

    def _composite(self, func: Any, args: Any, kwargs: Any) -> Any:
        # Its projections are linear: what divides the gradient of what goes into them divides that of queries, keys and values.
        return func(**self._mixed(composite_arguments(args, kwargs)))

    def _mixed(self, given: dict[str, Any]) -> dict[str, Any]:
        """The inputs of an attention, with gradients divided as the uniform rule divides the relevance of its products."""
        query, key, value = given["query"], given["key"], given["value"]
        if self.hold_softmax:
            query, key = query.detach(), key.detach()
        scores = 2 if _in_graph(query) and _in_graph(key) else 1
        weights = 2 if _in_graph(value) and (_in_graph(query) or _in_graph(key)) else 1
        query, key = (_divided(one.view_as(one), scores * weights) for one in (query, key))
        return {**given, "query": query, "key": key, "value": _divided(value.view_as(value), weights)}

    def _remember(self, gate: Tensor) -> Tensor:
        if _in_graph(gate):
            self._gates[id(gate)] = gate  # holds the tensor, so that its number stays its own
            while len(self._gates) > _GATES:
                self._gates.popitem(last=False)
        return gate

    def __exit__(self, *error: Any) -> None:
        self._gates.clear()
        super().__exit__(*error)  # type: ignore[no-untyped-call]


_RULES: dict[str, Callable[[Rules, Any, Any, Any], Any]] = {
    **dict.fromkeys(("gelu", "silu", "relu", "leaky_relu", "elu", "mish", "hardswish", "softplus"), Rules._element),
    **dict.fromkeys(("tanh", "sigmoid", "erf"), Rules._gate),
    **dict.fromkeys(("pow", "__pow__"), Rules._power),
    **dict.fromkeys(("add", "__add__", "__radd__", "sub", "__sub__", "to"), Rules._sum),
    **dict.fromkeys(("rsqrt", "sqrt", "norm", "linalg_vector_norm", "var", "std", "var_mean", "std_mean"), Rules._held),
    "softmax": Rules._softmax,
    "linear": Rules._linear,
    **dict.fromkeys(("normalize", "rms_norm"), Rules._element),  # which divide a token by one number
    "layer_norm": Rules._norm,
    **dict.fromkeys(("matmul", "__matmul__", "__rmatmul__", "bmm", "baddbmm", "einsum"), Rules._product),
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "multiply"), Rules._product),
    **dict.fromkeys(("div", "__truediv__", "true_divide"), Rules._quotient),
    **dict.fromkeys(("exp", "log", "abs", "sin", "cos", "prod", "glu", "logsumexp", "log_softmax"), Rules._noted),
    **dict.fromkeys(("group_norm", "instance_norm", "local_response_norm", "logsigmoid"), Rules._noted),
    "scaled_dot_product_attention": Rules._attention,
    "multi_head_attention_forward": Rules._composite,
}


class _Element(torch.autograd.Function):
    """A function of single numbers, or of what is scaled as a whole, whose factor out / in is held constant."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        out = function(given)
        ctx.save_for_backward(out / (given + _NEVER_ZERO))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.saved_tensors[0], None


class _Norm(torch.autograd.Function):
    """Layer norm whose standard deviation is held constant: what is left is linear."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, axes: int) -> Tensor:
        out, _, scale = torch.native_layer_norm(given, list(given.shape[given.ndim - axes :]), weight, bias, eps)
        ctx.save_for_backward(scale, weight)
        ctx.axes = tuple(range(-axes, 0))
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scale, weight = ctx.saved_tensors
        through = (gradient if weight is None else gradient * weight) * scale
        return through - through.mean(ctx.axes, keepdim=True), None, None, None, None


_element: Callable[..., Any] = _Element.apply
_norm: Callable[..., Any] = _Norm.apply


def _called(func: Any, rest: Any, kwargs: Any, given: Tensor) -> Any:
    return func(given, *rest, **kwargs)


def _in_graph(one: Any) -> bool:
    """Whether relevance flows through a tensor; parameters have none, though they may not be frozen."""
    return isinstance(one, Tensor) and one.requires_grad and not isinstance(one, nn.Parameter)


def _divided(tensor: Tensor, by: int) -> Tensor:
    """The same tensor, whose gradient is divided; by a hook, so that it stays the tensor that capture knows."""
    if by > 1 and tensor.requires_grad:
        tensor.register_hook(lambda gradient: gradient / by)
    return tensor


def _flat(args: Any) -> Iterator[Any]:
    for one in args:
        yield from one if isinstance(one, (list, tuple)) else (one,)
