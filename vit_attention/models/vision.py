"""One loaded vision transformer behind the few methods that pages, notebooks and the command line use."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from vit_attention.capture import CaptureError, Heard, Request, Seen, capture, listening
from vit_attention.gate import GateError
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.prepared import GREY, Input, uncovered
from vit_attention.models import kept, sizes, targets
from vit_attention.models.arguments import distinct
from vit_attention.models.arguments import whole as numbers
from vit_attention.models.cards import Card
from vit_attention.models.devices import thaw
from vit_attention.models.model import Asked, Attended, Model, array, as_map, plain
from vit_attention.models.passes import Pass
from vit_attention.models.targets import Aim
from vit_attention.records import SIGNALS, AttentionMap, Axis, Prediction, Run, Similar
from vit_attention.records.geometry import Geometry
from vit_attention.records.similar import missing
from vit_attention.signals import Again, carry_out, runs
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


class VisionModel(Model):
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

    options = frozenset({"size", "whole"})

    def __init__(self, card: Card, module: nn.Module, anatomy: Anatomy, classes: tuple[str, ...], weights_hash: str):
        super().__init__(card, module, weights_hash, classes)
        self.anatomy = anatomy

    def _size(self) -> str:
        return f"{len(self.anatomy.blocks)} layers, {len(self.classes)} classes"

    @property
    def signals(self) -> frozenset[str]:  # type: ignore[override]
        """All signals; a model without classes gives those about a target for a similarity."""
        return frozenset({*SIGNALS, *runs()})

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
        if target is None and not self.classes and wanted & {"target", "gradients", "occlusion"}:
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

    def asked(self, *, whole: Iterable[int] | None = None, **attend: Any) -> tuple[Asked, dict[str, Any]]:
        """The arguments of `attend`, checked, with the layers to be kept whole."""
        asked, own = super().asked(**attend)
        layers, found = asked.request.layers, numbers("whole", whole) or ()
        missing = [n for n in found if layers is not None and n not in layers]
        if missing:
            raise GateError("whole", f"numbers among layers={plain(layers)}", f"{missing[0]}")
        return replace(asked, request=replace(asked.request, whole=found, fused=kept.fusions(asked.signals))), own

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
        return replace(ready, pixels=ready.pixels[:, :channels], image=opened.image, notes=notes)

    def _ready(self, pixels: Tensor, channels: int) -> Input:
        """Prepared pixels in the precision that the network computes in."""
        ready, precision = Input.ready(pixels, channels), self.anatomy.patch_filters.dtype
        if pixels.dtype == precision:
            return ready
        said = f"The pixels were given in {pixels.dtype} and went in as {precision}.".replace("torch.", "")
        return replace(ready, pixels=ready.pixels.to(precision), notes=(*ready.notes, said))

    def _attend(self, given: Any, asked: Asked, *, size: int | tuple[int, int] | None = None) -> Attended:
        return next(self.attend_ready([self.prepare(given, size)], asked, size=size))

    def attend_ready(
        self, inputs: Sequence[Input], asked: Asked, *, size: int | tuple[int, int] | None = None
    ) -> Iterator[Attended]:
        """The results of several inputs of equal size, which pass through the network as one batch."""
        grid, _, _ = self._grid(inputs[0])
        size = sizes.sides(size, self.anatomy.patch)
        tokens = self.axis_of(inputs[0])
        if isinstance(asked.target, Aim):
            asked.target.said.check(tokens)
        estimate = len(inputs) * max(self._estimate(len(tokens), one) for one in (asked, asked.during))
        asked.check_budget(estimate, ", queries=" + ", batch=" * (len(inputs) > 1))
        passed = self._pass(inputs, asked, grid)
        for n, ready in enumerate(inputs):
            yield self._attended(ready, passed.of(n), asked, size)

    def _pass(self, inputs: Sequence[Input], asked: Asked, grid: tuple[int, int]) -> Pass:
        request, target = asked.request, asked.target
        norms: list[Tensor] = []
        states: list[Tensor] = []
        last: list[Tensor] = []

        def hear(tokens: Tensor) -> None:
            last[:] = [tokens]
            norms.append(torch.linalg.vector_norm(tokens.detach().float(), dim=-1))
            if "hidden" in asked.signals:
                states.append(tokens.detach().float())

        with self._differentiable() if request.gradients else torch.inference_mode():
            with listening(self.anatomy.blocks, hear, before_first=True), capture(self.module, request) as seen:
                scores = self._forward(torch.cat([one.pixels for one in inputs]))
            notes = [[*seen.notes, *self._resized(grid)] for _ in inputs]
            about: Sequence[int | Aim | None] = [target] * len(inputs)
            asked_scores = scores
            if isinstance(target, Aim):
                about, asked_scores = targets.held(target, self.anatomy.norm(last[0]), self.axis_of(inputs[0]), notes)
            elif asked.about_a_class and target is None:
                assert scores is not None, "signals about classes are refused without classes"
                about = [self._likeliest(one, some) for one, some in zip(scores, notes, strict=True)]
            gradients = self._gradients(asked_scores, seen, about) if request.gradients else [None] * len(seen)
        return Pass([*seen], scores, about, gradients, norms, states, notes, seen.unheard)

    def _attended(self, ready: Input, passed: Pass, asked: Asked, size: tuple[int, int] | None) -> Attended:
        """What became of one input, which `passed` holds alone."""
        (grid, geometry, cut), target = self._grid(ready), passed.targets[0]
        norms = passed.norms[-len(self.anatomy.blocks) :]
        column, scores = (0, partial(self._similarities, target)) if isinstance(target, Aim) else (target, self._scores)
        again = Again(ready, grid, self.anatomy.patch, column, scores, lambda image: self.hidden_states(image, size))
        return Attended(
            maps=tuple(
                self._map(*pair, grid, asked.request) for pair in zip(passed.seen, passed.gradients, strict=True)
            ),
            geometry=geometry,
            prediction=self._said(passed, target),
            image=ready.image,
            norms=np.stack([array(one[0]) for one in norms]) if norms else np.zeros((0, 0), np.float32),
            signals={**kept.signals(asked.signals, passed), **{run.name: carry_out(run, again) for run in asked.runs}},
            settings={
                "target": targets.text(target, self.classes),
                "size": plain(size),
                "whole": plain(asked.request.whole),
            },
            notes=[*ready.notes, *cut, *passed.notes[0]],
            unheard=passed.unheard,
        )

    @overload
    def classify(self, given: list[Any] | tuple[Any, ...]) -> NDArray[np.float32]: ...

    @overload
    def classify(self, given: Any) -> Any: ...

    def classify(self, given: Any) -> Any:
        """Raw scores (logits): by class name for one picture, as an array for several.

        Args:
            given: one picture, as for `attend`; or a list or any other iterable of them, or an array or tensor with an
                axis of pictures in front.

        Returns:
            For one picture, a dict from class name to raw score in the order of the classes; a name that several classes
            share is followed by the class number. For several, a (pictures, classes) float32 array.

        Raises:
            GateError: a model without classes; no picture at all.
            PictureError: a picture that cannot be read.

        >>> import vit_attention as va
        >>> scores = va.load("scene-vit").classify("scene-7")
        >>> max(scores, key=scores.get)
        'ring'
        """
        if not self.classes:
            raise GateError("classify", "a model with classes", f"{self.card.name}, which has no classes")
        if not _several(given):
            scores = self._scores(self.prepare(given).pixels)[0]
            return dict(zip(distinct(self.classes), scores.tolist(), strict=True))
        ready = [self.prepare(one).pixels.to(self.device) for one in given]
        if not ready:
            raise GateError("classify", "at least one picture", "none")
        return self._scores(torch.cat(ready))

    def rerun(self, given: Any, change: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
        """(batch, classes) raw scores for a changed input.

        Args:
            given: as for `attend`.
            change: (1, channels, height, width) prepared pixels to (batch, channels, height, width).

        Raises:
            ValueError: a model without classes.
        """
        return self._scores(change(self.prepare(given).pixels))

    def hidden_states(self, picture: Any, size: int | tuple[int, int] | None = None) -> NDArray[np.float32]:
        """(layers + 1, tokens, width): the tokens that enter the first block, then those that leave every block."""
        kept: list[NDArray[np.float32]] = []

        def hear(tokens: Tensor) -> None:
            kept.append(array(tokens[0].float()))

        with torch.inference_mode(), listening(self.anatomy.blocks, hear, before_first=True):
            self._forward(self.prepare(picture, size).pixels)
        return np.stack(kept)

    def queries_and_keys(self, picture: Any, layer: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query and key vectors of one layer, two arrays of (heads, tokens, head width)."""
        found = self.attend(picture, keep={"queries", "keys"}, layers=[layer]).signals
        return found["queries"][0], found["keys"][0]

    def patch_filters(self) -> NDArray[np.float32]:
        """(width, channels, patch height, patch width): the linear patch embedding, one filter per channel of a token."""
        return self.anatomy.patch_filters.detach().float().cpu().numpy()

    def position_table(self) -> NDArray[np.float32] | None:
        """(tokens, width) learned position embeddings, special tokens first; None if the model has no such table."""
        table = self.anatomy.positions
        return None if table is None else table.detach().float().cpu().numpy()

    def _forward(self, pixels: Tensor) -> Tensor | None:
        size = tuple(int(n) for n in pixels.shape[-2:])
        try:
            # A caller's autocast would make another record of the same model and picture.
            with torch.autocast(self.device.type, enabled=False):
                scores = self.anatomy.forward(pixels.to(self.device))
        except (CaptureError, torch.OutOfMemoryError):
            raise
        except (RuntimeError, AssertionError, ValueError) as error:
            own = tuple(
                cells * side for cells, side in zip(self.anatomy.position_grid, self.anatomy.patch, strict=True)
            )
            if size == own:
                raise
            want = f"(height, width) that {self.card.name} takes, such as {own}"
            raise GateError(
                "pixels", want, str(size), advice=f"Its network says: {' '.join(str(error).split())}"
            ) from error
        return scores if self.classes else None  # a head without classes gives its features back

    @contextmanager
    def _differentiable(self) -> Iterator[None]:
        """Gradients are recorded inside, also where the caller has switched them off, and in full precision.
        Weights that were loaded or moved inside `torch.inference_mode` can't be gone back through, and are copied once.
        """
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(self.device.type, enabled=False):
            thaw(self.module)
            yield

    def _scores(self, pixels: Tensor) -> NDArray[np.float32]:
        with torch.inference_mode():
            scores = self._forward(pixels)
        if scores is None:
            raise GateError("scores", "a model with classes", f"{self.card.name}, which has no classes")
        return scores.float().cpu().numpy()

    def _similarities(self, aim: Aim, pixels: Tensor) -> NDArray[np.float32]:
        """(batch, 1) the similarity that is asked about, as `_scores` gives those of classes."""
        with torch.inference_mode():
            return aim.scores(self.final_tokens(pixels)).float().cpu().numpy()[:, None]

    def _said(self, passed: Pass, target: int | Aim | None) -> Prediction:
        said = target.said if isinstance(target, Aim) else target
        if passed.scores is None:
            return Prediction(target=said)
        return Prediction(self.classes, array(passed.scores[0]), target=said)

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

    def _estimate(self, tokens: int, asked: Asked) -> int:
        """Bytes that the record of one picture would take."""
        network = len(self.anatomy.blocks), self.anatomy.heads, len(self.anatomy.patch_filters)
        return kept.estimate(asked, tokens, *network, len(self.classes))

    def _likeliest(self, scores: Tensor, notes: list[str]) -> int:
        number = int(scores.argmax())
        notes.append(f"No class was given, so the likeliest is asked about: {self.classes[number]}.")
        return number

    def _gradients(self, scores: Any, seen: Heard, targets: Sequence[int | Aim | None]) -> list[Tensor | None]:
        probes = [one.probe for one in seen if one.probe is not None]
        similar = any(isinstance(one, Aim) for one in targets)
        # Pictures of a batch know nothing of each other, so that the sum of their scores gives each its own gradients.
        asked = scores.sum() if similar else scores[range(len(targets)), targets].sum()
        # torch.autograd.grad and never .backward(): threads share the model, and backward writes to shared tensors.
        # A pool behind the blocks (SigLIP) does not move the tokens that are compared: its gradients are 0.
        return list(torch.autograd.grad(asked, probes, materialize_grads=similar))

    def _map(self, one: Seen, gradient: Tensor | None, grid: tuple[int, int], request: Request) -> AttentionMap:
        axis = Axis.patches(*grid, self.anatomy.special)
        # A pool behind the blocks (SigLIP) asks with a learned query of its own.
        pools = one.layer >= len(self.anatomy.blocks)
        query, kind = (Axis.text(("pool",)), "cross") if pools else (axis, one.kind)
        return as_map(one, one.layer, kind, query, axis, request, gradient)


def _several(given: Any) -> bool:
    """Whether these are pictures in a row, and not one."""
    if isinstance(given, (Tensor, np.ndarray)):
        return given.ndim == 4 and len(given) != 1
    return (
        isinstance(given, Iterable) and not isinstance(given, (str, bytes, os.PathLike)) and not hasattr(given, "read")
    )
