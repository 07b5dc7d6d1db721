"""Attention flow and rollout of a picture: as it is, with shuffled layers, with the picture moved, and where the cut runs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tutorials.findings.context import Context, Picture
from visualizer.measures.flow import attention_cut, attention_flow
from visualizer.measures.ranks import spearmanr
from visualizer.measures.rollout import class_rollout
from visualizer.method import methods
from visualizer.method.flow import SATURATED
from vit_attention.records import AttentionRecord

Array = NDArray[np.float64]
DOWN, RIGHT = 2, 3
"""Patches that the picture is moved by."""


class Maps(NamedTuple):
    """The class token's (rows, columns) attention flow and rollout of one record."""

    flow: Array
    rollout: Array


def unfit(now: Context) -> str:
    """Why there is no flow from a class token here; "" if there is one."""
    if not now.axis.prefix:
        return f"{now.model} has no class token that everything could flow from"
    return now.unfit(methods()["flow"])


def flow_maps(model: Any, picture: Picture, residual: float, *, record: AttentionRecord) -> Maps:
    """Both maps of a record, all layers, mean of heads."""
    return _of(record, record.layers, residual)


def _of(record: AttentionRecord, layers: Sequence[Any], residual: float) -> Maps:
    axis = record.maps[0].query
    rows = attention_flow(layers, residual), class_rollout(layers, residual)
    flow, rolled = (np.asarray(row[axis.prefix :], np.float64).reshape(axis.grid or (1, -1)) for row in rows)
    return Maps(flow, rolled)


def shuffled_between(model: Any, picture: Picture, residual: float, *, record: AttentionRecord) -> Maps:
    """Both maps with every layer but the first and the last replaced by one that knows nothing: each row's weights shuffled."""
    rng = np.random.default_rng(0)
    first, *between, last = record.layers
    mixed = [rng.permuted(one.astype(np.float32).mean(axis=0), axis=1)[None] for one in between]
    return _of(record, [first, *mixed, last], residual)


def moved_maps(model: Any, picture: Picture, residual: float) -> Maps:
    """Both maps of the picture moved by whole patches; what leaves at one edge comes back at the other."""
    record = model.attend(moved(picture.image, model.axis().grid))
    return _of(record, record.layers, residual)


def moved(image: Image.Image, grid: tuple[int, int]) -> Image.Image:
    """The picture moved down and right by `DOWN` and `RIGHT` patches."""
    steps = (DOWN * image.height // grid[0], RIGHT * image.width // grid[1])
    return Image.fromarray(np.roll(np.asarray(image), steps, (0, 1)))


def live(now: Context, residual: float = 0.5) -> Maps:
    """`flow_maps` of the page's picture."""
    return now.run(flow_maps, now.model, now.picture, residual, record=now.record)


def live_shuffled(now: Context, residual: float = 0.5) -> Maps:
    """`shuffled_between` of the page's picture."""
    return now.run(shuffled_between, now.model, now.picture, residual, record=now.record)


def live_moved(now: Context, residual: float = 0.5) -> Maps:
    """`moved_maps` of the page's picture."""
    return now.run(moved_maps, now.model, now.picture, residual)


def cut_by_layer(model: Any, picture: Picture, patch: int, residual: float, *, record: AttentionRecord) -> Array:
    """(layers,) capacity of the pipes of each layer in the narrowest cut between class token and patch, 0 first."""
    found = np.zeros(len(record.layers))
    for pipe in attention_cut(record.layers, 0, record.maps[0].query.prefix + patch, residual):
        found[pipe.layer] += pipe.capacity
    return found


def live_cut(now: Context, residual: float = 0.5) -> Array:
    """`cut_by_layer` of the page's patch."""
    patch = now.chosen.row * now.grid[1] + now.chosen.column
    return now.run(cut_by_layer, now.model, now.picture, patch, residual, record=now.record)


def tied(values: Array) -> int:
    """How many patches receive all that leaves the class token."""
    return int(np.count_nonzero(values >= SATURATED))


def alike(first: Array, second: Array) -> float:
    """Rank correlation of two maps over their patches."""
    return float(spearmanr(first.ravel(), second.ravel())[0])


def followed(before: Maps, after: Maps) -> list[tuple[float, float]]:
    """For each of the two maps the rank correlation of the new one with the old one moved along, and with it left where it was."""
    return [
        (alike(np.roll(one, (DOWN, RIGHT), (0, 1)), other), alike(one, other))
        for one, other in zip(before, after, strict=True)
    ]
