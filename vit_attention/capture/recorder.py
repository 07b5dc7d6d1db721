"""What one open capture has heard, and what it says at its end."""

from __future__ import annotations

import warnings

from torch import nn

from vit_attention.capture.kinds import is_registered
from vit_attention.capture.place import Call, Network, kind_of
from vit_attention.capture.proof import prove
from vit_attention.capture.seen import Heard, NothingHeardError, Reading, Request, Seen


class Recorder:
    """One open capture: what it wants and what it has heard."""

    def __init__(self, module: nn.Module, request: Request) -> None:
        if request.layers is not None and not len(request.layers):
            raise ValueError("layers: want at least one number, got none")
        self.network = Network(module, is_registered)
        self.request, self.heard = request, Heard()
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

    def kind(self, call: Call, keys: int) -> str:
        """The kind of attention, told once for each block and number of keys."""
        known = self._kinds.get((call.name, keys))
        if known is None:
            known = self._kinds[call.name, keys] = kind_of(call, keys)
        return known

    def keep(self, call: Call, kind: str, reading: Reading) -> None:
        """Store one block's reading, if it was asked for."""
        self.names.add(call.name)
        if not self.wants(call.name):
            return
        residual = None
        if reading.own is not None and reading.rebuilt is not None:
            residual = prove(call.name, reading.own, reading.rebuilt)
        weights = self.request.select(reading.weights.detach())
        parts = {part: self.request.select_items(tensor) for part, tensor in reading.parts.items()}
        number = self.network.number(call.name)
        self._piece(call, Seen(call.name, number, kind, weights, residual, reading.probe, parts))
        if reading.undefined:
            rows = "row has" if reading.undefined == 1 else "rows have"
            self.note(
                f"{call.name}: {reading.undefined} {rows} no key to look at; the weights there are undefined (NaN)"
            )

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
        wrong = [n for n in self.request.layers or () if not 0 <= n < len(numbered)]
        if wrong and self.names:
            raise ValueError(f"layers: want numbers from 0 to {len(numbered) - 1}, got {wrong}")
        whole = self.names - set(self.lost)
        missed = dict.fromkeys(self.network.missed(whole, self.used), "attends in a way of its own") | self.lost
        if not whole and (missed or self.ran()):
            raise NothingHeardError(_nothing(self.network.root, self._listed(missed)))
        self.heard.unheard = sorted(missed, key=self.network.number)
        if missed:
            self.note(f"not heard: {self._listed(missed)}")
            root = type(self.network.root).__name__
            warnings.warn(f"capture of {root}: not heard: {self._listed(missed)}", stacklevel=4)

    def ran(self) -> bool:
        """Whether a parameter of the module was used."""
        return any(id(p) in self.used for p in self.network.root.parameters())

    def _listed(self, missed: dict[str, str]) -> str:
        """Names, classes and reasons of modules, as text."""
        parts = dict(self.network.parts)
        named = [f"{name or 'the module itself'} ({type(parts[name]).__name__}: {why})" for name, why in missed.items()]
        return ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")


def _nothing(root: nn.Module, missed: str) -> str:
    return (
        f"no attention was heard in {type(root).__name__}: {missed or 'none of its modules attends'}. Heard are "
        "scaled_dot_product_attention, torch.nn.MultiheadAttention and a softmax whose result multiplies values, called by "
        "this thread and not from a compiled graph; add a kind of module that keeps its weights with "
        'vit_attention.register_kind(ItsClass, weights="attn")'
    )
