"""Who is attending: the module on the call stack, its name and number in the network, and the kind of attention."""

import inspect
import math
import re
import sys
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

# What classes of attention modules are called; used to number them and to miss them, never to hear them. A gate is called
# "attention on attention"; what is called after its attention (its output, its mask) is a part of one.
_ATTENTION = re.compile(
    r"(?<!AttentionOn)(?:Attention|Attn)(?!On)(?!\w*(?:Output|Projection|Proj|Mask|Norm|Dropout|Gate|Bias|Config|Pruner|Adapter)$)"
    r"|^(?:\w*MHSA|GPSA|SHSA|XCA|MLA|EMHA|Aggregat\w+Attention)$"
)
# Inputs that say where tokens lie or which may look, but are not looked at.
_NO_SOURCE = re.compile(r"pos|mask|bias|emb|object_quer|cos|sin|past|cache|score|reference|spatial|hidden_size")
_HEADS = ("num_attention_heads", "num_heads", "n_heads", "n_head", "nhead", "heads", "num_head", "h")
_signature = lru_cache(maxsize=256)(inspect.signature)
_CALLS = {f.__code__ for f in (nn.Module._wrapped_call_impl, nn.Module._call_impl)}


@dataclass(frozen=True, eq=False)
class Call:
    """One running call of a module.

    Attributes:
        name: the module's path inside the captured module.
        module: the module.
        frame: the outermost frame of the call; None if it is not known.
    """

    name: str
    module: nn.Module
    frame: FrameType | None

    def arguments(self) -> dict[str, Any]:
        """The call's inputs by name, as they were given."""
        if self.frame is None:
            return {}
        here = self.frame.f_locals
        if self.frame.f_code in _CALLS:
            forward = self.module.forward
            plain = getattr(forward, "__func__", None)
            # A method's signature is looked up once for each class; its first argument is the module.
            signature = inspect.signature(forward) if plain is None else _signature(plain)
            given = here["args"] if plain is None else (self.module, *here["args"])
            try:
                return signature.bind(*given, **here["kwargs"]).arguments
            except TypeError:  # the call itself will fail, or a wrapper changes its inputs
                return {}
        code = self.frame.f_code
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        return {name: here[name] for name in names if name in here}


@cache
def _is_called_attention(kind: str) -> bool:
    return _ATTENTION.search(kind) is not None


class Network:
    """The captured module's parts by identity, and the numbers of its attention blocks in the network's own order."""

    def __init__(self, module: nn.Module, is_known: Callable[[nn.Module], object]) -> None:
        self.root = module
        self.parts: dict[str, nn.Module] = dict(module.named_modules())
        self.names = {id(part): name for name, part in self.parts.items()}
        self._registered = {name for name, part in self.parts.items() if is_known(part)}
        self.blocks = self._blocks()
        self._numbers = {name: number for number, name in enumerate(self.blocks)}

    def _blocks(self) -> list[str]:
        """Paths of the innermost modules called attention, in registration order, and of all of a registered kind.

        A module without parameters is a part of the attention around it (deformable attention's sampler, for one).
        """
        called = [
            name
            for name, part in self.parts.items()
            if name in self._registered
            or (_is_called_attention(type(part).__name__) and next(part.parameters(), None) is not None)
        ]
        held = {ancestor for name in called for ancestor in ancestors(name)}
        return [n for n in called if n in self._registered or (n not in held and not self.is_spoken_for(n))]

    def number(self, name: str) -> int:
        """The block's number; blocks that are not called attention are counted behind the others as they come."""
        if name not in self._numbers:
            above = {name, *ancestors(name)}
            related = (n for n, block in enumerate(self.blocks) if block in above or name in ancestors(block))
            self._numbers[name] = next(related, len(self.blocks))
            if self._numbers[name] == len(self.blocks):
                self.blocks.append(name)
        return self._numbers[name]

    def who(self) -> Call | None:
        """The innermost call of one of the network's modules on this thread's stack; None if it is somebody else's."""
        found: tuple[nn.Module, FrameType] | None = None
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            code = frame.f_code
            # A method's first argument is what it belongs to, whatever it is called.
            first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            if isinstance(first, nn.Module) and id(first) in self.names:
                if found is not None and first is not found[0]:
                    break
                found = first, frame
                if code is nn.Module._wrapped_call_impl.__code__:
                    break
            frame = frame.f_back
        return None if found is None else Call(self.names[id(found[0])], *found)

    def is_spoken_for(self, name: str) -> bool:
        """Whether the module at this path, or one around it, is of a registered kind."""
        return name in self._registered or not self._registered.isdisjoint(ancestors(name))

    def parameters(self, call: Call) -> list[nn.Parameter]:
        """Those of the attending module; of the nearest module around it if it has none."""
        for name in (call.name, *ancestors(call.name)):
            found = list(self.parts[name].parameters())
            if found:
                return found
        return []

    def missed(self, heard: set[str], used: Container[int]) -> list[str]:
        """Blocks that ran (one of their parameters was used) and were not heard, nor a part of them, nor an attention around.

        What is around and is no attention by its name, the whole network for one, does not speak for its blocks.
        """
        known = heard.union(*(ancestors(name) for name in heard))  # those heard, and what holds them
        speaking = {n for n in heard if _is_called_attention(type(self.parts[n]).__name__)}
        silent = [n for n in self.blocks if n not in known and speaking.isdisjoint(ancestors(n))]
        return [n for n in silent if any(id(p) in used for p in self.parts[n].parameters())]


def ancestors(path: str) -> Iterator[str]:
    """The paths of the modules that hold the one at `path`, the root's "" included."""
    while path:
        path = path.rpartition(".")[0]
        yield path


def kind_of(call: Call, keys: int) -> str:
    """ "window" for blocks with windows of `keys` places, "cross" where a call is given other tokens to look at, else "self".

    A label for people, taken from the call's inputs: what is looked at never depends on it.
    """
    windows = (getattr(part, "window_size", None) for part in (call.module, *call.module.children()))
    if keys in {_places(window) for window in windows}:
        return "window"
    given = call.arguments()
    query, key = (next((given[n] for n in names if n in given), None) for names in (("query", "q"), ("key", "k")))
    if isinstance(query, Tensor) and isinstance(key, Tensor):
        return "self" if query is key else "cross"
    tensors = [
        value
        for name, value in given.items()
        if isinstance(value, Tensor) and value.is_floating_point() and not _NO_SOURCE.search(name)
    ]
    return "cross" if any(t is not tensors[0] and t.ndim == 3 for t in tensors[1:]) else "self"


def _places(window: Any) -> int:
    if isinstance(window, int):
        return window * window
    return math.prod(int(n) for n in window) if isinstance(window, (tuple, list, torch.Size)) else 0


def heads_of(module: nn.Module) -> int | None:
    """How many heads a module says it has; None if it does not say."""
    found = (getattr(module, name, None) for name in _HEADS)
    return next((n for n in found if type(n) is int and n > 0), None)
