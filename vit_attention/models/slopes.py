"""What a run is given to take gradients by the input: the prepared pixels of a picture, or the word embeddings of a text."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vit_attention.capture.hooks import replaced
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.sentences import Sentence
from vit_attention.models.targets import Aim
from vit_attention.signals.parts import in_patches
from vit_attention.signals.slope import Slope

if TYPE_CHECKING:
    from vit_attention.models.encoder import EncoderModel
    from vit_attention.models.text import TextModel
    from vit_attention.models.vision import VisionModel


def of_picture(model: "VisionModel", ready: Input, grid: tuple[int, int], target: int | Aim | None) -> Slope | None:
    """The slope of a target's score over prepared pixels; None without a target."""
    if target is None:
        return None

    def score(pixels: Tensor) -> Tensor:
        if isinstance(target, Aim):
            assert target.fixed is not None, "scores are taken of what was held"
            # What a pass without gradients held is an inference tensor, which no graph may keep.
            return replace(target, fixed=target.fixed.clone()).scores(model.final_tokens(pixels))
        scores = model._forward(pixels)
        assert scores is not None, "classes are asked about only where there are some"
        return scores[:, target]

    pixels = ready.pixels
    blanks = {"zero": torch.zeros_like(pixels), "blank": pixels.mean(dim=(-2, -1), keepdim=True).expand_as(pixels)}

    def by_part(values: Tensor) -> Tensor:
        return in_patches(values.sum(dim=0), grid, model.anatomy.patch).sum(dim=-1)

    return Slope(pixels, blanks, lambda some: _gradient(model, some, score), by_part)


def of_text(model: "TextModel", ready: Sentence, target: int | None) -> Slope | None:
    """The slope of a class's score over the word embeddings that enter the network; None without a target, or without such.

    Positions and token types are added behind them, as for the text itself.
    """
    embedding = model.anatomy.embedding
    if target is None or embedding is None:
        return None
    places = ready.mask[0].nonzero()[:, 0]  # of the tokens that count
    word = torch.zeros_like(ready.mask[0], dtype=torch.bool)
    word[places] = torch.tensor([number >= 0 for number in ready.axis.words])

    def score(vectors: Tensor) -> Tensor:
        many = len(vectors)
        with replaced(embedding, vectors):
            scores = model._forward((ready.ids.repeat(many, 1), ready.mask.repeat(many, 1)))
        assert scores is not None, "classes are asked about only where there are some"
        return scores[:, target]

    hidden = model.tokenizer.mask_token_id
    with torch.inference_mode():
        ids = torch.stack(
            [ready.ids[0], torch.full_like(ready.ids[0], model.anatomy.pad if hidden is None else hidden)]
        )
        vectors, blank = embedding(ids.to(model.device)).split(1)
    beside = ~word[None, :, None].to(model.device)  # special tokens and padding, which stay
    blanks = {"zero": vectors * beside, "blank": torch.where(beside, vectors, blank)}
    return Slope(vectors, blanks, lambda some: _gradient(model, some, score), lambda values: values.sum(dim=-1)[places])


def _gradient(model: "EncoderModel", inputs: Tensor, score: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """(batch,) scores of inputs and (batch, ...) their gradients; nothing of the model gains a gradient."""
    with model._differentiable():
        leaf = inputs.detach().clone().requires_grad_()
        scores = score(leaf)
        # Inputs of a batch know nothing of each other, so that the sum of their scores gives each its own gradient.
        (found,) = torch.autograd.grad(scores.sum(), leaf)
    return scores.detach().cpu(), found.cpu()
