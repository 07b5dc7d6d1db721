"""What a document model read to write each token, gathered to words and to fields."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visualizer.measures import undefined
from visualizer.measures.fields import Field
from vit_attention.gate import GateError
from vit_attention.records import AttentionMap, AttentionRecord, Geometry


def cross_maps(record: AttentionRecord) -> tuple[AttentionMap, ...]:
    """The maps that read the page, one per decoder layer; raises ValueError if the record has none."""
    found = tuple(one for one in record.maps if one.kind == "cross" and one.key.kind == "patches")
    if not found:
        raise GateError("record", "maps of kind 'cross' over the patches of a page", "none")
    return found


def page_geometry(record: AttentionRecord) -> Geometry:
    """From the original page to the model's input; raises ValueError if the record has none."""
    if record.geometry is None:
        raise GateError("record", "one with a geometry", "one without a page")
    return record.geometry


def token_names(record: AttentionRecord) -> tuple[str, ...]:
    """One label per row of the cross-attention: the tokens of the prompt that were forced, then those produced."""
    axis = cross_maps(record)[0].query
    return (*axis.special, *axis.labels)


def token_heat(
    record: AttentionRecord,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    *,
    tokens: Sequence[int] | None = None,
) -> NDArray[np.float32]:
    """What was read to produce each token: the mean over layers and heads of its rows of cross-attention.

    Args:
        record: with maps of kind "cross".
        layers: numbers of decoder layers, 0 for the first; None means all.
        heads: numbers of heads, used in every chosen layer that has them; None means all.
        tokens: rows to give, to spare the work on the others; None means all, tokens of the prompt included.

    Returns:
        (tokens, rows, columns) over the model's input; each sums to 1. Row t belongs to `token_names(record)[t]`; a
        row that was not captured is NaN, and single NaN weights are left out of the mean.

    Raises:
        ValueError: no cross-attention, layers or heads that are not there, or layers whose grids differ.
    """
    maps = _chosen(cross_maps(record), layers)
    grid, count = maps[0].key.grid, len(maps[0].query)
    if any(one.key.grid != grid or len(one.query) != count for one in maps) or grid is None:
        raise GateError("layers", "the same tokens and grid", f"{[(len(m.query), m.key.grid) for m in maps]}")
    rows = np.arange(count) if tokens is None else np.asarray(tokens, dtype=np.intp).reshape(-1)
    if rows.size and (rows.min() < 0 or rows.max() >= count):
        raise GateError("tokens", f"0 to {count - 1}", f"{rows.min()} to {rows.max()}")
    total = np.zeros((len(rows), grid[0] * grid[1]), np.float32)
    known = np.zeros(total.shape, np.int32)
    for one in maps:
        for place, number in enumerate(head_numbers(one)):
            if heads is None or number in heads:
                part = head_rows(one, place, rows)
                there = ~np.isnan(part)
                total += np.where(there, part, 0)
                known += there
    if not known.any() and total.size and heads is not None:
        raise GateError("heads", f"heads of layers {[m.layer for m in maps]}", f"{list(heads)}")
    return undefined.ratio(total, known).astype(np.float32).reshape(len(rows), *grid)


def head_rows(one: AttentionMap, place: int, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """(tokens, cells) of the `place`-th head kept in a map, special keys left out; NaN rows where not captured."""
    numbers = range(len(one.weights[place])) if one.queries is None else one.queries
    kept = {query: at for at, query in enumerate(numbers)}
    at = np.array([kept.get(row, -1) for row in rows.tolist()], dtype=np.intp)
    out = undefined.at_least_single(one.weights[place][at, one.key.prefix :]).astype(np.float32)
    out[at < 0] = np.nan
    return out


def token_maps(record: AttentionRecord, token: int) -> tuple[list[NDArray[np.float32]], list[int]]:
    """(heads, rows, columns) of each layer, laid as on the page, and the layers' numbers."""
    found, row = cross_maps(record), np.array([token], dtype=np.intp)
    count = len(found[0].query)
    if not 0 <= token < count:
        raise GateError("token", f"0 to {count - 1}", f"{token}")
    out = []
    for one in found:
        grid = one.key.grid or (1, 1)
        heads = [head_rows(one, place, row).reshape(grid) for place in range(len(head_numbers(one)))]
        out.append(np.stack([record.geometry.place(h).values if record.geometry else h for h in heads]))
    return out, [one.layer for one in found]


def head_numbers(one: AttentionMap) -> tuple[int, ...]:
    """Original numbers of the heads that a map kept."""
    return one.heads if one.heads is not None else tuple(range(len(one.weights)))


def _chosen(maps: tuple[AttentionMap, ...], layers: Sequence[int] | None) -> tuple[AttentionMap, ...]:
    if layers is None:
        return maps
    there = {one.layer: one for one in maps}
    if not len(layers) or any(layer not in there for layer in layers):
        raise GateError("layers", f"some of {sorted(there)}", f"{list(layers)}")
    return tuple(there[layer] for layer in layers)


def gather(heat: ArrayLike, groups: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """One map per group: the mean of its members, so that members that sum to 1 give a map that sums to 1.

    Sub-words to words, then words to fields: see `field_heat`.

    Args:
        heat: (members, rows, columns); members that are NaN throughout do not count.
        groups: numbers of the members of each group.

    Returns:
        (groups, rows, columns); NaN for a group without a defined member.

    >>> gather([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]], [(0, 1), (2,)])[:, 0].tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    maps = undefined.at_least_single(heat)
    if maps.ndim != 3:
        raise GateError("heat", "(members, rows, columns)", f"shape {maps.shape}")
    out = np.full((len(groups), *maps.shape[1:]), np.nan, np.float32)
    for n, group in enumerate(groups):
        out[n] = undefined.mean(maps[list(group)], axis=0)
    return out


def field_heat(heat: ArrayLike, found: Sequence[Field]) -> NDArray[np.float32]:
    """One map per field, every word counting the same however many tokens it has.

    Args:
        heat: (tokens, rows, columns) from `token_heat`, all rows.
        found: from `fields(token_names(record))`.

    Returns:
        (fields, rows, columns); sums to 1; NaN for an empty value.
    """
    words = [word for one in found for word in one.words]
    ends = np.cumsum([0, *(len(one.words) for one in found)])
    return gather(gather(heat, [w.tokens for w in words]), [range(a, b) for a, b in pairwise(ends)])
