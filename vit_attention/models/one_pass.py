"""How one batch goes through an encoder: what is heard on the way, the gradients behind it, and the run that takes part."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vit_attention.capture import FewTokens, Heard, Request, capture, listening
from vit_attention.gate import GateError
from vit_attention.models import targets
from vit_attention.models.model import Asked
from vit_attention.models.passes import Pass
from vit_attention.models.targets import Aim
from vit_attention.records import Run
from vit_attention.signals import reads_states, ride, rides
from vit_attention.signals.given import After, Net

if TYPE_CHECKING:
    from vit_attention.models.encoder import EncoderModel


def passes(model: "EncoderModel", inputs: Sequence[Any], asked: Asked) -> Pass:
    """The pass with one of the runs that take part in it; each of the others, whose gradients flow otherwise, has its own.

    Args:
        model: under which the inputs were made ready.
        inputs: that go through the network together.
        asked: what is kept.
    """
    riding = [run for run in asked.runs if rides(run)]
    # A run takes part in whole passes: where layers were chosen, none is left for it.
    own = None if asked.request.gradients or asked.request.layers is not None or not riding else riding.pop(0)
    passed = _OnePass(model, own, inputs, asked).result()
    alone = replace(asked, request=Request(proof_rows=asked.request.proof_rows))
    others = [_OnePass(model, run, inputs, alone).result() for run in riding]
    ridden = {name: one for other in (passed, *others) for name, one in other.ridden.items()}
    each = zip(passed.notes, *(one.notes for one in others), strict=True)
    notes = [[*dict.fromkeys(note for some in notes for note in some)] for notes in each]
    return replace(passed, ridden=ridden, notes=notes)


class _OnePass:
    """One way through the network, and what was heard on it between the blocks."""

    def __init__(self, model: "EncoderModel", run: Run | None, inputs: Sequence[Any], asked: Asked) -> None:
        self.model, self.run, self.inputs, self.asked = model, run, inputs, asked
        self.axis = model.axis_of(inputs[0])
        self.blocks = list(dict.fromkeys(model.anatomy.blocks))
        net = Net(self.blocks, self.axis.prefix, len(model.anatomy.blocks))
        self.riding = None if run is None else ride(run, net)
        self.keeps = "hidden" in asked.signals or any(reads_states(one) for one in asked.runs)
        self.norms: list[Tensor] = []
        self.states: list[Tensor] = []
        self.last: list[Tensor] = []

    def result(self) -> Pass:
        """What it leaves."""
        request = self._request()
        with self.model._differentiable() if request.gradients or self.riding else torch.inference_mode():
            scores, seen = self._forward(request)
            notes = [[*seen.notes, *self.model._said_of(self.inputs[0])] for _ in self.inputs]
            about, score = self._asked_about(scores, notes)
            gradients = _gradients(score, seen, about) if self.asked.request.gradients else [None] * len(seen)
            ridden = self._ridden(score, seen, about, notes)
        return Pass([*seen], scores, about, gradients, self.norms, self.states, notes, seen.unheard, ridden)

    def _request(self) -> Request:
        """What is heard: what was asked for, and where a run takes part, what that reads."""
        asked = self.asked.request
        if self.riding is None:
            return asked
        probes = self.riding.probes
        return replace(asked, gradients=asked.gradients or probes, parts=asked.parts or probes, in_graph=True)

    def _forward(self, request: Request) -> tuple[Tensor | None, Heard]:
        """The scores of the batch, and what the attention layers did."""
        model = self.model
        shared = len(self.blocks) < len(
            model.anatomy.blocks
        )  # one block used again and again: its calls are the layers
        rows = None if request.whole else request.queries  # of calls that have no numbers yet
        heard = replace(request, layers=None, whole=(), queries=rows) if shared else request
        during = self.riding.during if self.riding else FewTokens() if request.gradients else nullcontext()
        with listening(self.blocks, self._hear, before_first=True), capture(model.tower, heard) as seen, during:
            scores = model._forward(model._together(self.inputs))
        if shared:
            _renumber(seen, request)
        return scores, seen

    def _hear(self, tokens: Tensor) -> None:
        self.last = [tokens]
        self.norms.append(torch.linalg.vector_norm(tokens.detach().float(), dim=-1))
        if self.keeps:
            self.states.append(tokens.detach().float())

    def _asked_about(
        self, scores: Tensor | None, notes: list[list[str]]
    ) -> tuple[Sequence[int | Aim | None], Tensor | None]:
        """What is asked about in every input, and the scores in which that is looked up."""
        target = self.asked.target
        if isinstance(target, Aim):
            return targets.held(target, self.model.anatomy.norm(self.last[0]), self.axis, notes)
        if target is None and (self.asked.about_a_class or self.riding):
            assert scores is not None, "signals about classes are refused without classes"
            return [self._likeliest(one, some) for one, some in zip(scores, notes, strict=True)], scores
        return [target] * len(self.inputs), scores

    def _likeliest(self, scores: Tensor, notes: list[str]) -> int:
        number = int(scores.argmax())
        notes.append(f"No class was given, so the likeliest is asked about: {self.model.classes[number]}.")
        return number

    def _ridden(self, score: Any, seen: Heard, about: Sequence[Any], notes: list[list[str]]) -> dict[str, Tensor]:
        """What the run that took part makes of the pass, by its name."""
        if self.run is None or self.riding is None:
            return {}
        found = self.riding.after(self._after(score, seen, about)).detach()
        for some in notes:
            some.extend(self.riding.notes)
        return {self.run.name: found}

    def _after(self, score: Any, seen: Heard, about: Sequence[Any]) -> After:
        model, counts = self.model, self.model._counts(self.inputs)
        norm, tail = model.anatomy.norm, model.anatomy.tail

        def of_tokens(tokens: Tensor) -> Tensor:
            if isinstance(about[0], Aim):
                return torch.cat([one.scores(norm(tokens)[n : n + 1]) for n, one in enumerate(about)]).sum()
            assert tail is not None, "a class was found, so that there is a head"
            if bool(counts.all()):
                return _sum(tail(tokens), about)
            # A head may take the mean of all tokens, in which padding has no place.
            alone = [tail(one[own.to(one.device)][None]) for one, own in zip(tokens, counts, strict=True)]
            return _sum(torch.cat(alone), about)

        inner = model._inner(self.inputs).to(model.device)
        return After(_sum(score, about), of_tokens, [*seen], counts, inner, isinstance(about[0], Aim))


def _renumber(seen: Heard, request: Request) -> None:
    """Number the calls of one block that is used again and again, and keep those that were asked for."""
    numbered = [replace(one, layer=number) for number, one in enumerate(seen)]
    wrong = [n for n in request.layers or () if n >= len(numbered)]
    if wrong:
        raise GateError("layers", f"numbers from 0 to {len(numbered) - 1}", f"{wrong}")
    found = [one for one in numbered if request.layers is None or one.layer in request.layers]
    if request.whole:
        chosen = replace(request, heads=None, half=False)
        found = [replace(one, weights=chosen.at(one.layer).select(one.weights)) for one in found]
    seen[:] = found


def _gradients(score: Any, seen: Heard, about: Sequence[int | Aim | None]) -> list[Tensor | None]:
    probes = [one.probe for one in seen if one.probe is not None]
    similar = any(isinstance(one, Aim) for one in about)
    # torch.autograd.grad and never .backward(): threads share the model, and backward writes to shared tensors.
    # A pool behind the blocks (SigLIP) does not move the tokens that are compared: its gradients are 0.
    return list(torch.autograd.grad(_sum(score, about), probes, materialize_grads=similar))


def _sum(scores: Tensor, about: Sequence[Any]) -> Tensor:
    """The target's scores together; inputs of a batch know nothing of each other, so that each has its own gradients."""
    return scores.sum() if isinstance(about[0], Aim) else scores[range(len(about)), about].sum()
