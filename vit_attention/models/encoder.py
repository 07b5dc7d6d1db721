"""What every encoder has in common: one sequence of tokens through transformer blocks, and the record of that pass."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Protocol, Self, SupportsIndex, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vit_attention.capture import CaptureError, Request, Seen, listening
from vit_attention.changes import Change, Inside
from vit_attention.gate import GateError, shown
from vit_attention.models import kept, one_pass, targets
from vit_attention.models.arguments import distinct
from vit_attention.models.arguments import whole as numbers
from vit_attention.models.model import Asked, Attended, Model, array, as_map, plain
from vit_attention.models.passes import Pass
from vit_attention.models.targets import Aim
from vit_attention.records import SIGNALS, AttentionMap, Axis, Prediction, Similar
from vit_attention.signals import carry_out, rides, runs
from vit_attention.signals.given import Behind


class Blocks(Protocol):
    """Where a family keeps its transformer blocks.

    Attributes:
        blocks: in order, each of which returns its tokens; a block that is used several times stands there as often.
        heads: how many heads a block has.
        width: of a token.
        norm: the final norm, from the tokens that leave the last block.
        tail: (batch, tokens, width) tokens that leave the last block to (batch, classes) scores; None without classes.
    """

    @property
    def blocks(self) -> Sequence[nn.Module]: ...
    @property
    def heads(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def norm(self) -> Callable[[Tensor], Tensor]: ...
    @property
    def tail(self) -> Callable[[Tensor], Tensor] | None: ...


class EncoderModel(Model):
    """An encoder: all tokens of one input attend to each other in every block.

    Options of attend: ``whole``, numbers of layers of which every query is kept although ``queries`` chooses some; and
    ``keep={"head-mean"}`` (or "head-max", "head-min") keeps of every layer one matrix for all heads.
    """

    options = frozenset({"whole"})
    changes: tuple[Change, ...] = ()
    inputs = ""
    """What its runs change: "pictures" or "texts"."""
    anatomy: Blocks

    @property
    def signals(self) -> frozenset[str]:  # type: ignore[override]
        """Everything that a pass leaves, and the runs on what it takes."""
        return frozenset({*SIGNALS, *runs(self.inputs)})

    @property
    def tower(self) -> nn.Module:
        """The network that is captured; a part of `module` where that holds several."""
        return self.module  # type: ignore[no-any-return]

    @abstractmethod
    def axis_of(self, ready: Any) -> Axis:
        """What the tokens of an input that was made ready stand for."""

    @abstractmethod
    def _together(self, inputs: Sequence[Any]) -> Any:
        """Several inputs as `_forward` takes them."""

    @abstractmethod
    def _forward(self, batch: Any) -> Tensor | None:
        """Scores of a batch, (batch, classes), or None without classes."""

    @abstractmethod
    def _again(self, *given: Any, **options: Any) -> Any:
        """What a run is given to run the model again on one input, of (ready, passed)."""

    @abstractmethod
    def _covered(self, ready: Any, covers: Any, fill: str | None, asked: Asked, seed: int) -> NDArray[np.float64]:
        """The numbers of `scores_covered` for an input that was made ready."""

    @abstractmethod
    def _about(self, *given: Any, **options: Any) -> dict[str, Any]:
        """What the record tells of an input beside its maps, of (ready, asked): fields of `Attended`."""

    def under(self, change: Change) -> Self:
        """The same model with something changed inside it while it runs; it shares the network, which stays as it is.

        Everything that the model can do, it can do under the change: records, methods, runs, batches. Their notes tell it.

        Args:
            change: one of `vit_attention.changes`; called again, the changes add up in this order.

        Raises:
            GateError: something that the model does not have, or a network in which nothing can be changed.

        >>> import vit_attention as va
        >>> from vit_attention.changes import HeadGains
        >>> model = va.load("scene-vit")
        >>> without = model.under(HeadGains({(8, 2): 0.0}))
        >>> without.classify("scene-7")["ring"] < model.classify("scene-7")["ring"]
        True
        """
        if not isinstance(change, Change):
            raise GateError("change", "one of vit_attention.changes", shown(change))
        if len({*map(id, self.anatomy.blocks)}) < len(self.anatomy.blocks):
            raise GateError("change", "a network in which each layer is a block of its own", f"{self.card.name}")
        view = copy.copy(self)
        view.changes = (*self.changes, change)
        view.notes = (*self.notes, f"Changed while it ran: {change.text}.")
        with view._changed(enter=False):
            return view

    def _changed(self, enter: bool = True) -> ExitStack:
        """A context in which the network is changed; without `enter`, the changes are only checked."""
        prefix = self._prefix - sum(len(one.special) for one in self.changes)
        with ExitStack() as stack:
            for one in self.changes:
                network = self.anatomy.heads, prefix, self.anatomy.width
                context = one.during(Inside(self.tower, self.anatomy.blocks, *network))
                prefix += len(one.special)
                if enter:
                    stack.enter_context(context)
            return stack.pop_all()

    @property
    @abstractmethod
    def _prefix(self) -> int:
        """How many special tokens lead."""

    def asked(self, *, whole: Iterable[int] | None = None, **attend: Any) -> tuple[Asked, dict[str, Any]]:
        """The arguments of `attend`, checked, with the layers to be kept whole."""
        asked, own = super().asked(**attend)
        layers, found = asked.request.layers, numbers("whole", whole) or ()
        missing = [n for n in found if layers is not None and n not in layers]
        if missing:
            raise GateError("whole", f"numbers among layers={plain(layers)}", f"{missing[0]}")
        return replace(asked, request=replace(asked.request, whole=found, fused=kept.fusions(asked.signals))), own

    def _attend(self, given: Any, asked: Asked, **options: Any) -> Attended:
        return next(self.attend_ready([self.prepare(given, **options)], asked, **options))

    def attend_ready(self, inputs: Sequence[Any], asked: Asked, **options: Any) -> Iterator[Attended]:
        """The results of several inputs, which pass through the network as one batch."""
        passed = self.pass_together(inputs, asked)
        for n, ready in enumerate(inputs):
            yield self._attended(ready, passed.of(n), asked, **options)

    def pass_together(self, inputs: Sequence[Any], asked: Asked) -> Pass:
        """What one pass of several inputs leaves, before it is taken apart."""
        tokens = max((self.axis_of(one) for one in inputs), key=len)
        if isinstance(asked.target, Aim):
            asked.target.said.check(tokens)
        # A run that takes part keeps the graph of a whole pass, about as much as gradients of all weights.
        whole = replace(asked.request, gradients=True, layers=None)
        graph = replace(asked, request=whole) if any(map(rides, asked.runs)) else asked
        batch = ", batch=" * (len(inputs) > 1)
        asked.check_budget(len(inputs) * self._estimate(len(tokens), asked), f", queries={batch}")
        asked.check_budget(len(inputs) * self._estimate(len(tokens), graph.during), batch, during=True)
        return self._pass(inputs, asked)

    def _pass(self, inputs: Sequence[Any], asked: Asked) -> Pass:
        return one_pass.passes(self, inputs, asked)

    def _counts(self, inputs: Sequence[Any]) -> Tensor:
        """(batch, tokens) which tokens of a batch are no padding."""
        return torch.ones(len(inputs), len(self.axis_of(inputs[0])), dtype=torch.bool)

    def _inner(self, inputs: Sequence[Any]) -> Tensor:
        """(batch, tokens) which tokens are the input's own, neither special nor padding."""
        axis = self.axis_of(inputs[0])
        return torch.tensor([[n >= axis.prefix for n in range(len(axis))]] * len(inputs))

    def _behind(self, ready: Any, passed: Pass) -> Behind | None:
        """The tokens of one input between the blocks, if they were kept."""
        if not passed.states:
            return None
        kind, norm, aim = next(self.tower.parameters()).dtype, self.anatomy.norm, passed.targets[0]
        states = [one[0].to(kind) for one in passed.states]  # the norm and the head take no other precision
        tail = self.anatomy.tail if self.classes else None
        if isinstance(aim, Aim):
            tail = aim.of_last(norm)
        return Behind(states, self.axis_of(ready).prefix, norm, tail, isinstance(aim, Aim))

    def _attended(self, ready: Any, passed: Pass, asked: Asked, **options: Any) -> Attended:
        """What became of one input, which `passed` holds alone."""
        target, axis = passed.targets[0], self.axis_of(ready)
        norms = passed.norms[-len(self.anatomy.blocks) :]
        again = self._again(ready, passed, **options) if asked.runs else None
        about = self._about(ready, asked, **options)
        with torch.autocast(self.device.type, enabled=False):
            ran = {run.name: carry_out(run, again) for run in asked.runs if not rides(run)}
        ran |= {name: array(one[0].float()) for name, one in passed.ridden.items()}
        return Attended(
            maps=tuple(
                self._map(*pair, axis, asked.request) for pair in zip(passed.seen, passed.gradients, strict=True)
            ),
            prediction=self._said(passed, target),
            norms=np.stack([array(one[0]) for one in norms]) if norms else np.zeros((0, 0), np.float32),
            signals={**kept.signals(asked.signals, passed, self), **ran},
            unheard=passed.unheard,
            **{
                **about,
                "settings": {
                    "target": targets.text(target, self.classes),
                    "whole": plain(asked.request.whole),
                    **({"changes": [one.text for one in self.changes]} if self.changes else {}),
                    **about.get("settings", {}),
                },
                "notes": [*about.get("notes", ()), *passed.notes[0]],
            },
        )

    @overload
    def classify(self, given: list[Any] | tuple[Any, ...]) -> NDArray[np.float32]: ...

    @overload
    def classify(self, given: Any) -> Any: ...

    def classify(self, given: Any) -> Any:
        """Raw scores (logits): by class name for one input, as an array for several.

        Args:
            given: one picture or text, as for `attend`; or a list or any other iterable of them, or an array or tensor
                with an axis of pictures in front.

        Returns:
            For one, a dict from class name to raw score in the order of the classes; a name that several classes
            share is followed by the class number. For several, an (inputs, classes) float32 array.

        Raises:
            GateError: a model without classes; no input at all.
            ValueError: an input that cannot be read.

        >>> import vit_attention as va
        >>> scores = va.load("scene-vit").classify("scene-7")
        >>> max(scores, key=scores.get)
        'ring'
        """
        if not self.classes:
            raise GateError("classify", "a model with classes", f"{self.card.name}, which has no classes")
        if not self._several(given):
            scores = self._scores(self._together([self.prepare(given)]))[0]
            return dict(zip(distinct(self.classes), scores.tolist(), strict=True))
        ready = [self.prepare(one) for one in given]
        if not ready:
            raise GateError("classify", "at least one input", "none")
        return self._scores(self._together(ready))

    def scores_covered(
        self,
        given: Any,
        covers: Any,
        *,
        fill: str | None = None,
        target: str | SupportsIndex | Similar | None = None,
        seed: int = 0,
        **options: Any,
    ) -> NDArray[np.float64]:
        """The score of an input some of whose patches or tokens are covered: a probability, or a similarity.

        Args:
            given: as for `attend`.
            covers: (n, rows, columns) booleans, which patches are covered; or (n, tokens) of a text, special tokens included,
                which stay.
            fill: what stands there. For pictures "mean" (the default; the mean colour of the prepared picture), "zero", "blur" (a
                Gaussian whose standard deviation is one patch) or "road" (noisy linear imputation, arXiv:2202.00449). For texts
                "mask" (the model's mask token; the default where it has one) or "leave out" (no token looks at it).
            target: a class or similarity, as for `attend`; None takes the most probable class of the untouched input, which
                costs one pass.
            seed: of the noise of "road".
            options: ``size`` of a picture; ``labels`` or ``pictures`` of a dual encoder.

        Returns:
            (n,) float64: the probability of the class, 0 to 1, or the cosine similarity, -1 to 1; one pass for each, several at
            a time.

        Raises:
            GateError: covers of another shape, another fill, nothing to ask about.
            PictureError: the picture cannot be read.

        >>> import vit_attention as va
        >>> covers = np.zeros((2, 14, 14), dtype=bool)
        >>> covers[1] = True
        >>> va.load("scene-vit").scores_covered("scene-7", covers, target="ring").round(2).tolist()
        [1.0, 0.0]
        """
        model: Any  # an encoder, of pictures or texts
        model, options = self._answering(given, options)
        strange = sorted({*options} - (model.options & {"size"}))
        if strange:
            raise GateError("scores_covered", "options that this kind of model takes here", f"{strange[0]}=")
        asked, options = model.asked(keep={"target"}, target=target, **options)
        found: NDArray[np.float64] = model._covered(model.prepare(given, **options), covers, fill, asked, seed)
        return found

    @abstractmethod
    def alike(self, one: Any, other: Any) -> bool:
        """Whether two inputs that were made ready can go through the network together."""

    @abstractmethod
    def _several(self, given: Any) -> bool:
        """Whether these are inputs in a row, and not one."""

    def hidden_states(self, given: Any, **options: Any) -> NDArray[np.float32]:
        """(layers + 1, tokens, width): the tokens that enter the first block, then those that leave every block."""
        found: list[NDArray[np.float32]] = []
        blocks = list(dict.fromkeys(self.anatomy.blocks))
        with (
            torch.inference_mode(),
            listening(blocks, lambda tokens: found.append(array(tokens[0].float())), before_first=True),
        ):
            self._forward(self._together([self.prepare(given, **options)]))
        return np.stack(found)

    def queries_and_keys(self, given: Any, layer: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Query and key vectors of one layer, two arrays of (heads, tokens, head width)."""
        found = self.attend(given, keep={"queries", "keys"}, layers=[layer]).signals
        return found["queries"][0], found["keys"][0]

    def _run(
        self,
        batch: Any,
        forward: Callable[[Any], Tensor | None],
        what: str,
        misfit: Callable[[], tuple[str, str] | None],
    ) -> Any:
        """Scores of a batch in full precision; what the network says against an input of the wrong size is told."""
        try:
            # A caller's autocast would make another record of the same model and input.
            with torch.autocast(self.device.type, enabled=False), self._changed():
                scores = forward(batch)
        except (CaptureError, torch.OutOfMemoryError):
            raise
        except (RuntimeError, AssertionError, ValueError, IndexError) as error:
            if isinstance(error, GateError):
                raise
            found = misfit() or self._unchangeable()
            if found is None:
                raise
            raise GateError(what, *found, advice=f"Its network says: {' '.join(str(error).split())}") from error
        return scores if self.classes else None  # a head without classes gives its features back

    def _unchangeable(self) -> tuple[str, str] | None:
        """What a network wants that can't take a token more."""
        added = any(one.special for one in self.changes)
        return (
            ("a network whose blocks take any number of tokens", f"{self.card.name} with one more") if added else None
        )

    def _said_of(self, ready: Any) -> Sequence[str]:
        """What there is to say of the pass of an input, in sentences."""
        return ()

    def _scores(self, batch: Any) -> NDArray[np.float32]:
        with torch.inference_mode():
            scores = self._forward(batch)
        if scores is None:
            raise GateError("scores", "a model with classes", f"{self.card.name}, which has no classes")
        return scores.float().cpu().numpy()

    def _said(self, passed: Pass, target: int | Aim | None) -> Prediction:
        said = target.said if isinstance(target, Aim) else target
        if passed.scores is None:
            return Prediction(target=said)
        return Prediction(self.classes, array(passed.scores[0]), target=said)

    def _estimate(self, tokens: int, asked: Asked) -> int:
        """Bytes that the record of one input would take."""
        network = len(self.anatomy.blocks), self.anatomy.heads, self.anatomy.width
        return kept.estimate(asked, tokens, *network, len(self.classes))

    def _map(self, one: Seen, gradient: Tensor | None, axis: Axis, request: Request) -> AttentionMap:
        query, kind = self.asking(one, axis)
        return as_map(one, one.layer, kind, query, axis, request, gradient)

    def asking(self, one: Seen, axis: Axis) -> tuple[Axis, str]:
        """What asks in a block whose keys are the tokens of `axis`, and the kind of its map."""
        # A pool behind the blocks (SigLIP) asks with a learned query of its own.
        pools = one.layer >= len(self.anatomy.blocks)
        return (Axis.text(("pool",)), "cross") if pools else (axis, one.kind)
