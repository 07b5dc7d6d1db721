"""A model scored on an input some of whose parts cannot be seen: the probability of a class, or a similarity."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError, shown
from vit_attention.inputs.prepared import Input
from vit_attention.inputs.sentences import Sentence
from vit_attention.models.arguments import count
from vit_attention.models.targets import Aim
from vit_attention.signals.fills import filler
from vit_attention.signals.masking import hidden
from vit_attention.signals.parts import batches
from vit_attention.signals.slope import chances, chosen

if TYPE_CHECKING:
    from vit_attention.models.encoder import EncoderModel
    from vit_attention.models.text import TextModel
    from vit_attention.models.vision import VisionModel

Score = Callable[[Any], NDArray[np.float32]]
Masks = NDArray[np.bool_]


def scores(
    variants: Iterator[Any], together: Callable[[list[Any]], Any], score: Score, column: int, similar: bool
) -> NDArray[np.float64]:
    """(n,) probabilities of a class, or similarities, of n variants of an input, a few at a time."""
    found = [chances(score(together(some)), column, similar) for some in batches(variants)]
    return np.concatenate([np.zeros(0), *(one.numpy() for one in found)])


def of_picture(
    model: "VisionModel", ready: Input, covers: Any, fill: str | None, target: int | Aim | None, seed: int
) -> NDArray[np.float64]:
    """(n,) the same of a prepared picture under (n, rows, columns) covers."""
    grid, patch = model._grid(ready)[0], model.anatomy.patch
    masks = _checked(covers, grid, "rows, columns")
    made = filler(ready.pixels, fill or "mean", patch, count("seed", seed) or 0)
    if isinstance(target, Aim):
        tokens = _tokens(model, ready.pixels) if target.fixed is None else target.fixed[None]
        target = target.held(tokens, model.axis_of(ready))
    column, score = model._scored(target)
    if column is None:
        column = _likeliest(model, ready)
    variants = (made(_enlarged(mask, patch, ready.pixels)) for mask in masks)
    return scores(variants, torch.cat, score, column, isinstance(target, Aim))


def of_text(
    model: "TextModel", ready: Sentence, covers: Any, fill: str | None, target: int | None
) -> NDArray[np.float64]:
    """(n,) the same of a text some of whose tokens, (n, tokens), nobody can read."""
    masks, words = _checked(covers, (len(ready.axis),), "tokens"), np.asarray(ready.axis.words)
    if masks[:, words < 0].any():
        raise GateError("covers", "special tokens that stay", "covers of some")
    hides = ("mask", "leave out") if model.tokenizer.mask_token_id is not None else ("leave out",)
    hide = chosen("covers", "fill", fill or hides[0], hides)
    number = _likeliest(model, ready) if target is None else target
    places = ready.mask[0].nonzero()[:, 0]  # of the tokens that count

    def variants() -> Iterator[tuple[Tensor, Tensor]]:
        for mask in masks:
            yield hidden(ready.ids, ready.mask, places[mask], hide, model.tokenizer.mask_token_id)

    def together(some: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        return torch.cat([ids for ids, _ in some]), torch.cat([mask for _, mask in some])

    return scores(variants(), together, model._scores, number, similar=False)


def _checked(covers: Any, shape: tuple[int, ...], axes: str) -> Masks:
    found = np.asarray(covers)
    if found.dtype != bool or found.shape[1:] != shape or found.ndim != len(shape) + 1:
        want = f"booleans of shape (n, {axes}) = (n, {', '.join(map(str, shape))})"
        raise GateError("covers", want, f"{found.dtype} of shape {shown(found.shape)}")
    return found


def _enlarged(mask: Masks, patch: tuple[int, int], pixels: Tensor) -> Tensor:
    """(height, width) whether a pixel is covered; pixels beyond the last patch, which the model does not see, stay."""
    found = torch.zeros(pixels.shape[-2:], dtype=torch.bool, device=pixels.device)
    large = np.repeat(np.repeat(mask, patch[0], axis=0), patch[1], axis=1)
    found[: large.shape[0], : large.shape[1]] = torch.from_numpy(large)
    return found


def _tokens(model: "VisionModel", pixels: Tensor) -> Tensor:
    with torch.inference_mode():
        return model.final_tokens(pixels)[0]


def _likeliest(model: "EncoderModel", ready: Any) -> int:
    return int(model._scores(model._together([ready]))[0].argmax())
