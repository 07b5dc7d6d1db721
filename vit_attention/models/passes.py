"""What one forward pass of several pictures left, and the part of it that belongs to one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from vit_attention.capture import Request, Seen
from vit_attention.gate import GateError
from vit_attention.models.targets import Aim


@dataclass(frozen=True, eq=False)
class Pass:
    """What one forward pass of several pictures left; every tensor has a leading axis of pictures.

    Attributes:
        seen: what every block did.
        scores: raw class scores, or None.
        targets: class or similarity asked about, one a picture.
        gradients: of the weights of every block, or None.
        norms, states: of the tokens that entered the first block and left every block, their lengths and themselves.
        notes: sentences, a list for each picture.
        unheard: attention layers that could not be heard.
        ridden: (batch, ..., tokens) by the name of a run that took part.
        all_rows: whether the weights still have every row, though some were asked for: padding would be among them.
    """

    seen: Sequence[Seen]
    scores: Tensor | None
    targets: Sequence[int | Aim | None]
    gradients: Sequence[Tensor | None]
    norms: Sequence[Tensor]
    states: Sequence[Tensor]
    notes: Sequence[list[str]]
    unheard: Sequence[str]
    ridden: Mapping[str, Tensor] = field(default_factory=dict)
    all_rows: bool = False

    def without_padding(self, counts: Tensor, request: Request) -> "Pass":
        """The tokens of a single input that count, of a pass that also had padding behind or before it.

        Args:
            counts: (tokens,) whether they count; may be shorter than the batch, whose rest is padding.
            request: whose rows are kept now, since padding was still counted during the pass.

        Raises:
            GateError: something looked at padding, which a network without a mask does.
        """
        if not self.all_rows:
            return self
        places = counts.nonzero()[:, 0]

        def cut(tensor: Tensor, *axes: int) -> Tensor:
            for axis in axes:
                tensor = tensor.index_select(axis, places.to(tensor.device))
            return tensor

        seen = []
        for one in self.seen:
            own = one.weights[:, :, places.to(one.weights.device)]
            beside = own.sum() - cut(own, 3).sum()
            if not bool(beside.abs() <= 1e-3 * own.sum()):
                raise GateError("text", "a network that leaves padding out", f"{one.name}, whose tokens look at it")
            weights = replace(request, heads=None, half=False).at(one.layer).select(cut(one.weights, 2, 3))
            parts = {name: cut(part, 2) for name, part in one.parts.items()}
            fused = {name: cut(part, 1, 2) for name, part in one.fused.items()}
            seen.append(replace(one, weights=weights, parts=parts, fused=fused))
        gradients = [None if one is None else cut(one, 2, 3) for one in self.gradients]
        norms, states = [cut(one, 1) for one in self.norms], [cut(one, 1) for one in self.states]
        ridden = {name: cut(one, one.ndim - 1) for name, one in self.ridden.items()}
        return replace(self, seen=seen, gradients=gradients, norms=norms, states=states, ridden=ridden)

    def of(self, n: int) -> "Pass":
        """The part of picture `n` alone."""
        if len(self.targets) == 1:
            return self

        def alone(tensor: Tensor) -> Tensor:
            # A copy: a view would keep the whole batch in memory for as long as one of its records lives.
            return tensor[n : n + 1].clone()

        seen = [
            replace(
                one,
                weights=alone(one.weights),
                parts={name: alone(part) for name, part in one.parts.items()},
                fused={name: alone(part) for name, part in one.fused.items()},
            )
            for one in self.seen
        ]
        return Pass(
            seen,
            None if self.scores is None else alone(self.scores),
            self.targets[n : n + 1],
            [None if one is None else alone(one) for one in self.gradients],
            [alone(one) for one in self.norms],
            [alone(one) for one in self.states],
            self.notes[n : n + 1],
            self.unheard,
            {name: alone(one) for name, one in self.ridden.items()},
            self.all_rows,
        )
