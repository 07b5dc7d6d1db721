"""One number for every head of every layer: of what one token reads, or of all rows of a map."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.masks import covered_tokens
from visualizer.measures.summary import STATISTICS
from visualizer.method.question import askers, head_numbers, numbered, query_texts, weights_of
from vit_attention.gate import GateError
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Geometry

if TYPE_CHECKING:
    from vit_attention.gate.masks import MaskSource

Number = str | Callable[[NDArray[Any]], Any]
"""A statistic's name, or a function of (heads, queries, keys) weights to a number a head, or a head and query."""


class Head(NamedTuple):
    """One head: `layer` and `head` from 0, the share of its weight on a mask, and that share divided by chance."""

    layer: int
    head: int
    weight: float
    times: float


@dataclass(frozen=True, eq=False)
class OnMask:
    """The share of every head's weight on a mask, beside chance: ``weights, chance = heads_on_mask(record, mask)``.

    Attributes:
        weights: (layers, heads) share of each head's weight that lies on the mask, NaN where there is no such head.
        chance: share of the area that the mask covers, which is what a uniform map gives.
        layers: layer number of every row.
        heads: numbers of the heads in every row.
    """

    weights: NDArray[np.float64]
    chance: float
    layers: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.weights, self.chance))

    def best(self, count: int = 5) -> list[Head]:
        """The heads with the largest weight on the mask, in descending order."""
        flat = np.where(np.isnan(self.weights), -np.inf, self.weights).ravel()
        found = []
        for n in np.argsort(-flat, kind="stable")[:count].tolist():
            row, place = divmod(n, self.weights.shape[1])
            if np.isfinite(flat[n]):
                share = float(flat[n])
                found.append(Head(self.layers[row], self.heads[row][place], share, share / self.chance))
        return found


def heads_on_mask(record: AttentionRecord, mask: "MaskSource", *, query: Any = None, kind: str | None = None) -> OnMask:
    """The share of each head's weight that lies on a part of the picture, beside chance.

    Args:
        record: with maps over a picture.
        mask: as for `visualizer.covered`: booleans over the picture or over its grid, a Pillow image, or a file.
        query: query token, as for a method; None takes the class token, or the mean of all.
        kind: of the maps, as for a method.

    Returns:
        Shares of the weight on patches; special tokens are left out.

    Raises:
        ValueError: a mask that does not fit the picture, or maps that lie on no picture.
    """
    maps, wanted = numbered(record, kind), query_texts(query)
    covers: dict[Any, NDArray[np.float64]] = {}  # most layers look at the same places
    rows, cover = [], np.zeros(0)
    for one in maps.values():
        place = one.key.grid or id(one.key)
        if place not in covers:
            covers[place] = covered_tokens(mask, one.key, record.geometry)
        cover = covers[place]
        rows.append(_on(one, wanted, cover))
    if not np.nansum(cover):
        raise GateError("mask", "one that covers something the model saw", "one beside it")
    heads = tuple(head_numbers(one) for one in maps.values())
    return OnMask(np.asarray(undefined.padded(rows), np.float64), float(np.nanmean(cover)), tuple(maps), heads)


def _on(one: AttentionMap, wanted: Sequence[str], cover: NDArray[np.float64]) -> NDArray[np.float64]:
    """(heads,) share of the weight on tokens with a place that lies on what is covered."""
    who = askers(one.query, wanted)
    seen = who.together(weights_of(one, who.rows).astype(np.float64))[..., one.key.prefix :]
    seen = np.where(np.isnan(seen) | np.isnan(cover), 0, seen)
    return undefined.ratio((seen * np.nan_to_num(cover)).sum(axis=-1), seen.sum(axis=-1))


def per_head(
    record: AttentionRecord, number: Number, kind: str | None = None
) -> Iterator[tuple[int, tuple[int, ...], NDArray[np.float64]]]:
    """Number of the layer, numbers of its heads and one value a head, for every layer of a record.

    Args:
        record: any.
        number: a name of `visualizer.STATISTICS`, or a function of (heads, queries, keys) weights that gives one number a
            head, or one a head and query, whose mean is taken.
        kind: of the maps, as for a method.

    Raises:
        ValueError: no statistic of that name, or one that these maps do not have.
    """
    for layer, one in numbered(record, kind).items():
        yield layer, head_numbers(one), _value(one, number, record.geometry)


def statistic_of(
    weights: ArrayLike, query: Axis, key: Axis, name: str, geometry: Geometry | None = None
) -> NDArray[np.float64]:
    """One statistic for every head of a layer, of one input or of a batch of them.

    Args:
        weights: (..., heads, queries, keys), single precision or better; for several statistics best split once
            (`visualizer.measures.undefined.split`).
        query, key: what the tokens stand for.
        name: one of `visualizer.STATISTICS`.
        geometry: of the pictures, all of which the model saw at the same size; None of what is no picture.

    Returns:
        (..., heads) in the unit of the statistic.

    Raises:
        ValueError: a statistic that these weights do not have.

    >>> axis = Axis.patches(1, 2)
    >>> statistic_of(np.full((3, 4, 2, 2), 0.5, np.float32), axis, axis, "distance", Geometry.of(32, 16)).shape
    (3, 4)
    """
    if name == "distance" and (key.grid is None or query.grid is None or geometry is None):
        got = f"those where {query.kind} asks and {key.kind} is looked at"
        raise GateError("distance", "maps in which patches of a picture look at patches", got)
    grid = key.grid or (1, 1)
    wide, tall = geometry.seen if geometry is not None else (grid[1], grid[0])
    return STATISTICS[name].function(weights, grid, key.prefix, (tall / grid[0], wide / grid[1]))


def _value(one: AttentionMap, number: Number, geometry: Geometry | None) -> NDArray[np.float64]:
    if isinstance(number, str):
        return statistic_of(one.single, one.query, one.key, number, geometry)
    found = np.asarray(number(one.single))
    if found.shape not in (one.weights.shape[:1], one.weights.shape[:2]) or found.dtype.kind not in "biuf":
        want = f"({len(one.weights)},) or {one.weights.shape[:2]}"
        got = f"{found.dtype} of shape {found.shape}"
        raise GateError(f"{number_name(number)}", f"one number a head, {want}", f"{got}")
    found = found.astype(np.float64)
    return found if found.ndim == 1 else undefined.mean(found)


def number_name(number: Number) -> str:
    """What a number is called: the name given, or the function's own."""
    return number if isinstance(number, str) else getattr(number, "__name__", type(number).__name__).strip("<>")
