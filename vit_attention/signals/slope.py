"""Gradients of what is asked about by what goes in: the prepared pixels of a picture, the word embeddings of a text."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError, shown
from vit_attention.signals.parts import batches

AT_ONCE = 4
"""Inputs whose gradients are taken together: of each the whole pass is in memory, 110 MB for a picture of ViT-B/16."""


@dataclass(frozen=True)
class Slope:
    """A target's score as a function of one input that can be changed a little.

    Attributes:
        start: (1, ...) the input itself.
        blanks: (1, ...) inputs that show nothing, by name: "zero" and "blank".
        gradient: (batch, ...) inputs to (batch,) scores of the target and (batch, ...) their gradients.
        by_part: (...) numbers of an input to their sums, (rows, columns) of patches or (tokens,).
    """

    start: Tensor
    blanks: dict[str, Tensor]
    gradient: Callable[[Tensor], tuple[Tensor, Tensor]]
    by_part: Callable[[Tensor], Tensor]

    def mean(self, inputs: Iterable[Tensor], absolute: bool = False) -> Tensor:
        """(...) mean of the gradients, or of their absolute values, at several (1, ...) inputs, in double precision."""
        total, count = torch.zeros(self.start.shape[1:], dtype=torch.float64), 0
        for some in batches(inputs, AT_ONCE):
            found = self.gradient(torch.cat(some))[1].cpu().double()
            total += (found.abs() if absolute else found).sum(dim=0)
            count += len(some)
        return total / count

    def sums(self, values: Tensor) -> NDArray[np.float32]:
        """Sums of (...) numbers of the input, one a patch or token."""
        return self.by_part(values).float().numpy()


def slope_of(slope: Slope | None, run: str) -> Slope:
    """The slope that a run was given; raises GateError if nothing is asked about."""
    if slope is None:
        raise no_target(run)
    return slope


def no_target(run: str) -> GateError:
    """The refusal of a run about a target, where none was given."""
    return GateError(run, f"a class, target=CLASS or keep=methods()[{run!r}].needs", "none")


def chosen(run: str, name: str, given: str, choices: Iterable[str]) -> str:
    """A knob's value; raises GateError if it is none of the choices."""
    if given not in choices:
        raise GateError(run, f"{name} as {' or '.join(choices)}", shown(given))
    return given


def counted(run: str, name: str, given: int, low: int = 1) -> int:
    """A knob's whole number; raises GateError for anything else, or for less than `low`."""
    if isinstance(given, bool) or not isinstance(given, int) or given < low:
        raise GateError(run, f"{name} as a whole number from {low} up", shown(given))
    return given


def chances(scores: NDArray[np.float32], target: int, similar: bool) -> Tensor:
    """(batch,) probabilities of a class, of (batch, classes) raw scores; or the similarities that they are."""
    found = torch.from_numpy(scores).double()
    return (found if similar else found.softmax(dim=-1))[:, target]
