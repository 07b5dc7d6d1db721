"""Does a model use what a map of it marks? Deletion, insertion and ROAD beside orders that know nothing, in one call.

Like `doors`, it looks up at `visualizer`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures import faithfulness as measured
from visualizer.measures.controls import centre_prior, colour_contrast
from visualizer.measures.faithfulness import Curve, Faithfulness
from visualizer.method.base import Map, Method
from vit_attention import registry
from vit_attention.doors import Way, method_of
from vit_attention.gate import GateError
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.model import Model
from vit_attention.models.untrained import untrained as drawn_anew
from vit_attention.records import AttentionRecord, Similar
from vit_attention.weights.download import DownloadError

PICTURE_BASELINES = ("mean", "blur")
TEXT_BASELINES = (None,)
"""How a text hides its tokens: as its model does by default."""
TENTHS = 10
"""ROAD covers 10 to 90 % of the patches, in tenths."""

Masks = NDArray[np.bool_]
Orders = Sequence[NDArray[np.intp]]


def faithfulness(
    model: Model,
    given: Any,
    method: Way = "rollout",
    *,
    target: Any = None,
    baselines: Sequence[str] | None = None,
    steps: int = measured.STEPS,
    controls: bool = True,
    road: bool = True,
    untrained: Model | None = None,
    seed: int = 0,
    query: Any = None,
    layer: int | None = None,
    head: int | None = None,
    size: Any = None,
    labels: Sequence[str] | None = None,
    knobs: Mapping[str, Any] | None = None,
) -> Faithfulness:
    """How far a model uses what a method's map of an input marks: curves and scores beside those of controls.

    Deletion covers the patches or tokens that the map marks, strongest first; insertion begins with nothing and shows them
    (Petsiuk et al. 2018, arXiv:1806.07421, section 4.1). ROAD imputes 10 to 90 % of a picture's patches, once the
    strongest and once the weakest first (Rong et al. 2022, arXiv:2202.00449). The score is the probability of the class that
    is asked about, or the similarity. The controls are five random orders, the centre prior and the colour contrast of a picture,
    and the order by the same method's map of the network before its training.

    Args:
        model: an encoder of pictures or texts.
        given: a picture or text, as for `attend`.
        method: a name, or a method of one's own.
        target: a class or similarity, as for `attend`; None takes the most probable class.
        baselines: what stands in place of what is covered: "mean", "zero" or "blur" of a picture, "mask" or "leave out" of a
            text; None takes "mean" and "blur", or what is the model's default for texts.
        steps: equal steps of a curve, at most as many as there are patches or tokens.
        controls: whether the controls are measured, too; eight orders instead of one.
        road: whether ROAD is measured, on pictures of 10 patches or more.
        untrained: the network of the last control; None loads and draws one.
        seed: of the order of equals, the random orders and the noise of ROAD.
        query, layer, head: of the method.
        size: of a picture, as for `attend`.
        labels: of a dual encoder.
        knobs: parameters of the method, by name.

    Raises:
        GateError: a model without such a score, a map that is not over patches or tokens, another baseline.
        ValueError: a method, question or knob that does not fit, or an input that cannot be read.

    >>> import vit_attention as va
    >>> found = va.faithfulness(va.load("scene-vit"), "scene-7", "rollout", steps=2, controls=False, road=False)
    >>> found.about, found.baselines, found.curve("deletion").scores.round(2).tolist()
    ('the class ring', ('mean', 'blur'), [1.0, 0.0, 0.0])
    """
    options = {name: one for name, one in (("size", size), ("labels", labels)) if one is not None}
    model, options = model._answering(given, options)
    if not isinstance(model, EncoderModel):
        model.scores_covered(given, None)  # which says why not
    asked = _Asked(
        model, given, method_of(method), {"query": query, "layer": layer, "head": head, **(knobs or {})}, options
    )
    record = asked.record(model, target)
    judged = _Judged.of(asked.map(record), asked, record, target, seed)
    fills = baselines or (PICTURE_BASELINES if judged.grid else TEXT_BASELINES)
    plan = _Plan(fills, min(steps, judged.parts), road and judged.grid is not None and judged.parts >= TENTHS)
    curves = judged.curves(measured.MAP, [judged.order], plan)
    passes = {"map": judged.scored.passes}
    notes: list[str] = []
    if controls:
        orders, notes = judged.controls(untrained)
        curves += [curve for name, some in orders.items() for curve in judged.curves(name, some, plan)]
        passes["controls"] = judged.scored.passes - passes["map"]
    return Faithfulness(judged.about, judged.unit, tuple(curves), passes, tuple(notes))


@dataclass(frozen=True)
class _Plan:
    """Which curves are drawn of every order."""

    fills: Sequence[str | None]
    steps: int
    road: bool


@dataclass(frozen=True)
class _Asked:
    """A method, and what it is asked about an input."""

    model: Model
    given: Any
    method: Method
    question: Mapping[str, Any]
    options: Mapping[str, Any]

    def record(self, model: Model, target: Any) -> AttentionRecord:
        knobs = {name: one for name, one in self.question.items() if name not in ("layer", "head")}
        return model.attend(self.given, keep=self.method.needs_for(**knobs), target=target, **self.options)

    def map(self, record: AttentionRecord) -> Map:
        return self.method(record, **self.question)


@dataclass(eq=False)
class _Scored:
    """The score of covers; of an input that is covered in the same way twice it is measured once."""

    score: Callable[[Masks, str | None], NDArray[np.float64]]
    beside: int
    known: dict[Any, float] = field(default_factory=dict)
    passes: int = 0

    def __call__(self, covers: Masks, fill: str | None) -> NDArray[np.float64]:
        keys = [(fill if cover.any() else None, cover.tobytes()) for cover in covers]
        new = {key: cover for key, cover in zip(keys, covers, strict=True) if key not in self.known}
        if new:
            found = self.score(np.stack([*new.values()]), fill)
            self.known |= dict(zip(new, found.tolist(), strict=True))
            self.passes += len(new) + self.beside
        return np.array([self.known[key] for key in keys])


@dataclass(frozen=True, eq=False)
class _Judged:
    """The map of an input, and the score of that input under covers.

    Attributes:
        order: numbers of the parts, strongest first.
        places: (parts,) their tokens in a text; the patches of a picture in reading order.
        shape: of one cover, as `scores_covered` takes it.
        grid: (rows, columns) of a picture's patches; None for a text.
        target: as `attend` takes it, never None where there are classes.
    """

    asked: _Asked
    record: AttentionRecord
    order: NDArray[np.intp]
    places: NDArray[np.intp]
    shape: tuple[int, ...]
    grid: tuple[int, int] | None
    target: Any
    about: str
    unit: str
    scored: _Scored
    seed: int

    @classmethod
    def of(cls, found: Map, asked: _Asked, record: AttentionRecord, target: Any, seed: int) -> "_Judged":
        similar = isinstance(record.prediction.target, Similar)
        number = record.prediction.target
        if number is None and record.prediction.scores.size:
            number = int(record.prediction.scores.argmax())
        about = replace(record.prediction, target=number).asked_words
        wanted = target if similar else number
        values, places = _parts(found)
        grid = None if found.axis.kind == "text" else found.axis.grid

        def score(covers: Masks, fill: str | None) -> NDArray[np.float64]:
            given: NDArray[np.float64] = asked.model.scores_covered(
                asked.given, covers, fill=fill, target=wanted, seed=seed, **asked.options
            )
            return given

        return cls(
            asked,
            record,
            measured.strongest_first(values, seed),
            places,
            grid or (len(found.axis),),
            grid,
            wanted,
            about,
            "cosine similarity" if similar else "probability",
            _Scored(score, int(similar)),  # what is compared with passes through the model once more
            seed,
        )

    @property
    def parts(self) -> int:
        return len(self.order)

    def curves(self, name: str, orders: Orders, plan: _Plan) -> list[Curve]:
        found = []
        for fill in plan.fills:
            covers = [self._covers(order, plan.steps) for order in orders]
            self._measure([*covers, *(self._shown(one) for one in covers)], fill)
            found.append(self._curve(measured.DELETION, name, fill, covers))
            found.append(self._curve(measured.INSERTION, name, fill, [self._shown(one) for one in covers]))
        if plan.road:
            inner = slice(1, -1)  # of nothing and of everything nothing is to be imputed
            most = [self._covers(order, TENTHS)[inner] for order in orders]
            least = [self._covers(order[::-1], TENTHS)[inner] for order in orders]
            self._measure([*most, *least], measured.ROAD)
            found.append(self._curve(measured.MOST_FIRST, name, measured.ROAD, most))
            found.append(self._curve(measured.LEAST_FIRST, name, measured.ROAD, least))
        return found

    def _measure(self, covers: Sequence[Masks], fill: str | None) -> None:
        """All of them in one go, in full batches."""
        self.scored(np.concatenate(covers), fill)

    def _curve(self, kind: str, name: str, fill: str | None, covers: Sequence[Masks]) -> Curve:
        shares = covers[0].reshape(len(covers[0]), -1)[:, self.places].mean(axis=1)
        shares = 1 - shares if kind == measured.INSERTION else shares
        draws = np.stack([self.scored(one, fill) for one in covers])
        return Curve(name, kind, fill or "hidden", shares, draws)

    def _covers(self, order: NDArray[np.intp], steps: int) -> Masks:
        """(steps + 1, ...) covers of the input: the parts in this order, one step after the other."""
        covers = measured.deleted(order, (len(order),), steps)
        found = np.zeros((len(covers), int(np.prod(self.shape))), dtype=bool)
        found[:, self.places] = covers
        return found.reshape(-1, *self.shape)

    def _shown(self, covers: Masks) -> Masks:
        """The same covers with the parts that they cover shown, and the others covered."""
        found = covers.reshape(len(covers), -1).copy()
        found[:, self.places] ^= True
        return found.reshape(covers.shape)

    def controls(self, untrained: Model | None) -> tuple[dict[str, Orders], list[str]]:
        """Orders by name that know nothing, and what of them is missing."""
        found: dict[str, Orders] = {
            measured.RANDOM: measured.random_orders(self.parts, seed=self.seed),
        }
        maps: dict[str, Any] = {}
        if self.grid is not None:
            maps[measured.CENTRE] = centre_prior(self.grid)
            if self.record.picture:
                maps[measured.COLOUR] = colour_contrast(self.record.image, self.grid, self.record.geometry)
        network = fresh(self.asked.model, self.seed) if untrained is None else untrained
        notes = [] if network else ["Not measured: the untrained network, which cannot be made of this model alone."]
        if network is not None:
            maps[measured.UNTRAINED], _ = _parts(self.asked.map(self.asked.record(network, self.target)))
        return found | {name: [measured.strongest_first(one, self.seed)] for name, one in maps.items()}, notes


def _parts(found: Map) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The numbers of a map that belong to parts that can be covered, and the places of these in a cover."""
    if found.axis.kind == "text":
        places = np.flatnonzero(np.asarray(found.axis.words) >= 0)
        if not places.size:
            raise GateError("map", "one over words of a text", "one over none")
        return np.asarray(found.row)[places], places
    if found.axis.grid is None:
        raise GateError("map", "one over patches of a picture or tokens of a text", f"one over {found.axis.kind}")
    return found.values, np.arange(found.values.size)


def fresh(model: Model, seed: int = 0) -> Model | None:
    """A copy of a model as before its training, from the same card; None if that network has another shape, or is not at hand.

    Args:
        model: stays as it is.
        seed: of the random numbers.
    """
    try:
        made = registry.load(model.card.name) if registry.at_hand(model.card.name) else None
    except (ValueError, OSError, DownloadError):
        return None
    if made is None or _shapes(made) != _shapes(model):
        return None
    made = drawn_anew(made.to(model.device), seed)
    return made.about(model.classes) if model.classes and hasattr(made, "about") else made


def _shapes(model: Model) -> dict[str, tuple[int, ...]]:
    return {name: tuple(one.shape) for name, one in model.module.state_dict().items()}
