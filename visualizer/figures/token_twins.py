"""Two texts, each with its own tokens, on one scale: the matrices of both, and their difference where the tokens agree."""

from difflib import SequenceMatcher
from typing import Any

import numpy as np
import plotly.graph_objects as go

from visualizer.figures.heatmap import matrix
from visualizer.figures.token_matrix import token_matrix
from visualizer.measures.words import written
from visualizer.method.token_pairs import token_pairs
from visualizer.style import theme
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord, Axis


def token_twins(
    first: AttentionRecord,
    second: AttentionRecord,
    layer: int | None = None,
    head: int | None = None,
    *,
    special: bool = True,
    titles: tuple[str, str] = ("first text", "second text"),
    **look: Any,
) -> tuple[go.Figure, go.Figure]:
    """The token x token matrix of either text, both from 0 to the largest weight of the two.

    Args:
        first, second: of two texts under one model; `visualizer.by_words` gathers their subwords first.
        layer, head, special: as for `visualizer.token_matrix`.
        titles: of the figures.
        look: colormap and height, as for `visualizer.token_matrix`.

    Raises:
        ValueError: a layer or head that is not there, or maps over something else than text.
    """
    weights = [token_pairs(record, layer, head, None, special).weights for record in (first, second)]
    largest = np.array([max(float(np.nanmax(one)) for one in weights)])
    shared: dict[str, Any] = {"special": special, "scale": "shared", "together": largest, **look}
    figures = [
        token_matrix(one, layer, head, title=t, **shared) for one, t in zip((first, second), titles, strict=True)
    ]
    return figures[0], figures[1]


def token_difference(
    first: AttentionRecord,
    second: AttentionRecord,
    layer: int | None = None,
    head: int | None = None,
    *,
    special: bool = True,
    title: str = "",
    height: int | None = theme.HEIGHT,
) -> go.Figure:
    """The second text's weights minus the first's between the tokens that both have at the same place; see `aligned`.

    Args:
        first, second, layer, head, special: as for `token_twins`.
        title, height: as for `visualizer.matrix`.

    Raises:
        ValueError: as for `token_twins`, or texts that have no token in common.
    """
    found = [token_pairs(record, layer, head, None, special) for record in (first, second)]
    names = [written(one.axis) for one in found]
    pairs = aligned(*names)
    if not pairs:
        raise GateError("texts", "two that have a token in common", "none in common")
    here, there = (list(side) for side in zip(*pairs, strict=True))
    change = found[1].weights[np.ix_(there, there)] - found[0].weights[np.ix_(here, here)]
    both = [a if a == b else f"{a} / {b}" for a, b in ((names[0][n], names[1][m]) for n, m in pairs)]
    left = len(names[0]) + len(names[1]) - 2 * len(pairs)
    note = f"{left} tokens have no partner and are left out" if left else ""
    axis = Axis.text(both)
    return matrix(change, axis, axis, unit="difference of shares", note=note, title=title, height=height)


def aligned(first: tuple[str, ...], second: tuple[str, ...]) -> list[tuple[int, int]]:
    """Which tokens of two texts stand at the same place: equal ones in order, and runs of equal length that replace each other.

    >>> aligned(("not", "a", "good", "soup"), ("a", "bad", "soup"))
    [(1, 0), (2, 1), (3, 2)]
    """
    out: list[tuple[int, int]] = []
    for kind, low, high, start, end in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and high - low == end - start):
            out += zip(range(low, high), range(start, end), strict=True)
    return out
