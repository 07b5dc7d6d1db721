"""The one listener on PyTorch: a thread's calls of attention functions, while a capture is open in that thread."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vit_attention.capture import eager, fused, native
from vit_attention.capture.editing import Edit, Editor, OfBlock, of_block
from vit_attention.capture.graphs import refuse_graphs
from vit_attention.capture.hooks import attached, registered
from vit_attention.capture.place import Call, Network, heads_of
from vit_attention.capture.recorder import Recorder
from vit_attention.capture.seen import CaptureError, Evidence, Heard, Request, differentiable

_PARAMETER, _is_compiling = nn.Parameter, torch.compiler.is_compiling
_open = threading.local()  # .listeners: this thread's open listeners, the latest last


@contextmanager
def capture(module: nn.Module, request: Request | None = None, **wanted: Any) -> Iterator[Heard]:
    """Collect the attention weights of every block of `module` that runs while the `with` is open.

    Captures the functions through which PyTorch computes attention, whichever library calls them:
    `torch.nn.functional.scaled_dot_product_attention`, `torch.nn.MultiheadAttention`, and a softmax whose result
    multiplies values. Other kinds are added with `register_kind`. Only calls of this thread are captured, so
    many threads may capture one shared model at the same time; no module and no setting of PyTorch is changed.

    Args:
        module: any torch module.
        request: what to keep; or its fields as keywords: ``capture(model, layers=[11], half=True)``.

    Yields:
        A list that gains one `Seen` per block, in forward order: ``.name``, ``.layer``, ``.weights`` (batch, heads,
        queries, keys), ``.residual``. After the ``with`` block, its ``.notes`` list what was not captured.

    Raises:
        CaptureError: the module is a compiled, scripted or exported graph; it ran without any recognised attention; or
            the weights do not reproduce what PyTorch computed.
        ValueError: a number in the request that is out of range.
    """
    refuse_graphs(module)
    recorder = Recorder(Network(module, registered), request or Request(**wanted))
    with attached(recorder, lambda: recorder in _recorders()), _opened(_Listener(recorder)):
        yield recorder.heard
    recorder.close()


@contextmanager
def editing(module: nn.Module, edit: Edit) -> Iterator[None]:
    """Change the attention of `module` while the `with` is open, in this thread's passes alone.

    Neither the module nor a setting of PyTorch is touched. A capture that is open around it hears the changed weights; its
    proof is of those that PyTorch computed before they were changed.

    Args:
        module: any torch module.
        edit: which blocks, and what becomes of them.

    Raises:
        CaptureError: a block did not run, or attends in a way that can't be changed.
    """
    refuse_graphs(module)
    editor = Editor(module, registered, edit)
    with _opened(_Listener(editor)):
        yield
    editor.close()


@contextmanager
def _opened(listener: "_Listener") -> Iterator[None]:
    outer = getattr(_open, "listeners", ())
    _open.listeners = (*outer, listener)
    try:
        with listener:
            yield
    finally:
        _open.listeners = outer
        listener.softmaxes.waiting.clear()


def _recorders() -> list[Recorder]:
    """The recorders of all captures that are open in this thread."""
    return [one.recorder for one in getattr(_open, "listeners", ())]


class _Listener(TorchFunctionMode):
    """Hears this thread's calls of PyTorch; the latest of several speaks for all."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder
        self.softmaxes = eager.Softmaxes()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # This runs some 400 times in a forward pass of ViT-B/16: what most calls need comes first.
        kwargs = kwargs or {}
        for one in args:
            if type(one) is _PARAMETER:
                self.recorder.used[id(one)] = self.recorder.count
        door = _DOORS.get(func) or (_Listener._follow if self.softmaxes.waiting else None)
        # Where another capture was opened inside this one, that one speaks; what is traced now will run unheard.
        if door is None or getattr(_open, "listeners", (self,))[-1] is not self or _is_compiling():
            return func(*args, **kwargs)
        if door is _Listener._follow and self.softmaxes.first(args, kwargs) is None:
            return func(*args, **kwargs)
        with torch._C.DisableTorchFunction():  # what a door computes is not to be heard by an outer listener
            return door(self, func, args, kwargs)

    def _fused(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        who = _who()
        return _attend(who, args, kwargs, partly=True)[0] if who else func(*args, **kwargs)

    def _composite(self, func: Any, args: Any, kwargs: Any) -> Any:
        who, weights = _who(), None
        if not who:
            return func(*args, **kwargs)
        given = fused.composite_arguments(args, kwargs)
        wanted = any(recorder.wants(call.name) for recorder, call in who)
        more = any(recorder.request.gradients or recorder.request.parts for recorder, _ in who) or of_block(who)
        if wanted and not more and native.fits(given):
            out, weights = _attend_natively(who, given)
        else:

            def attention(*inner: Any, **named: Any) -> Tensor:
                nonlocal weights
                found, weights = _attend(who, inner, named)
                return found

            out = fused.inside_composite(attention, given)
        if not given["need_weights"]:
            return out, None
        # Where the caller asks for weights, PyTorch gives NaN for a row without keys, and nothing otherwise.
        if weights is None or bool(weights.isnan().any()):
            return func(*args, **kwargs)
        shown = weights.to(out.dtype)
        shown = shown.mean(1) if given["average_attn_weights"] else shown
        return out, shown if out.ndim == 3 else shown[0]

    def _softmax(self, func: Any, args: Any, kwargs: Any) -> Tensor:
        return self.softmaxes.softmax(func, args, kwargs)

    def _follow(self, func: Any, args: Any, kwargs: Any) -> Any:
        name = getattr(func, "__name__", "")
        if name in eager.PRODUCT and (who := _who()):
            product = self.softmaxes.product(name, func, args, kwargs, heads_of(who[0][1].module))
            if product is not None:
                return _multiply(who, product)
            if self.softmaxes.unread(args, kwargs):
                for recorder, call in who:
                    recorder.lose(call, "a softmax that is changed before it multiplies values")
        out = func(*args, **kwargs)
        if name not in eager.PRODUCT:
            self.softmaxes.follow(name, func, args, kwargs, out)
        return out

    def _nested(self, func: Any, args: Any, kwargs: Any) -> Any:
        out = func(*args, **kwargs)
        who = _who()
        graph = torch.is_grad_enabled() and any(p.requires_grad for r, _ in who for p in r.network.root.parameters())
        if out and who and not graph and not torch.is_autocast_enabled():
            raise CaptureError(fused.NESTED)
        return out


_DOORS: dict[Any, Callable[..., Any]] = {
    F.scaled_dot_product_attention: _Listener._fused,
    F.multi_head_attention_forward: _Listener._composite,
    torch.ops.aten.scaled_dot_product_attention: _Listener._fused,
    torch.ops.aten.scaled_dot_product_attention.default: _Listener._fused,
    torch._nested_tensor_from_mask_left_aligned: _Listener._nested,
    **dict.fromkeys(eager.SOFTMAX | eager.LOG_SOFTMAX, _Listener._softmax),
}
Who = list[tuple[Recorder, Call]]


def _who() -> Who:
    """Every open capture that the attending module belongs to, where no registered kind speaks for the module."""
    if torch._C._current_graph_task_id() != -1:
        return []  # a backward pass: gradient checkpointing runs blocks again, which are no other layers
    found = [(recorder, call) for recorder in _recorders() if (call := recorder.network.who()) is not None]
    return [(recorder, call) for recorder, call in found if not recorder.network.is_spoken_for(call.name)]


def _attend(who: Who, args: Any, kwargs: Any, partly: bool = False) -> tuple[Tensor, Tensor | None]:
    """The fused function's result, and its (batch, heads, queries, keys) weights; None if nobody wants them.

    With `partly`, the weights may be the part of them that the only listener keeps.
    """
    if not any(recorder.wants(call.name) for recorder, call in who):
        for recorder, call in who:
            recorder.names.add(call.name)
        return F.scaled_dot_product_attention(*args, **kwargs), None
    given = fused.asked(heads_of(who[0][1].module), *args, **kwargs)
    request = who[0][0].asks(who[0][1]) if partly and len(who) == 1 else None
    out, found = _computed(given, [recorder.request for recorder, _ in who], request, of_block(who), args, kwargs)
    with fused.exactly(given.query):
        _keep(who, found)
    return out, found.weights


def _keep(who: Who, found: Evidence) -> None:
    with torch.no_grad():
        for recorder, call in who:
            recorder.keep(call, found)


def _attend_natively(who: Who, given: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
    """The composite's result, (tokens, batch, width), and its weights; on the native fast path."""
    out, weights = native.attend(given)
    _keep(who, Evidence(weights, lambda rows: (out[:, rows], native.rebuilt(given, weights[:, :, rows]))))
    return out.transpose(0, 1), weights


def _computed(
    given: fused.Asked, asked: Sequence[Request], request: Request | None, edit: OfBlock | None, args: Any, kwargs: Any
) -> tuple[Tensor, Evidence]:
    """What the model goes on with, weights x values in the shape of the fused function's result; and the attention."""
    gradients = any(one.gradients for one in asked)
    if gradients or edit or any(one.in_graph for one in asked) or not (torch.is_grad_enabled() and given.in_graph):
        out, found = fused.attend(given, gradients, request, edit)
        return given.layout.unfold(out), found
    # Training: gradient checkpointing wants the very tensors saved that it will see again, so PyTorch's own kernel runs.
    with torch.no_grad():
        found = fused.attend(given, request=request)[1]
    return F.scaled_dot_product_attention(*args, **kwargs), found


def _multiply(who: Who, product: eager.Product) -> Tensor:
    """The model's own product of weights and values, or that of changed ones."""
    edit = of_block(who)
    own = product.weights if edit is None else edit.weights(product.weights)
    gradients = any(recorder.request.gradients for recorder, _ in who)
    probe = differentiable(own) if gradients else None
    out = product.run(probe if edit is None else own)
    plain = out if edit is None else product.run(None)
    if edit is not None:
        out = product.unmix(edit.mixed(product.mix(out)))

    def proof(rows: Tensor) -> tuple[Tensor, Tensor]:
        mixed = product.mix(plain)[:, :, rows]
        return mixed, fused.mixed_by_kernel(product.precise[:, :, rows], product.value)

    mixed, parts = None if probe is None else out, {"value": product.value}
    precise = product.precise if edit is None else edit.weights(product.precise)
    _keep(who, Evidence(precise, proof, probe, parts, mixed=mixed, lined=product.mix))
    return out
