"""Arcs of one token, both ways: on the left what it reads, on the right what reads it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from visualizer.figures import canvas
from visualizer.measures.words import written
from visualizer.method.token_pairs import TokenPairs, token_of, token_pairs
from visualizer.style import letters, theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError
from vit_attention.records import AttentionRecord

EDGE, ROUND = 0.22, 0.74
"""Where the arcs begin beside the words, and how far the longest reaches beyond that; the drawing ends at 1."""
MOST = 24
"""Arcs drawn on either side."""
THIN, THICK = 1.0, 8.0
"""Width of a line in pixels for nothing and for the largest share."""
ROW, LEAST, AROUND = 20, 13, 150
"""In pixels: room for a token, the least between two names, and what title and caption take."""
LONGEST = 16
"""Most signs of a token's name; hovering says all."""


class Side(NamedTuple):
    """What one side shows: shares with every token, which of them have an arc, -1 for left or 1 for right, its colour."""

    shares: NDArray[np.float64]
    drawn: NDArray[np.intp]
    way: int
    colour: str


def arcs(
    record: AttentionRecord,
    token: int | str,
    layer: int | None = None,
    head: int | None = None,
    *,
    kind: str | None = None,
    special: bool = True,
    least: float | None = None,
    most: int = MOST,
    title: str | None = None,
    height: int | None = None,
) -> go.Figure:
    """What one token of a text reads (left) and what reads it (right), as arcs; a click reports a token's number.

    The drawing of attention-head views such as BertViz's (Vig 2019, arXiv:1906.05714), for one token and both ways. Width and
    opacity of a line are the share of attention, on one scale for both sides; what is not drawn is said under the figure.

    Args:
        record: of a text; `visualizer.by_words` gathers its subwords first.
        token: its number from 0, special tokens first, or a word.
        layer: number, 0 first; None takes the last.
        head: number, 0 first; None takes the mean of all heads.
        kind: of the maps, as for a method.
        special: whether special tokens are shown; nothing is rescaled without them.
        least: smallest share that is drawn; None takes an even share, 1 / tokens.
        most: most arcs on either side, the strongest.
        title: None takes token, layer and head.
        height: in pixels; None fits the number of tokens.

    Raises:
        ValueError: a token, layer or head that is not there, a share out of 0 to 1, or maps over something else than text.
    """
    found = token_pairs(record, layer, head, kind, special)
    asked = token_of(found.axis, token)
    tokens = len(found.axis)
    even = 1 / tokens if least is None else float(least)
    if not 0 <= even <= 1 or most < 1:
        raise GateError("least, most", "a share from 0 to 1, and at least one arc", f"{least}, {most}")
    sides = [
        _side(found.weights[asked], even, most, -1, theme.LINES[0]),
        _side(found.weights[:, asked], even, most, 1, theme.LINES[1]),
    ]
    tall = (height or min(theme.HEIGHT, ROW * tokens + AROUND)) - AROUND
    fig = Sketch(*(line for side in sides for line in _lines(side, asked, _largest(sides), tokens / tall)))
    _names(fig, found, asked, sides, tall)
    said = f"{found.words}: {found.called(asked)}" if title is None else title
    return fig.figure(
        title=said,
        caption=(*_told(sides, even, least is None, tokens), found.note),
        labels=_heads(asked, found),
        height=tall + AROUND,
        bottom=8,
        top=26,
    )


def _side(shares: NDArray[Any], even: float, most: int, way: int, colour: str) -> Side:
    given = np.nan_to_num(np.asarray(shares, np.float64))
    order = np.argsort(-given, kind="stable")[:most]
    return Side(given, order[given[order] > even], way, colour)


def _largest(sides: Sequence[Side]) -> float:
    return max((float(side.shares[side.drawn].max(initial=0)) for side in sides), default=0.0) or 1.0


def _lines(side: Side, asked: int, largest: float, pixel: float) -> list[dict[str, Any]]:
    """One line for each arc, the weakest first, so that the strongest lies on top; `pixel` is one in tokens."""
    longest = max(1, int(np.abs(side.drawn - asked).max(initial=0)))
    out = []
    for other in side.drawn[::-1].tolist():
        x, y = _arc(asked, other, longest, 6 * pixel)
        share = float(side.shares[other]) / largest
        line = {"color": side.colour, "width": THIN + (THICK - THIN) * share, "shape": "spline"}
        shown = {"mode": "lines", "opacity": 0.35 + 0.65 * share, "hoverinfo": "skip"}
        out.append({"type": "scatter", "x": side.way * x, "y": y, "line": line, **shown})
    return out


