"""Tokens of a text that read each other: one head as a matrix, and all layers and heads as one mosaic."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from visualizer.figures.heatmap import TURNED, block_means, matrix, turned
from visualizer.figures.mosaic import CELLS, atlas
from visualizer.measures.words import written
from visualizer.method.question import head_numbers, numbered, weights_of
from visualizer.method.token_pairs import check_text, ordinary, token_pairs
from visualizer.style import theme
from visualizer.style.scale import Scale
from vit_attention.records import AttentionMap, AttentionRecord, Axis


def token_matrix(
    record: AttentionRecord,
    layer: int | None = None,
    head: int | None = None,
    *,
    kind: str | None = None,
    special: bool = True,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "raw",
    together: Any = None,
    title: str | None = None,
    height: int | None = theme.HEIGHT,
) -> go.Figure:
    """Which token of a text reads which: a row for each query token, a column for each key token.

    The plain token x token heatmap, as in the first part of BertViz (Vig 2019, arXiv:1906.05714).

    Args:
        record: of a text; `visualizer.by_words` gathers its subwords first.
        layer: number, 0 first; None takes the last.
        head: number, 0 first; None takes the mean of all heads.
        kind: of the maps, as for a method.
        special: whether special tokens are shown; nothing is rescaled without them, and the figure says so.
        colormap, scale, together: as for `visualizer.matrix`.
        title: None takes layer and head.
        height: in pixels; None gives every row a line with its name.

    Raises:
        ValueError: a layer or head that is not there, or maps over something else than text.
    """
    found = token_pairs(record, layer, head, kind, special)
    return matrix(
        found.weights,
        found.axis,
        found.axis,
        colormap=colormap,
        scale=scale,
        together=together,
        note=found.note,
        title=found.words if title is None else title,
        height=height,
    )


def token_atlas(
    record: AttentionRecord,
    *,
    kind: str | None = None,
    special: bool = True,
    chosen: tuple[int, int] | None = None,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "per map",
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """The token x token matrices of all layers and heads as one picture; a click reports [layer, head].

    Args:
        record: of a text.
        kind, special, colormap: as for `token_matrix`.
        chosen: (place of the layer, head), counted from 0, to outline.
        scale: "per map" to compare shapes or "shared" to compare sizes; also "log" and "clipped".

    Raises:
        ValueError: maps over something else than text, or `chosen` outside.
    """
    maps = numbered(record, kind)
    for one in maps.values():
        check_text(one)
    axis = next(iter(maps.values())).key
    kept = list(range(len(axis))) if special else ordinary(axis)
    heads = sum(len(one.weights) for one in maps.values())
    step = next(n for n in range(1, len(kept) + 1) if heads * (-(-len(kept) // n)) ** 2 <= CELLS or n == len(kept))
    notes = [f"each cell drawn is the mean of {step} x {step} weights"] if step > 1 else []
    notes += ["rows: query tokens; columns: key tokens", "special tokens are left out" * (not special)]
    notes += [TURNED] if turned(axis) else []
    tiles, said = [], []
    for one in maps.values():  # layer by layer: all of them at once would be copied several times
        whole = _all_heads(one, kept)
        said += [_strongest(head, axis, kept) for head in whole]
        pooled = block_means(whole, step)
        tiles.append(pooled[..., ::-1] if turned(axis) else pooled)
    note = "\n".join(filter(None, notes))
    look: dict[str, Any] = {"colormap": colormap, "scale": scale, "chosen": chosen, "title": title, "height": height}
    return atlas(tiles, layers=list(maps), said=said, note=note, **look)


def _all_heads(one: AttentionMap, kept: Sequence[int]) -> NDArray[np.float32]:
    """(heads, tokens, tokens) by the heads' own numbers; NaN for those that were not kept."""
    weights = weights_of(one, range(len(one.query)))[:, kept][:, :, kept]
    numbers = head_numbers(one)
    out = np.full((max(numbers) + 1, *weights.shape[1:]), np.nan, np.float32)
    out[list(numbers)] = weights
    return out


def _strongest(head: NDArray[np.float32], axis: Axis, kept: Sequence[int]) -> str:
    """The largest weight of one head and between which tokens it is."""
    if np.isnan(head).all():
        return "not kept"
    query, key = np.unravel_index(int(np.nanargmax(head)), head.shape)
    names = written(axis)
    asks, seen = names[kept[int(query)]], names[kept[int(key)]]
    return f'at most {theme.short(float(head[query, key]))}, from "{asks}" to "{seen}"'
