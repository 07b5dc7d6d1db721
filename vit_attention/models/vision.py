"""One loaded vision transformer behind the few methods that pages, notebooks and the command line use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from vit_attention.capture import Request, Seen, capture, listening
from vit_attention.inputs.pictures import open_picture
from vit_attention.models.cards import Card
from vit_attention.models.devices import OnDevice
from vit_attention.models.versions import versions
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Prediction, encode_picture
from vit_attention.records.geometry import Geometry

DEFAULT_BUDGET = 1 << 30
"""Largest capture, in bytes, that `attend` starts without being told to."""


class BudgetError(ValueError):
    """A capture would take more memory than allowed; nothing was run."""


@dataclass(frozen=True)
class Input:
    """A picture made ready: (1, 3, height, width) pixels and how they relate to the picture given."""

    pixels: Tensor
    geometry: Geometry


@dataclass(frozen=True)
class Anatomy:
    """Where a family of transformers keeps what pages show.

    Attributes:
        special: names of the special tokens that lead.
        patch: (height, width) of a patch in pixels.
        blocks: the transformer blocks in order; each returns its tokens.
        heads: how many heads a block has.
        patch_filters: the patch embedding's weight, (width, 3, patch height, patch width).
        positions: the learned position table, (tokens, width), or None.
        position_grid: (rows, columns) of the patches in that table.
        prepare: upright RGB picture and optional (height, width) to model input; ValueError for an impossible size.
        forward: model input to raw class scores (batch, classes), or None for models without classes.
    """

    special: tuple[str, ...]
    patch: tuple[int, int]
    blocks: Sequence[nn.Module]
    heads: int
    patch_filters: Tensor
    positions: Tensor | None
    position_grid: tuple[int, int]
    prepare: Callable[[Image.Image, tuple[int, int] | None], Input]
    forward: Callable[[Tensor], Tensor | None]


class VisionModel(OnDevice):
    """A vision transformer in evaluation mode, its parameters frozen; safe to share between threads."""

    def __init__(self, card: Card, module: nn.Module, anatomy: Anatomy, classes: tuple[str, ...], weights_hash: str):
        self.card, self.anatomy, self.classes, self.weights_hash = card, anatomy, classes, weights_hash
        self.module = module.eval().requires_grad_(False)

    def __repr__(self) -> str:
        return f"VisionModel({self.card.name!r}, {len(self.anatomy.blocks)} layers, {len(self.classes)} classes)"

    def attend(
        self,
        picture: Any,
        *,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        queries: Sequence[int] | None = None,
        half: bool = False,
        target: str | int | None = None,
        size: tuple[int, int] | None = None,
        proof_rows: int | None = 4,
        budget: int = DEFAULT_BUDGET,
    ) -> AttentionRecord:
        """The attention record of one picture.

        Args:
            picture: PIL image, path, bytes or (height, width, 3) uint8 array.
            layers, heads, queries: numbers to keep, 0 first; None keeps all.
            half: keep weights in float16.
            target: class (name or number) whose raw score the maps' gradients belong to; None computes no gradients.
            size: (height, width) of the model's input in pixels, for models that take other sizes than their own.
            proof_rows: rows of every block on which the parity proof runs; None proves all.
            budget: largest memory of the maps in bytes.

        Raises:
            PictureError: the picture cannot be read.
            BudgetError: the maps would take more than `budget`; raised before anything is run.
            ValueError: a number out of range, an unknown class or a size the model cannot take.
        """
        opened = open_picture(picture)
        ready = self.anatomy.prepare(opened.image, size)
        wanted = self._target(target)
        request = Request(layers, heads, queries, half, gradients=wanted is not None, proof_rows=proof_rows)
        self._check_budget(self.estimate(ready.pixels.shape[-2:], request), budget)
        with self._differentiable(wanted is not None), self._norms() as norms:
            with capture(self.module, request) as seen:
                scores = self.anatomy.forward(ready.pixels.to(self.device))
            gradients = self._gradients(scores, seen, wanted)
        return AttentionRecord(
            maps=tuple(self._map(one, ready, request, gradient) for one, gradient in zip(seen, gradients, strict=True)),
            geometry=ready.geometry,
            prediction=self._prediction(scores, wanted),
            picture=encode_picture(opened.image),
            norms=np.stack(norms) if norms else np.zeros((0, 0), np.float32),
            model=self.card.name,
            weights_hash=self.weights_hash,
            settings={
                "layers": _plain(layers),
                "heads": _plain(heads),
                "queries": _plain(queries),
                "half": half,
                "target": None if wanted is None else self.classes[wanted],
                "size": None if size is None else list(size),
                "notes": [*opened.notes, *seen.notes],
                "unheard": seen.unheard,
            },
            versions=versions("torch", "torchvision", "transformers", "numpy"),
        )

    def classify(self, pictures: Sequence[Any]) -> NDArray[np.float32]:
        """(pictures, classes) raw scores; raises ValueError for a model without classes."""
        pixels = torch.cat([self.anatomy.prepare(open_picture(p).image, None).pixels for p in pictures])
        with torch.inference_mode():
            scores = self.anatomy.forward(pixels.to(self.device))
        if scores is None:
            raise ValueError(f"{self.card.name} has no classes")
        return scores.float().cpu().numpy()

    def hidden_states(self, picture: Any) -> NDArray[np.float32]:
        """(layers + 1, tokens, width): the tokens that enter the first block, then those that leave every block."""
        ready = self.anatomy.prepare(open_picture(picture).image, None)
        kept: list[NDArray[np.float32]] = []

        def enter(tokens: Tensor) -> None:
            kept.append(tokens[0].float().cpu().numpy())

        with torch.inference_mode(), listening(self.anatomy.blocks, enter, before_first=True):
            self.anatomy.forward(ready.pixels.to(self.device))
        return np.stack(kept)

    def queries_and_keys(self, picture: Any, layer: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query and key vectors of one layer, two arrays of (heads, tokens, head width)."""
        ready = self.anatomy.prepare(open_picture(picture).image, None)
        with torch.inference_mode(), capture(self.module, Request(layers=[layer], parts=True)) as seen:
            self.anatomy.forward(ready.pixels.to(self.device))
        return seen[0].parts["query"][0].float().cpu().numpy(), seen[0].parts["key"][0].float().cpu().numpy()

    def patch_filters(self) -> NDArray[np.float32]:
        """(width, 3, patch height, patch width): the linear patch embedding, one filter per channel of a token."""
        return self.anatomy.patch_filters.detach().float().cpu().numpy()

    def position_table(self) -> NDArray[np.float32] | None:
        """(tokens, width) learned position embeddings, special tokens first; None if the model has no such table."""
        table = self.anatomy.positions
        return None if table is None else table.detach().float().cpu().numpy()

    def estimate(self, size: Sequence[int], request: Request) -> int:
        """Bytes that the maps of an input of `size` (height, width) pixels would take."""
        tokens = len(self.anatomy.special) + (size[0] // self.anatomy.patch[0]) * (size[1] // self.anatomy.patch[1])
        layers = len(self.anatomy.blocks if request.layers is None else request.layers)
        heads = self.anatomy.heads if request.heads is None else len(request.heads)
        rows = tokens if request.queries is None else len(request.queries)
        each = (2 if request.half else 4) * (2 if request.gradients else 1)
        return layers * heads * rows * tokens * each

    @staticmethod
    def _check_budget(estimate: int, budget: int) -> None:
        if estimate > budget:
            raise BudgetError(
                f"this capture: want at most {budget / 1e6:.0f} MB of maps, got {estimate / 1e6:.0f} MB. "
                "Choose layers=, heads= or queries=, take half=True, or raise budget=."
            )

    def _target(self, target: str | int | None) -> int | None:
        if target is None:
            return None
        if isinstance(target, str) and target in self.classes:
            return self.classes.index(target)
        if isinstance(target, int) and 0 <= target < len(self.classes):
            return target
        raise ValueError(f"target: want a class name or a number from 0 to {len(self.classes) - 1}, got {target!r}")

    @contextmanager
    def _norms(self) -> Iterator[list[NDArray[np.float32]]]:
        """Collect the length of every token after each block."""
        found: list[NDArray[np.float32]] = []

        def measure(tokens: Tensor) -> None:
            found.append(torch.linalg.vector_norm(tokens[0].detach().float(), dim=-1).cpu().numpy())

        with listening(self.anatomy.blocks, measure):
            yield found

    @contextmanager
    def _differentiable(self, wanted: bool) -> Iterator[None]:
        with torch.enable_grad() if wanted else torch.inference_mode():
            yield

    def _gradients(self, scores: Tensor | None, seen: Sequence[Seen], target: int | None) -> list[Tensor | None]:
        if target is None:
            return [None] * len(seen)
        if scores is None:
            raise ValueError(f"{self.card.name} has no classes, so it has no score to differentiate")
        probes = [one.probe for one in seen if one.probe is not None]
        # torch.autograd.grad and never .backward(): threads share the model, and backward writes to shared tensors.
        return list(torch.autograd.grad(scores[0, target], probes))

    def _map(self, one: Seen, ready: Input, request: Request, gradient: Tensor | None) -> AttentionMap:
        height, width = ready.pixels.shape[-2:]
        axis = Axis.patches(height // self.anatomy.patch[0], width // self.anatomy.patch[1], self.anatomy.special)
        kept = None
        if gradient is not None:
            for dim, numbers in ((1, request.heads), (2, request.queries)):
                gradient = (
                    gradient
                    if numbers is None
                    else gradient.index_select(dim, torch.as_tensor(list(numbers), device=gradient.device))
                )
            kept = gradient[0].to(one.weights.dtype).cpu().numpy()
        weights = one.weights[0] if one.weights.dtype == torch.float16 else one.weights[0].float()
        # A pool behind the blocks (SigLIP) asks with a learned query of its own.
        pools = one.layer >= len(self.anatomy.blocks)
        query, kind = (Axis.text(("pool",)), "cross") if pools else (axis, one.kind)
        return AttentionMap(
            weights.cpu().numpy(), one.name, one.layer, kind, query, axis, one.residual,
            _tuple(request.heads), _tuple(request.queries), kept,
        )  # fmt: skip

    def _prediction(self, scores: Tensor | None, target: int | None) -> Prediction:
        if scores is None:
            return Prediction()
        return Prediction(self.classes, scores[0].detach().float().cpu().numpy(), target=target)


def _plain(numbers: Sequence[int] | None) -> list[int] | None:
    return None if numbers is None else [int(n) for n in numbers]


def _tuple(numbers: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if numbers is None else tuple(int(n) for n in numbers)
