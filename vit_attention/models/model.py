"""The one face of a loaded model: an input in, an attention record out, whatever the family."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Self, SupportsIndex

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vit_attention.capture import Request, Seen
from vit_attention.gate import GateError, shown
from vit_attention.models.arguments import class_number, count, whole
from vit_attention.models.cards import Card
from vit_attention.models.devices import thaw, usable
from vit_attention.models.targets import Aim
from vit_attention.records import (
    GRAMS,
    SIGNALS,
    AttentionMap,
    AttentionRecord,
    Axis,
    Prediction,
    Run,
    Similar,
    encode_picture,
    sorted_out,
)
from vit_attention.records.geometry import Geometry

if TYPE_CHECKING:
    from vit_attention.models.many import Many

DEFAULT_BUDGET = 1 << 30
"""Largest capture, in bytes, that `attend` starts unasked."""


class BudgetError(ValueError):
    """A capture would take more memory than `budget`; nothing was run."""


@cache
def _version(name: str) -> str:
    # Reading it takes the metadata of a large package milliseconds, which every record would pay.
    return version(name)


@dataclass(frozen=True)
class Asked:
    """What `attend` was asked for.

    Attributes:
        request: what to capture.
        signals: names of signals to keep.
        runs: runs to carry out.
        target: number of the class, or the similarity, that is asked about; None if none was given.
        budget: largest memory of the record in bytes, known before anything is run.
    """

    request: Request
    signals: frozenset[str] = frozenset()
    runs: tuple[Run, ...] = ()
    target: int | Aim | None = None
    budget: int = DEFAULT_BUDGET

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked, as every family's record keeps it: plain values."""
        return {
            "layers": plain(self.request.layers),
            "heads": plain(self.request.heads),
            "queries": plain(self.request.queries),
            "half": self.request.half,
            "runs": {run.name: run.plain() for run in self.runs},
        }

    @property
    def during(self) -> "Asked":
        """What is in memory during the pass: gradients are of all weights of a layer, of which some are kept afterwards."""
        if not self.request.gradients:
            return self
        return replace(self, request=replace(self.request, heads=None, queries=None, half=False))

    @property
    def about_a_class(self) -> bool:
        """Whether a class or a similarity is asked about."""
        return self.target is not None or bool({"gradients", "target"} & self.signals)

    def check_budget(self, estimate: int, more: str = "", during: bool = False) -> None:
        """Refuse, before anything is run, maps that would take more than the budget.

        Args:
            estimate: bytes.
            more: names further ways out.
            during: whether they are what gradients need during the pass, where what is kept afterwards makes no difference.
        """
        if estimate > self.budget:
            ways = f"Give a smaller input{more}" if during else f"Choose layers=, heads={more}, take half=True"
            raise BudgetError(
                f"this capture: want at most {self.budget / 1e6:.0f} MB of maps, got up to {estimate / 1e6:.0f} MB"
                f"{' of all weights, for gradients' * during}. {ways}, or raise budget=."
            )


@dataclass(frozen=True, eq=False)
class Attended:
    """What a family makes of one input; `Model.attend` makes the record of it.

    Attributes:
        maps, geometry, prediction, norms, signals: as in the record.
        image: the upright picture, or None.
        text: the text that went in, or "".
        settings: what else was asked for, plain values.
        notes: what there is to know, in sentences.
        unheard: attention layers that could not be heard.
        libraries: distributions whose versions matter.
    """

    maps: tuple[AttentionMap, ...]
    geometry: Geometry | None = None
    prediction: Prediction = field(default_factory=Prediction)
    image: Image.Image | None = None
    text: str = ""
    norms: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    signals: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    unheard: Sequence[str] = ()
    libraries: tuple[str, ...] = ("torch", "torchvision", "transformers", "numpy")

    def record(self, model: str, weights_hash: str, settings: dict[str, Any]) -> AttentionRecord:
        """The record; `settings` are those that every family shares."""
        return AttentionRecord(
            maps=self.maps,
            geometry=self.geometry,
            prediction=self.prediction,
            picture=b"" if self.image is None else encode_picture(self.image),
            norms=self.norms,
            model=model,
            weights_hash=weights_hash,
            settings={**settings, **self.settings, "notes": list(self.notes), "unheard": list(self.unheard)},
            versions={name: _version(name) for name in self.libraries},
            signals=self.signals,
            text=self.text,
        )


