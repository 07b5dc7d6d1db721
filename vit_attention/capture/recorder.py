"""What one open capture has heard, and what it says at its end."""

from __future__ import annotations

import warnings
from types import FrameType

from torch import nn

from vit_attention.capture.kinds import is_registered
from vit_attention.capture.place import Call, Network
from vit_attention.capture.proof import prove
from vit_attention.capture.seen import CaptureError, Heard, Reading, Request, Seen


class Recorder:
    """One open capture: what it wants and what it has heard."""

    def __init__(self, module: nn.Module, request: Request) -> None:
        self.network = Network(module, is_registered)
        self.request, self.heard = request, Heard()
        self.names: set[str] = set()  # heard, wanted or not
        self.used: set[int] = set()  # parameters that a function was given
        self.pieces: set[str] = set()
        self._last: tuple[FrameType | None, list[Seen]] = (None, [])

    def wants(self, name: str) -> bool:
        """Whether the block at this path was asked for."""
        layers = self.request.layers
        return layers is None or self.network.number(name) in layers

    def keep(self, name: str, kind: str, reading: Reading) -> Seen | None:
        """Store one block's reading, if it was asked for."""
        self.names.add(name)
        if not self.wants(name):
            return None
        residual = None
        if reading.own is not None and reading.rebuilt is not None:
            residual = prove(name, reading.own, reading.rebuilt)
        weights = self.request.select(reading.weights.detach())
        parts = {part: self.request.select_items(tensor) for part, tensor in reading.parts.items()}
        one = Seen(name, self.network.number(name), kind, weights, residual, reading.probe, parts)
        self.heard.append(one)
        if reading.undefined:
            rows = "row has" if reading.undefined == 1 else "rows have"
            self.note(f"{name}: {reading.undefined} {rows} no key to look at; the weights there are undefined (NaN)")
        return one

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.heard.notes:
            self.heard.notes.append(text)

    def piece(self, call: Call, one: Seen | None) -> None:
        """Drop what a module's own softmaxes gave if one call has several: pieces of an attention are no map of it."""
        if self._last[0] is call.frame:
            self.pieces.add(call.name)
        else:
            self._last = (call.frame, [])
        if one is not None:
            self._last[1].append(one)
        if call.name in self.pieces:
            mine = self._last[1]
            self.heard[:] = [seen for seen in self.heard if not any(seen is other for other in mine)]

    def close(self) -> None:
        """What the capture says at its end: numbers out of range, what was not heard, nothing at all."""
        self._last = (None, [])
        numbered = self.network.blocks
        wrong = [n for n in self.request.layers or () if not 0 <= n < len(numbered)]
        if self.request.layers is not None and (wrong or not len(self.request.layers)) and self.names:
            raise ValueError(f"layers: want numbers from 0 to {len(numbered) - 1}, got {wrong or 'none'}")
        whole = self.names - self.pieces
        missed = self.network.missed(whole, self.used)
        missed += [(n, self.network.root.get_submodule(n)) for n in sorted(self.pieces - {name for name, _ in missed})]
        if not whole and (missed or self.ran()):
            raise CaptureError(_nothing(self.network.root, missed))
        self.heard.unheard = [name for name, _ in missed]
        if missed:
            self.note(f"not heard: {_listed(missed)}")
            warnings.warn(f"capture of {type(self.network.root).__name__}: not heard: {_listed(missed)}", stacklevel=4)

    def ran(self) -> bool:
        """Whether a parameter of the module was used."""
        return any(id(p) in self.used for p in self.network.root.parameters())


def _listed(missed: list[tuple[str, nn.Module]]) -> str:
    named = ", ".join(f"{name or 'the module itself'} ({type(part).__name__})" for name, part in missed[:4])
    return named if len(missed) <= 4 else f"{named} and {len(missed) - 4} more"


def _nothing(root: nn.Module, missed: list[tuple[str, nn.Module]]) -> str:
    why = f"{_listed(missed)} attends in a way of its own" if missed else "none of its modules attends"
    return (
        f"no attention was heard in {type(root).__name__}: {why}. Heard are scaled_dot_product_attention, "
        "torch.nn.MultiheadAttention and a softmax whose result multiplies values, called by this thread; add a kind of "
        'module that keeps its weights with vit_attention.register_kind(ItsClass, weights="attn")'
    )
