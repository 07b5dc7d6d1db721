"""Numbers of every head of a batch of pictures, by the functions that pages and `Many.table` use; and of methods' maps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visualizer.measures.complexity import effective_share, gini
from visualizer.measures.masks import covered
from visualizer.measures.score import iou, mass_in_mask, pointing_hit
from visualizer.measures.undefined import Split, split
from visualizer.method import methods
from visualizer.method.base import Map
from visualizer.method.heads import statistic_of
from visualizer.method.question import askers, head_numbers, numbered
from vit_attention.gate import GateError
from vit_attention.models.encoder import EncoderModel
from vit_attention.models.model import Asked, Model, array
from vit_attention.models.passes import Pass
from vit_attention.records import AttentionRecord, Axis, Geometry
from vit_attention.surveying.items import Item
from vit_attention.surveying.plan import SCORES, TRUTH, Plan

Spread = Callable[..., Iterable[Any]]
"""`map`, or that of a pool of threads."""


class PlanError(GateError):
    """What holds for every picture, so that the survey ends."""


@dataclass(frozen=True, eq=False)
class Ready:
    """A picture that was made ready.

    Attributes:
        name: of its item.
        given: what `EncoderModel.prepare` made of it; of other models the picture itself.
        truth: mask of its object; None if nobody knows it.
    """

    name: str
    given: Any
    truth: Any = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Numbers of several pictures.

    Attributes:
        names: of the pictures.
        layers, heads: (rows,) of one picture, from 0.
        values: (pictures, rows) by measure.
        scores: a row a picture and method: name, method, what was asked about, and `SCORES`.
    """

    names: Sequence[str]
    layers: NDArray[np.int16]
    heads: NDArray[np.int16]
    values: dict[str, NDArray[np.float32]]
    scores: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Layer:
    """The weights of one layer: (pictures, heads, queries, keys)."""

    number: int
    heads: Sequence[int]
    weights: NDArray[Any]
    query: Axis
    key: Axis


def prepared(model: Model, item: Item, options: dict[str, Any]) -> Ready:
    """A picture made ready; raises OSError or ValueError for one that cannot be read."""
    given, mask = item.opened()
    if not isinstance(model, EncoderModel):
        return Ready(item.name, given, mask)
    ready = model.prepare(given, **options)
    return Ready(item.name, ready, item.truth(mask, ready.geometry.original))


def measured(model: Model, ready: Sequence[Ready], plan: Plan, asked: Asked, spread: Spread = map) -> Rows:
    """The numbers of pictures that go through the network together; of one picture for models that are no encoders.

    Args:
        model: with the network.
        ready: at least one; several only of an encoder, alike.
        plan, asked: what is measured, and what the model is asked for to that end.
        spread: maps a function over the layers.

    Raises:
        PlanError: a method that cannot be applied to this model.
        ValueError: a picture that the network does not take, or a mask that does not fit.
    """
    if isinstance(model, EncoderModel):
        passed = model.pass_together([one.given for one in ready], asked)
        geometry = model._grid(ready[0].given)[1] if hasattr(model, "_grid") else None
        layers = [*_of_pass(model, passed, model.axis_of(ready[0].given))]
        covers = [_cover(one.truth, one.given.geometry, layers[-1].key) for one in ready]
        records = _records(model, ready, passed, plan, asked)
    else:
        record = model.assembled(model._attend(ready[0].given, asked, **plan.options), asked)
        geometry, records = record.geometry, iter([record])
        layers = [
            _Layer(n, head_numbers(one), one.single[None], one.query, one.key) for n, one in numbered(record).items()
        ]
        covers = [_cover(ready[0].truth, geometry, layers[-1].key)]
    found = [*spread(lambda one: _values(one, plan.measures, geometry, covers), layers)]
    return Rows(
        [one.name for one in ready],
        np.concatenate([np.full(len(one.heads), one.number, np.int16) for one in layers]),
        np.concatenate([np.asarray(one.heads, np.int16) for one in layers]),
        {name: np.concatenate([row[n] for row in found], axis=1) for n, name in enumerate(plan.measures)},
        [
            row
            for one, record, cover in zip(ready, records, covers, strict=False)  # no record where no method is wanted
            for row in _scores(one.name, record, cover, plan.methods)
        ],
    )


