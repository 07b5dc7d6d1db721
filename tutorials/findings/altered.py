"""What a finding is given, with one thing of it replaced: the maps, the order of something, the place of the truth."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutorials.findings.context import Context, Run
from vit_attention.records import AttentionMap, AttentionRecord

Change = Callable[[AttentionRecord, np.random.Generator], AttentionRecord]


class Altered:
    """A model some of whose methods are replaced; all else is the model's own.

    >>> Altered("abc", upper=lambda: "no").upper(), Altered("abc").upper()
    ('no', 'ABC')
    """

    def __init__(self, model: Any, **methods: Callable[..., Any]) -> None:
        self._model = model
        vars(self).update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def over(self, change: Callable[[Any], Any]) -> "Altered":
        """The same methods replaced in what `change` makes of the model."""
        own = {name: one for name, one in vars(self).items() if name != "_model"}
        return Altered(change(self._model), **own)


def through(run: Run, name: str, change: Callable[[Any], Any]) -> Run:
    """A run whose works are given ``change(model)``; `name` tells its outcomes from those of the model itself."""

    def again(work: Callable[..., Any], model: str, picture: Any, *args: Any, **given: Any) -> Any:
        what = f"{work.__module__}.{work.__qualname__}"
        return run(_changed, model, picture, name, what, *args, inner=(work, change, given))

    return again


def _changed(model: Any, picture: Any, name: str, what: str, *args: Any, inner: tuple[Any, Any, dict[str, Any]]) -> Any:
    work, change, given = inner
    return work(change(model), picture, *args, **given)


def with_maps(record: AttentionRecord, maps: Sequence[AttentionMap]) -> AttentionRecord:
    """The record with other maps, and without what was kept beside the old ones."""
    return replace(record, maps=tuple(maps), signals={})


def altered(now: Any, name: str, change: Change, rng: np.random.Generator) -> Any:
    """The context whose record, and every other record that its findings ask the model for, is changed in this way."""
    seed = int(rng.integers(2**31))

    def changed(record: AttentionRecord) -> AttentionRecord:
        return change(record, np.random.default_rng(seed))  # every record is changed alike

    def model(own: Any) -> Altered:
        return Altered(own, attend=lambda *args, **options: changed(own.attend(*args, **options)))

    return replace(now, record=changed(now.record), run=through(now.run, f"{name} {seed}", model))


def showing(now: Any, name: str, values: NDArray[Any]) -> Any:
    """The context in which every head of every layer reads this map; what the model is asked again stays true.

    Args:
        now: a picture, a reading or a captioned picture.
        name: of the map.
        values: (rows, columns) at least 0, or (queries, rows, columns) with a map for each that asks.
    """
    kind = "self" if isinstance(now, Context) else "cross"
    maps = [_reading(one, values) if one.kind == kind else one for one in now.record.maps]
    return replace(now, record=with_maps(now.record, maps), run=through(now.run, name, lambda model: model))


def _reading(one: AttentionMap, values: NDArray[Any]) -> AttentionMap:
    flat = values.reshape(*values.shape[:-2], -1).astype(np.float64)
    total = flat.sum(axis=-1, keepdims=True)
    shares = np.where(total > 0, flat / np.where(total > 0, total, 1), 1 / flat.shape[-1])
    rows = np.zeros((*shares.shape[:-1], len(one.key)), np.float32)
    rows[..., one.key.prefix :] = shares
    return replace(one, weights=np.broadcast_to(rows, one.weights.shape), gradient=None, residual=None)


def outlines_moved(now: Context, rng: np.random.Generator) -> Context:
    """The context whose truth lies elsewhere, moved by whole patches; what leaves at one rim enters at the other."""
    down, right = (int(rng.integers(1, side)) if side > 1 else 0 for side in now.grid)

    def moved(mask: NDArray[Any]) -> NDArray[Any]:
        steps = [n * side // cells for n, side, cells in zip((down, right), mask.shape, now.grid, strict=True)]
        return np.roll(mask, steps, (0, 1))

    picture, scene = now.picture, now.picture.scene
    things = () if scene is None else tuple(replace(thing, mask=moved(thing.mask)) for thing in scene.things)
    made = None if scene is None else replace(scene, things=things)
    mask = None if picture.mask is None else moved(picture.mask)
    run = through(now.run, "outlines moved", lambda model: model)
    return replace(now, picture=replace(picture, scene=made, mask=mask), run=run)
