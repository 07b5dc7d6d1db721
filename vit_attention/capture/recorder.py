"""What one open capture has heard, the proof that it is what was computed, and what the capture says at its end."""

import warnings

import torch
from torch import Tensor, nn

from vit_attention.capture.place import Call, Network, kind_of
from vit_attention.capture.seen import CaptureError, Enough, Evidence, Heard, NothingHeardError, Request, Seen
from vit_attention.gate import GateError

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-8, torch.float16: 2e-2, torch.bfloat16: 1e-1}
"""Largest residual allowed, by the precision of what PyTorch computed, relative to its largest entry."""


class Recorder:
    """One open capture: what it wants and what it has heard."""

    def __init__(self, network: Network, request: Request) -> None:
        if request.layers is not None and not len(request.layers):
            raise GateError("layers", "at least one number", "none")
        self.network, self.request, self.heard = network, request, Heard()
        self.names: set[str] = set()  # heard, wanted or not
        # Parameters that a function was given, and how many attentions had been heard by then.
        self.used: dict[int, int] = {}
        self.count = 0  # attentions heard
        self.lost: dict[str, str] = {}  # modules that attend in a way that can't be read, and why
        self._kinds: dict[tuple[str, int], str] = {}
        self._last: dict[str, int] = {}  # the number of a module's latest attention

    def wants(self, name: str) -> bool:
        """Whether the block at this path was asked for."""
        layers = self.request.layers
        return layers is None or self.network.number(name) in layers

    def asks(self, call: Call) -> Request:
        """The request as it holds for the block that is called."""
        return self.request.at(self.network.number(call.name))

    def keep(self, call: Call, found: Evidence, kind: str | None = None) -> None:
        """Prove and store what was found of one block, if it was asked for; its `kind` is read off the call if not given."""
        self.names.add(call.name)
        if not self.wants(call.name):
            return
        queries, keys = found.sides
        block = call.name, keys
        if block not in self._kinds:
            self._kinds[block] = kind or kind_of(call, block[1])
        residual = None
        if found.proof is not None:
            rows = self.request.rows(queries).to(found.weights.device)
            residual = prove(call.name, *found.proof(rows))
        number, own = self.network.number(call.name), found.weights.detach()
        weights, fused = own, found.fused
        if fused is None:
            weights, fused = self.request.at(number).select(own), self.request.fuse(own)
        named = found.parts.items() if self.request.parts else ()
        parts = {part: self.request.select_items(tensor.detach()) for part, tensor in named}
        kind, graph = self._kinds[block], (found.mixed, found.lined)
        self._piece(call, Seen(call.name, number, kind, weights, residual, found.probe, parts, fused, *graph))
        if found.undefined:
            have = "row has" if found.undefined == 1 else "rows have"
            self.note(f"{call.name}: {found.undefined} {have} no key to look at; the weights there are undefined (NaN)")

    def _piece(self, call: Call, one: Seen) -> None:
        """Add what was seen; nothing of a module that attends several times in a call: pieces are no map of the whole.

        A module that attends again without having used one of its parameters in between is still in the same call.
        """
        latest, self.count = self._last.get(call.name), self.count + 1
        self._last[call.name] = self.count
        uses = [self.used[id(p)] for p in self.network.parameters(call) if id(p) in self.used]
        if latest is not None and uses and max(uses) < latest:
            self.lose(call, "several attentions in one call")
        elif call.name not in self.lost:
            self.heard.append(one)
            if self.request.enough:
                raise Enough

    def lose(self, call: Call, why: str) -> None:
        """Take back what was seen of a module: it attends in a way that can't be read."""
        self.names.add(call.name)
        self.lost.setdefault(call.name, why)
        self.heard[:] = [seen for seen in self.heard if seen.name != call.name]

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.heard.notes:
            self.heard.notes.append(text)

    def close(self) -> None:
        """What the capture says at its end: numbers out of range, what was not heard, nothing at all."""
        numbered = self.network.blocks
        for name, asked in (("layers", self.request.layers or ()), ("whole", self.request.whole)):
            wrong = [n for n in asked if not 0 <= n < len(numbered)]
            if wrong and self.names:
                raise GateError(name, f"numbers from 0 to {len(numbered) - 1}", f"{wrong}")
        whole = self.names - set(self.lost)
        missed = dict.fromkeys(self.network.missed(whole, self.used), "attends in a way of its own") | self.lost
        if not whole and (missed or any(id(p) in self.used for p in self.network.root.parameters())):
            raise NothingHeardError(_nothing(self.network.root, self._listed(missed)))
        self.heard.unheard = sorted(missed, key=self.network.number)
        if missed:
            self.note(f"not heard: {self._listed(missed)}")
            root = type(self.network.root).__name__
            warnings.warn(f"capture of {root}: not heard: {self._listed(missed)}", stacklevel=4)

    def _listed(self, missed: dict[str, str]) -> str:
        """Names, classes and reasons of modules, as text."""
        parts = self.network.parts
        named = [f"{name or 'the module itself'} ({type(parts[name]).__name__}: {why})" for name, why in missed.items()]
        return ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")


def _nothing(root: nn.Module, missed: str) -> str:
    return (
        f"no attention was heard in {type(root).__name__}: {missed or 'none of its modules attends'}. Heard are "
        "scaled_dot_product_attention, torch.nn.MultiheadAttention and a softmax whose result multiplies values, called by "
        "this thread and not from a compiled graph; add a kind of module that keeps its weights with "
        'vit_attention.register_kind(ItsClass, weights="attn")'
    )


def prove(name: str, own: Tensor, rebuilt: Tensor) -> float:
    """The largest absolute difference of two tensors.

    Raises:
        CaptureError: it is more than `TOLERANCE` allows. Relative, since a block whose values are small would pass with
            any weights.
    """
    if not own.numel():
        return 0.0
    mine, theirs = rebuilt.detach(), own.detach()
    if mine.dtype != theirs.dtype or mine.dtype in (torch.float16, torch.bfloat16):
        mine, theirs = mine.float(), theirs.float()
    residual = float((mine - theirs).abs().max())
    allowed = TOLERANCE.get(own.dtype, 1e-4) * float(theirs.abs().max())
    if not residual <= allowed:  # NaN fails as well
        raise CaptureError(
            f"{name}: weights x values miss what PyTorch computed by {residual:.2g} (allowed {allowed:.2g}). Its values "
            "may hold infinite numbers, or a function between softmax and values changes the weights."
        )
    return residual