class Model(ABC):
    """A network in evaluation mode with frozen parameters; safe to share between threads.

    Attributes:
        card: what is known about the model.
        module: the torch module itself.
        weights_hash: first 16 hexadecimal digits of the SHA-256 of the weights.
        classes: names of the classes; empty for models without classes.
        signals: what `attend(keep=...)` can keep besides weights, including runs.
        half: whether weights are kept in float16 unless asked otherwise.
        speaks: whether it generates text, of which a token can be asked about.
        options: arguments of `attend` besides those that all families share.
        notes: what was assumed when the weights were loaded; repeated in the notes of every record.
        dictates: the model whose words a reader or captioner repeats instead of its own; None says its own.
    """

    notes: tuple[str, ...] = ()
    dictates: "Model | None" = None
    signals: ClassVar[frozenset[str]] = frozenset()
    half: ClassVar[bool] = False
    speaks: ClassVar[bool] = False
    options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, card: Card, module: Any, weights_hash: str, classes: tuple[str, ...] = ()) -> None:
        self.card, self.weights_hash, self.classes = card, weights_hash, classes
        self.module = module.eval().requires_grad_(False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.card.name!r}, {self._size()})"

    @property
    def device(self) -> torch.device:
        """The device of the first parameter."""
        found: torch.device = next(self.module.parameters()).device
        return found

    @property
    def precision(self) -> torch.dtype:
        """The precision of the first parameter, in which inputs go in."""
        found: torch.dtype = next(self.module.parameters()).dtype
        return found

    def to(self, device: str | torch.device) -> Self:
        """Move the model to a device and return it; records stay NumPy arrays in ordinary memory.

        Raises:
            ValueError: there is no such device.
        """
        self.module.to(usable(str(device)))
        return self

    @abstractmethod
    def prepare(self, given: Any) -> Any:
        """The input as the network takes it: for pictures an `Input`, for regions their `Features`."""

    @abstractmethod
    def _attend(self, *args: Any, **options: Any) -> Attended:
        """What the family makes of (given, asked), with its own options."""

    @contextmanager
    def _differentiable(self) -> Iterator[None]:
        """Gradients are recorded inside, also where the caller has switched them off, and in full precision.
        Weights that were loaded or moved inside `torch.inference_mode` can't be gone back through, and are copied once.
        """
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(self.device.type, enabled=False):
            thaw(self.module)
            yield

    @abstractmethod
    def _size(self) -> str:
        """The model's size in words."""

    def attend(
        self,
        given: Any,
        *,
        keep: Iterable[str | Run] = (),
        target: str | SupportsIndex | Similar | None = None,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        queries: Sequence[int] | None = None,
        half: bool | None = None,
        proof_rows: int | None = 4,
        budget: int = DEFAULT_BUDGET,
        **options: Any,
    ) -> AttentionRecord:
        """The attention record of one input.

        Args:
            given: for models that read texts a text; for the others a PIL image, path, bytes, array (see
                `open_picture`), the name of a drawn picture such as ``scene-7``, or a tensor of prepared pixels; for
                captioners also region features.
            keep: what else to keep, as a method's ``needs`` names it: "gradients", "hidden", "queries", "keys",
                "values", "value-grams", "target", "head-mean", "head-max", "head-min", and runs.
            target: what methods about a target ask for: a class, by name or number; or, of models for pictures, a `Similar`
                or its text such as ``similar:6,8``, which models without classes need; or, of readers and captioners, a
                token of what they say, by number (0 first, prompt excluded) or by a text that occurs once. Without `keep`,
                gradients of its score are kept. If a class or token is needed and none is given, the most probable class or the first
                word is used, and the record's notes name it. A name that several classes share is refused; the message lists their numbers.
            layers, heads, queries: numbers to keep, counted from 0, without repeats; None keeps all.
            half: store weights as float16; None takes the default of the model family.
            proof_rows: rows of every block on which the parity proof runs; None proves all.
            budget: largest memory of the record in bytes, known before anything is run.
            options: options of the model family; see the docstring of its class.

        Raises:
            PictureError: the picture cannot be read.
            BudgetError: the maps would take more than `budget`; raised before anything is run.
            GateError: a number out of range, an unknown class, prepared pixels of another shape.
            ValueError: a signal or an option that this family does not have.
        """
        model, options = self._answering(given, options)
        asked, own = model.asked(
            keep=keep,
            target=target,
            layers=layers,
            heads=heads,
            queries=queries,
            half=half,
            proof_rows=proof_rows,
            budget=budget,
            **options,
        )
        return model.assembled(model._attend(given, asked, **own), asked)

    def _answering(self, given: Any, options: Mapping[str, Any]) -> "tuple[Model, dict[str, Any]]":
        """Who attends to an input, itself or a part of it, and the options that are left."""
        return self, {**options}

    def asked(
        self,
        *,
        keep: Iterable[str | Run] = (),
        target: str | SupportsIndex | Similar | None = None,
        layers: Sequence[int] | None = None,
        heads: Sequence[int] | None = None,
        queries: Sequence[int] | None = None,
        half: bool | None = None,
        proof_rows: int | None = 4,
        budget: int = DEFAULT_BUDGET,
        **options: Any,
    ) -> tuple[Asked, dict[str, Any]]:
        """The arguments of `attend`, checked before anything is run, and the options of this family."""
        strange = sorted(set(options) - self.options)
        if strange:
            own = ", ".join(f"{name}=" for name in sorted(self.options)) or "no option of its own"
            raise GateError("attend", f"for this kind of model ({self.card.task}) {own}", f"{strange[0]}=")
        layers, heads, queries = whole("layers", layers), whole("heads", heads), whole("queries", queries)
        proof_rows = count("proof_rows", proof_rows, 1)
        if not isinstance(half, (bool, type(None))):
            raise GateError("half", "True, False or None", shown(half))
        if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not budget > 0:
            raise GateError("budget", "a number of bytes above 0", shown(budget))
        about = self._target(target, options)
        names, runs = sorted_out(keep)
        if about is not None and not (names or runs):
            names = frozenset({"gradients"})
        self._check_signals(names, runs, about)
        request = Request(
            layers,
            heads,
            queries,
            self.half if half is None else half,
            gradients="gradients" in names,
            parts=bool({"queries", "keys", "values", GRAMS} & names),
            proof_rows=proof_rows,
        )
        return Asked(request, names - {"weights"}, runs, about, budget), options

    def assembled(self, found: Attended, asked: Asked) -> AttentionRecord:
        """The record of what a family made of one input."""
        found = replace(found, notes=[*self.notes, *found.notes])
        return found.record(self.card.name, self.weights_hash, asked.settings)

    def _target(self, given: Any, options: dict[str, Any]) -> int | Aim | None:
        """What is asked about, from what `attend` was given as its target and options."""
        return None if given is None else class_number(given, self.classes, self.card.name)

    def _check_signals(self, names: frozenset[str], runs: tuple[Run, ...], target: Any) -> None:
        wanted = names | ({"target"} if target is not None else set())
        unknown = sorted(wanted - {*SIGNALS}) + sorted({run.name for run in runs} - (self.signals - {*SIGNALS}))
        missing = sorted(wanted - {"weights"} - self.signals)
        if unknown or missing:
            want = f"what {self.card.name} gives, {', '.join(sorted(self.signals)) or 'weights alone'}"
            advice = "Runs are named by a method: keep=methods()[NAME].needs"
            raise GateError("keep", want, shown((unknown or missing)[0]), advice=advice)

    # What some kinds can do beside attending; here for people and type checkers who meet another kind.

    def classify(self, given: Any) -> Any:
        """Scores by class name; see `EncoderModel.classify`."""
        raise GateError("classify", "a model with classes", f"{self.card.name} ({self.card.task})")

    def scores_covered(self, given: Any, covers: Any, **asked: Any) -> NDArray[np.float64]:
        """(n,) scores of a covered input; see `EncoderModel.scores_covered`."""
        raise GateError("scores_covered", "a model with one score of an input", f"{self.card.name} ({self.card.task})")

    def similarity(self, pictures: Any, texts: str | Iterable[str]) -> NDArray[np.float32]:
        """(pictures, texts) cosine similarity; see `DualModel.similarity`."""
        raise self._no_texts("similarity")

    def labels(
        self, picture: Any, labels: str | Iterable[str], layer: int = -1, method: str = "naive", **knobs: Any
    ) -> NDArray[np.float32]:
        """(labels, rows, columns) similarity of every patch to labels; see `DualModel.labels`."""
        raise self._no_texts("labels")

    def _no_texts(self, asked: str) -> GateError:
        got = f"{self.card.name} ({self.card.task})"
        return GateError(asked, "a model of pictures and texts, such as scene-clip or clip-vit-b-16", got)

    def attend_many(
        self, inputs: Any = None, /, batch: int = 16, *, progress: bool | None = None, **attend: Any
    ) -> "Many":
        """The attention records of many inputs, in order, each computed when it is requested.

        Args:
            inputs: a folder, a glob, a list or generator of what `attend` takes; a (pictures, 3, height, width) tensor of
                prepared pixels; an array of pictures, (pictures, height, width, 3) or (pictures, 3, height, width). A dual
                encoder takes a list that begins with a text (str) as texts, and a picture's file as a `Path`. Also as
                ``pictures=``, which beside texts are what a dual encoder compares them with.
            batch: number of inputs that pass through the network together, if the family supports it; `budget` limits
                the memory of all their maps.
            progress: whether to show a bar on standard error; None shows one if that is a terminal.
            attend: as for `attend`.

        Returns:
            An iterator over the records, which can also make a table of them. Inputs that cannot be read are skipped,
            listed in its ``failed``, and named in a warning at the end.

        Raises:
            ValueError: no such folder or file, or arguments that `attend` would not take.

        >>> import vit_attention as va
        >>> many = va.load("scene-vit").attend_many(["scene-1", "scene-2"])
        >>> [record.prediction.top(1)[0][0] for record in many]
        ['cross', 'heart']
        >>> many.table("entropy", by=["layer"]).shape
        (12, 2)
        """
        from vit_attention.models.many import Many

        inputs = attend.pop("pictures", None) if inputs is None else inputs
        rows = isinstance(inputs, (Sequence, np.ndarray)) and not isinstance(inputs, (str, bytes)) and len(inputs)
        model, attend = self._answering(inputs[0] if rows else None, attend)
        return Many(model, inputs, batch, progress, attend)


def as_map(
    one: Seen, layer: int, kind: str, query: Axis, key: Axis, request: Request, gradient: Tensor | None = None
) -> AttentionMap:
    """What was seen of one block as a map; the first of the batch, with the heads and rows that `request` kept."""
    request = request.at(layer)
    chosen = None if gradient is None else array(replace(request, half=False).select(gradient)[0].to(one.weights.dtype))
    return AttentionMap(
        array(one.weights[0]),
        one.name,
        layer,
        kind,
        query,
        key,
        one.residual,
        whole("heads", request.heads),
        whole("queries", request.queries),
        chosen,
    )


def array(weights: Tensor) -> NDArray[Any]:
    """A tensor in ordinary memory, float16 or float32."""
    return (weights if weights.dtype == torch.float16 else weights.float()).detach().cpu().numpy()


def plain(given: Sequence[int] | None) -> list[int] | None:
    """Numbers as JSON can hold them."""
    return None if given is None else [*given]