def _of_pass(model: EncoderModel, passed: Pass, axis: Axis) -> Iterator[_Layer]:
    for one in passed.seen:
        query, _ = model.asking(one, axis)
        yield _Layer(one.layer, range(one.weights.shape[1]), array(one.weights), query, axis)


def _records(
    model: EncoderModel, ready: Sequence[Ready], passed: Pass, plan: Plan, asked: Asked
) -> Iterator[AttentionRecord]:
    """The records that methods read, one at a time."""
    for n, one in enumerate(ready if plan.methods else ()):
        yield model.assembled(model._attended(one.given, passed.of(n), asked, **plan.options), asked)


def _cover(truth: Any, geometry: Geometry | None, key: Axis) -> NDArray[np.float64] | None:
    """(rows, columns) share of each patch on the object; None where nobody knows it, or the model saw nothing of it."""
    if truth is None or key.grid is None or geometry is None:
        return None
    found = covered(truth, key.grid, geometry)
    return found if found.any() else None


def _values(
    layer: _Layer, names: Sequence[str], geometry: Geometry | None, covers: Sequence[NDArray[np.float64] | None]
) -> list[NDArray[np.float32]]:
    """(pictures, heads) of each measure; NaN where it has no meaning, or the truth is not known."""
    shared = split(layer.weights)
    return [
        _on_object(layer, one, covers) if one in TRUTH else _statistic(layer, shared, one, geometry) for one in names
    ]


def _statistic(layer: _Layer, weights: Split, name: str, geometry: Geometry | None) -> NDArray[np.float32]:
    try:
        return statistic_of(weights, layer.query, layer.key, name, geometry).astype(np.float32)
    except GateError:  # a pool behind the blocks has no distances
        return np.full(layer.weights.shape[:2], np.nan, np.float32)


def _on_object(layer: _Layer, name: str, covers: Sequence[NDArray[np.float64] | None]) -> NDArray[np.float32]:
    found = np.full(layer.weights.shape[:2], np.nan, np.float32)
    there = [n for n, one in enumerate(covers) if one is not None]
    if not there or layer.key.grid is None:
        return found
    who = askers(layer.query, ())
    seen = who.together(layer.weights[there][:, :, list(who.rows)].astype(np.float64))[..., layer.key.prefix :]
    maps = seen.reshape(*seen.shape[:-1], *layer.key.grid)
    cover = np.stack([one for one in covers if one is not None])[:, None]
    found[there] = (pointing_hit if name == "pointing" else mass_in_mask)(maps, cover)
    return found


def _scores(
    name: str, record: AttentionRecord, cover: NDArray[np.float64] | None, wanted: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    for way in wanted:
        method = methods()[way]
        why = method.unfit(record)
        if why:
            raise PlanError("methods", f"methods for {record.model}", f"{way}, which {why}")
        yield (name, way, record.prediction.asked or None, *_of_map(method(record), cover))


def _of_map(found: Map, cover: NDArray[np.float64] | None) -> tuple[float, ...]:
    """`SCORES` of one map."""
    values = found.values if found.axis.grid is not None else np.asarray(found.row)[found.axis.prefix :]
    sparse = gini(values), effective_share(values)
    if cover is None or values.shape != cover.shape:
        return (*sparse, *[np.nan] * (len(SCORES) - 2))
    inside = np.nan if (values < 0).any() else float(mass_in_mask(values, cover))
    return (*sparse, float(pointing_hit(values, cover)), inside, float(iou(values, cover)))