def _arc(asked: int, other: int, longest: int, loop: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Half an ellipse between two rows, wider the farther they are apart; a small loop for the token itself."""
    if asked == other:
        turn = np.linspace(0, 2 * np.pi, 25)
        return (EDGE + 0.035 * (1 - np.cos(turn))).astype(np.float32), (asked + loop * np.sin(turn)).astype(np.float32)
    turn = np.linspace(0, np.pi, 33)
    reach = 0.08 + (ROUND - 0.08) * abs(other - asked) / longest
    middle, half = (asked + other) / 2, (other - asked) / 2
    return (EDGE + reach * np.sin(turn)).astype(np.float32), (middle - half * np.cos(turn)).astype(np.float32)


def _names(fig: Sketch, found: TokenPairs, asked: int, sides: Sequence[Side], tall: int) -> None:
    """The tokens down the middle, as many as can be read, and a place to hover and click for each."""
    names, rows = [theme.safe(name) for name in written(found.axis)], len(found.axis)
    short = [theme.safe(letters.cut(name, LONGEST)) for name in written(found.axis)]
    short[asked] = f"<b>{short[asked]}</b>"
    named = _readable(sides, asked, rows, tall)
    written_out = {"type": "scatter", "mode": "text", "text": [short[n] for n in named], "hoverinfo": "skip"}
    fig.data.append({**written_out, "x": np.zeros(len(named), np.float32), "y": np.array(named)})
    down, up = (side.shares for side in sides)
    told = [
        f"token {n + theme.FIRST}, {name}: is read with {theme.short(down[n])}; reads it with {theme.short(up[n])}"
        for n, name in enumerate(names)
    ]
    fig.data.append(canvas.markers(np.zeros(rows), np.arange(rows), np.arange(rows, dtype=np.int32), told))
    fig.layout |= canvas.CLICKS
    half, rim = max(0.5, 9 * rows / tall), max(0.7, 11 * rows / tall)
    box = {"x0": -EDGE, "x1": EDGE, "y0": asked - half, "y1": asked + half}
    fig.layout["shapes"].append({"type": "rect", "line": {"color": theme.QUERY[1], "width": 2}, **box})
    plain = {"visible": False, "fixedrange": True}
    fig.layout["xaxis"] = {**plain, "range": [-1, 1]}
    fig.layout["yaxis"] = {**plain, "range": [rows - 1 + rim, -rim]}


def _readable(sides: Sequence[Side], asked: int, rows: int, tall: int) -> list[int]:
    """The tokens whose names fit: the asked one, then those with the strongest arcs, then the others in order."""
    gap = max(1, int(np.ceil(LEAST * rows / tall)))
    strongest = np.argsort(-np.maximum(sides[0].shares, sides[1].shares), kind="stable")
    arced = {int(n) for side in sides for n in side.drawn}
    taken: list[int] = []
    free = np.ones(rows, bool)
    for n in [asked, *(int(n) for n in strongest if int(n) in arced), *range(rows)]:
        if free[n]:
            taken.append(n)
            free[max(0, n - gap + 1) : n + gap] = False
    return sorted(taken)


def _heads(asked: int, found: TokenPairs) -> list[dict[str, Any]]:
    """What the sides show, over them."""
    name = theme.safe(letters.cut(written(found.axis)[asked], 8))
    place = {"yref": "paper", "y": 1, "yanchor": "bottom", "xref": "paper", "font": {"size": theme.SMALL}}
    return [
        {**place, "x": 0, "xanchor": "left", "text": f'{_dot(0)} "{name}" reads (keys)'},
        {
            **place,
            "x": 1,
            "xanchor": "right",
            "text": f'reads "{name}" (queries) {_dot(1)}',
        },
    ]


def _dot(number: int) -> str:
    """A dot in one of `theme.LINES`; words of that colour would be hard to read."""
    return f'<span style="color:{theme.LINES[number]}">\u25cf</span>'


def _told(sides: Sequence[Side], even: float, chosen: bool, tokens: int) -> list[str]:
    """The scale and the threshold in words."""
    counts = [
        f"{len(side.drawn)} of {tokens} {word} (together {side.shares[side.drawn].sum():.2f})"
        for side, word in zip(sides, ("keys", "queries"), strict=True)
    ]
    return [
        f"width of a line: share of attention, the widest {theme.short(_largest(sides))}",
        f"drawn: shares above {theme.short(even)}" + ", an even share" * chosen,
        ", ".join(counts),
    ]
