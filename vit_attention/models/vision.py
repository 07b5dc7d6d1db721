"""One loaded vision transformer behind the few methods that pages, notebooks and the command line use."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from vit_attention.capture import listening
from vit_attention.changes import Change
from vit_attention.gate import GateError
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.prepared import GREY, Input, uncovered
from vit_attention.models import covered, sizes, slopes, targets
from vit_attention.models.cards import Card
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.model import Asked, plain
from vit_attention.models.passes import Pass
from vit_attention.models.targets import Aim
from vit_attention.records import Axis, Run, Similar
from vit_attention.records.geometry import Geometry
from vit_attention.records.similar import missing
from vit_attention.signals import aimed
from vit_attention.signals.given import Again
from vit_attention.weights.positions import resized_note


@dataclass(frozen=True)
class Anatomy:
    """Where a family of transformers keeps what pages show.

    Attributes:
        special: names of the special tokens that lead.
        patch: (height, width) of a patch in pixels.
        blocks: the transformer blocks in order; each returns its tokens.
        heads: how many heads a block has.
        patch_filters: the patch embedding's weight, (width, channels, patch height, patch width).
        positions: the learned position table, (tokens, width), or None.
        position_grid: (rows, columns) of the patches in that table.
        prepare: upright RGB picture and optional (height, width) to model input; ValueError for an impossible size.
        forward: model input to raw class scores (batch, classes), or None for models without classes.
        norm: the final norm, from the tokens that leave the last block.
        tail: (batch, tokens, width) tokens that leave the last block to raw class scores (batch, classes), as `forward` makes
            them of pixels; None for models without classes. At least one patch has to be among the tokens.
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
    norm: Callable[[Tensor], Tensor]
    tail: Callable[[Tensor], Tensor] | None = None

    @property
    def width(self) -> int:
        """Numbers of a token."""
        return len(self.patch_filters)


