"""What one forward pass of several pictures left, and the part of it that belongs to one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from vit_attention.capture import Seen
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
    """

    seen: Sequence[Seen]
    scores: Tensor | None
    targets: Sequence[int | Aim | None]
    gradients: Sequence[Tensor | None]
    norms: Sequence[Tensor]
    states: Sequence[Tensor]
    notes: Sequence[list[str]]
    unheard: Sequence[str]

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
        )
