"""A similarity as the target of gradients and runs: how much one token resembles another, which is held fixed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vit_attention.gate import GateError
from vit_attention.models.arguments import distinct
from vit_attention.records import Axis, Similar

if TYPE_CHECKING:
    from vit_attention.models.vision import VisionModel


@dataclass(frozen=True, eq=False)
class Aim:
    """A similarity that is asked about, and what is compared with once that is known.

    Attributes:
        said: the target as the record tells it.
        fixed: (width,) the token compared with; None for a token of a picture that has not passed yet.
        axis: what the tokens of the picture stand for, once it has passed.
    """

    said: Similar
    fixed: Tensor | None = None
    axis: Axis | None = None

    def held(self, tokens: Tensor, axis: Axis) -> "Aim":
        """The same with what is compared with held fixed.

        Args:
            tokens: (tokens, width) of one picture after the final norm.
            axis: what they stand for.

        """
        fixed = tokens[self.said.reference_row(axis)] if self.fixed is None else self.fixed
        # A clone made here is no inference tensor, whatever it is a clone of, so that gradients can be taken beside it.
        return replace(self, fixed=fixed.detach().clone(), axis=axis)

    def scores(self, tokens: Tensor) -> Tensor:
        """(batch,) cosine similarity of the token asked about, of (batch, tokens, width), to what is compared with.

        Raises:
            GateError: a token of length 0, which has no direction.
        """
        assert self.axis is not None, "what was held has an axis"
        return self.similarity(tokens[:, self.said.row(self.axis)])

    def similarity(self, tokens: Tensor) -> Tensor:
        """(n,) the same of (n, width) tokens, whatever they stand for; raises as `scores` does."""
        assert self.fixed is not None, "scores are taken of what was held"
        asked = tokens.float()
        fixed = self.fixed.float()
        lengths = torch.linalg.vector_norm(asked, dim=-1) * torch.linalg.vector_norm(fixed)
        if not bool((lengths.detach() > 0).all() & torch.isfinite(lengths.detach()).all()):
            raise GateError("target", "tokens with a direction", f"one of length 0, in {self.said}")
        scores: Tensor = asked @ fixed / lengths
        return scores

    def of_last(self, norm: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """From (batch, tokens, width) to (batch, 1): the similarity of the last token, whatever it stands for, behind `norm`."""
        return lambda tokens: self.similarity(norm(tokens)[:, -1])[:, None]

    def note(self, score: float) -> str:
        """What a record's notes say of it."""
        return f"Asked about is {self.said.words}: cosine {score:.3f}. What is compared with is held fixed."


def held(aim: Aim, tokens: Tensor, axis: Axis, notes: Sequence[list[str]]) -> tuple[list[Aim], Tensor]:
    """The similarity that is asked of every picture of a batch, and (batch,) how large it is, which its notes say, too."""
    aims = [aim.held(one, axis) for one in tokens]
    scores = torch.cat([one.scores(tokens[n : n + 1]) for n, one in enumerate(aims)])
    for some, score in zip(notes, scores.tolist(), strict=True):
        some.append(aim.note(score))
    return aims, scores


def text(target: int | Aim | None, classes: Sequence[str]) -> str | None:
    """A target as a record's settings keep it."""
    if isinstance(target, Aim):
        return str(target.said)
    return None if target is None else distinct(classes)[target]


def aim(model: "VisionModel", said: Similar, size: tuple[int, int] | None) -> Aim:
    """A similarity to be asked of `model`; another picture passes through the network here, once.

    Raises:
        PictureError: that picture cannot be read.
        GateError: a patch that it does not have.
    """
    if not said.elsewhere:
        return Aim(said)
    ready = model.prepare(said.to, None if isinstance(said.to, Tensor) else size)
    axis = model.axis_of(ready)
    with torch.inference_mode():
        tokens = model.final_tokens(ready.pixels)[0]
    return Aim(said.told(), tokens[said.reference_row(axis)].clone())