class VisionModel(EncoderModel):
    """A vision transformer for single pictures.

    `attend` also takes ``size``, the model's input in pixels, one number or (height, width), multiples of the patch; a
    ValueError if this model accepts no other size than its own. Pictures are prepared in proportion: a model that cuts out
    the middle sees the same part of the picture at every size of the same shape.

    For large inputs it takes ``whole``, numbers of layers of which every query is kept although ``queries`` chooses some;
    and ``keep={"head-mean"}`` (or "head-max", "head-min") keeps of every layer one matrix for all heads, which rollout
    needs. Both are gathered layer by layer, so that only one layer's full maps are in memory at a time:

    >>> import vit_attention as va
    >>> record = va.load("scene-vit").attend("scene-7", size=144, queries=[0], whole=[8], keep={"head-mean"}, half=True)
    >>> [one.weights.shape for one in record.maps[7:9]], record.signals["head-mean"].shape
    ([(12, 1, 325), (12, 325, 325)], (12, 325, 325))
    """

    options = EncoderModel.options | {"size"}
    inputs = "pictures"
    anatomy: Anatomy

    def __init__(self, card: Card, module: nn.Module, anatomy: Anatomy, classes: tuple[str, ...], weights_hash: str):
        super().__init__(card, module, weights_hash, classes)
        self.anatomy = anatomy

    @property
    def _prefix(self) -> int:
        return len(self.anatomy.special)

    def under(self, change: Change) -> Self:
        """The same model with something changed inside it while it runs; see `EncoderModel.under`."""
        view = super().under(change)
        view.anatomy = replace(self.anatomy, special=(*self.anatomy.special, *change.special))
        return view

    def _size(self) -> str:
        return f"{len(self.anatomy.blocks)} layers, {len(self.classes)} classes"

    def _target(self, given: Any, options: dict[str, Any]) -> int | Aim | None:
        said = Similar.named(given, self.classes)
        if said is not None:
            return targets.aim(self, said, options.get("size"))
        if given is not None and not self.classes:
            raise missing(self.card.name, given)
        return super()._target(given, options)

    def _check_signals(self, names: frozenset[str], needed: tuple[Run, ...], target: Any) -> None:
        super()._check_signals(names, needed, target)
        wanted = {*names, *(run.name for run in needed)}
        if target is None and not self.classes and wanted & {"target", "gradients", *aimed()}:
            raise missing(self.card.name, None)

    def axis_of(self, ready: Input) -> Axis:
        """What the tokens of an input stand for."""
        return Axis.patches(*self._grid(ready)[0], self.anatomy.special)

    def final_tokens(self, pixels: Tensor) -> Tensor:
        """(batch, tokens, width) tokens after the last block and the final norm, for prepared pixels."""
        last: list[Tensor] = []
        with listening(self.anatomy.blocks[-1:], last.append):
            self._forward(pixels)
        return self.anatomy.norm(last[-1])

    def prepare(self, given: Any, size: int | tuple[int, int] | None = None) -> Input:
        """The picture as the network takes it; prepared pixels go in unchanged.

        Raises:
            PictureError: the picture cannot be read.
            ValueError: a size that the model cannot take, or another than prepared pixels have.
        """
        channels, size = int(self.anatomy.patch_filters.shape[1]), sizes.sides(size, self.anatomy.patch)
        if isinstance(given, Tensor):
            ready = self._ready(given, channels)
            own = (int(ready.pixels.shape[-2]), int(ready.pixels.shape[-1]))
            if size not in (None, own):
                raise GateError("size", f"{own} or none, as prepared pixels go in as they are", f"{size}")
            return ready
        if channels not in (1, 3):
            advice = f"Prepare the pixels yourself and give a tensor of (1, {channels}, height, width)."
            raise GateError("picture", f"{channels} channels, as {self.card.name} takes", "a picture", advice=advice)
        opened = open_picture(given)
        image = opened.image if channels == 3 else opened.image.convert("L").convert("RGB")
        ready = self.anatomy.prepare(image, size)
        notes = (*opened.notes, *ready.notes, *([] if channels == 3 else [GREY]))
        pixels = ready.pixels[:, :channels].to(self.anatomy.patch_filters.dtype)
        return replace(ready, pixels=pixels, image=opened.image, notes=notes)

    def _ready(self, pixels: Tensor, channels: int) -> Input:
        """Prepared pixels in the precision that the network computes in."""
        ready, precision = Input.ready(pixels, channels), self.anatomy.patch_filters.dtype
        if pixels.dtype == precision:
            return ready
        said = f"The pixels were given in {pixels.dtype} and went in as {precision}.".replace("torch.", "")
        return replace(ready, pixels=ready.pixels.to(precision), notes=(*ready.notes, said))

    def _together(self, inputs: Sequence[Input]) -> Tensor:
        return torch.cat([one.pixels for one in inputs])

    def _forward(self, pixels: Tensor) -> Tensor | None:
        def misfit() -> tuple[str, str] | None:
            own = tuple(n * side for n, side in zip(self.anatomy.position_grid, self.anatomy.patch, strict=True))
            size = tuple(int(n) for n in pixels.shape[-2:])
            return None if size == own else (f"(height, width) that {self.card.name} takes, such as {own}", str(size))

        scores: Tensor | None = self._run(pixels.to(self.device), self.anatomy.forward, "pixels", misfit)
        return scores

    def _again(self, ready: Input, passed: Pass, *, size: int | tuple[int, int] | None = None) -> Again:
        target = passed.targets[0]
        column, scores = self._scored(target)
        grid = self._grid(ready)[0]
        return Again(
            ready,
            grid,
            self.anatomy.patch,
            column,
            scores,
            lambda image: self.hidden_states(image, size=size),
            behind=self._behind(ready, passed),
            slope=slopes.of_picture(self, ready, grid, target),
            similar=isinstance(target, Aim),
        )

    def _scored(self, target: int | Aim | None) -> tuple[int | None, Callable[[Tensor], NDArray[np.float32]]]:
        """Which column is asked about, and what gives the scores of a batch."""
        return (0, partial(self._similarities, target)) if isinstance(target, Aim) else (target, self._scores)

    def _covered(self, ready: Input, covers: Any, fill: str | None, asked: Asked, seed: int) -> NDArray[np.float64]:
        return covered.of_picture(self, ready, covers, fill, asked.target, seed)

    def _about(self, ready: Input, asked: Asked, *, size: int | tuple[int, int] | None = None) -> dict[str, Any]:
        _, geometry, cut = self._grid(ready)
        settings = {"size": plain(sizes.sides(size, self.anatomy.patch))}
        return {"geometry": geometry, "image": ready.image, "settings": settings, "notes": [*ready.notes, *cut]}

    def _said_of(self, ready: Input) -> tuple[str, ...]:
        return self._resized(self._grid(ready)[0])

    def alike(self, one: Input, other: Input) -> bool:
        return one.pixels.shape == other.pixels.shape and one.pixels.dtype == other.pixels.dtype

    def _several(self, given: Any) -> bool:
        if isinstance(given, (Tensor, np.ndarray)):
            return given.ndim == 4 and len(given) != 1
        one = isinstance(given, (str, bytes, os.PathLike)) or hasattr(given, "read")
        return isinstance(given, Iterable) and not one

    def rerun(self, given: Any, change: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
        """(batch, classes) raw scores for a changed input.

        Args:
            given: as for `attend`.
            change: (1, channels, height, width) prepared pixels to (batch, channels, height, width).

        Raises:
            ValueError: a model without classes.
        """
        return self._scores(change(self.prepare(given).pixels))

    def patch_filters(self) -> NDArray[np.float32]:
        """(width, channels, patch height, patch width): the linear patch embedding, one filter per channel of a token."""
        return self.anatomy.patch_filters.detach().float().cpu().numpy()

    def position_table(self) -> NDArray[np.float32] | None:
        """(tokens, width) learned position embeddings, special tokens first; None if the model has no such table."""
        table = self.anatomy.positions
        return None if table is None else table.detach().float().cpu().numpy()

    def _similarities(self, aim: Aim, pixels: Tensor) -> NDArray[np.float32]:
        """(batch, 1) the similarity that is asked about, as `_scores` gives those of classes."""
        with torch.inference_mode():
            return aim.scores(self.final_tokens(pixels)).float().cpu().numpy()[:, None]

    def _grid(self, ready: Input) -> tuple[tuple[int, int], Geometry, list[str]]:
        """(rows, columns) of the patches, the geometry of what they cover, and what there is to say about it."""
        (height, width), (high, wide) = ready.pixels.shape[-2:], self.anatomy.patch
        rows, columns = height // high, width // wide
        if not rows or not columns:
            want = f"at least one patch of (height, width) ({high}, {wide})"
            raise GateError("pixels", want, f"({height}, {width})")
        if (rows * high, columns * wide) == (height, width):
            return (rows, columns), ready.geometry, []
        geometry = ready.geometry.crop(0, 0, columns * wide, rows * high)
        return (rows, columns), geometry, [uncovered((width, height), geometry.seen)]

    def _resized(self, grid: tuple[int, int]) -> tuple[str, ...]:
        table = self.anatomy.position_grid
        if self.anatomy.positions is None or grid == table:
            return ()
        return resized_note(table, grid), *sizes.beyond_note(table, grid)

    def axis(self, size: int | tuple[int, int] | None = None) -> Axis:
        """The tokens of a block for inputs of this size: special tokens first, then the patches row by row.

        Args:
            size: as for `attend`; None takes that of a square picture.

        >>> import vit_attention as va
        >>> va.load("scene-vit").axis((160, 240)).grid
        (20, 30)
        """
        found, part = sizes.sides(size, self.anatomy.patch), self.anatomy.patch
        if found is None:  # what preparing makes of one; a model may have positions for more patches
            return self.axis_of(self.prepare(Image.new("RGB", (256, 256))))
        return Axis.patches(found[0] // part[0], found[1] // part[1], self.anatomy.special)

    def estimate(self, size: int | tuple[int, int] | None = None, **attend: Any) -> int:
        """Bytes that a record would take, without running anything; its copy of the picture, about 0.1 MB, is not counted.

        Args:
            size: as for `attend`; None takes that of a square picture.
            attend: other arguments of `attend`.

        Raises:
            GateError: arguments that `attend` refuses.

        >>> import vit_attention as va
        >>> model = va.load("scene-vit")
        >>> few = model.estimate(size=192, queries=[0], keep={"head-mean"}, half=True)
        >>> model.estimate(size=192) // 1_000_000, few // 1_000_000
        (191, 8)
        """
        return self._estimate(len(self.axis(size)), self.asked(**attend)[0])
