"""Layers as pipes between tokens: what flows from one token to one other, and the narrowest cut that holds back the rest."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from visualizer.figures import canvas
from visualizer.measures.flow import Flow
from visualizer.style import letters, theme
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError

MOST = (6, 12)
"""Most layers and tokens whose pipes can still be told apart."""
WIDEST = 14.0
"""Width in pixels of a pipe of capacity 1."""
LONGEST = 12
"""Most signs of a token's name; hovering says all."""

Line = tuple[int, int, int]
"""Layer, query and key of a pipe."""


def flow_network(
    found: Flow,
    query: int,
    target: int,
    names: Sequence[str] | None = None,
    *,
    title: str = "",
    height: int = 420,
) -> go.Figure:
    """The network behind one value of attention flow (Abnar & Zuidema 2020, arXiv:2005.00928, section 3).

    Rows of dots are the tokens after each layer, the input at the bottom. Grey: pipes, as wide as their capacity; blue: what flows
    through; orange and dashed: the pipes of the narrowest cut, with their capacities, which sum to the flow.

    Args:
        found: what `largest_flow` gives for these two tokens, of at most 6 layers of 12 tokens.
        query, target: their numbers, 0 first.
        names: of the tokens; None numbers them.
        title, height: plain text; pixels.

    Raises:
        GateError: a larger network, a token that is not there, or names that are not one per token.
    """
    depth, tokens, _ = found.capacities.shape
    if depth > MOST[0] or tokens > MOST[1]:
        raise GateError("layers", f"at most {MOST[0]} layers of {MOST[1]} tokens, to be drawn", f"{depth} of {tokens}")
    canvas.one_each(tokens, "token", names=names)
    ends = canvas.within(query, tokens, "query"), canvas.within(target, tokens, "target")
    named = names or [f"token {n + theme.FIRST}" for n in range(tokens)]
    pipes: list[Line] = [
        (n, q, k) for n, q, k in np.argwhere(found.capacities > 0).tolist() if n + 1 < depth or q == query
    ]
    cut = {pipe[:3] for pipe in found.cut}
    fig = Sketch(
        *_lines(pipes, found.capacities, {"color": theme.LINE}, 0.35),
        *_lines([one for one in pipes if found.through[one] > 0], found.through, {"color": theme.LINES[0]}, 0.9),
        *_lines(
            [one for one in pipes if one in cut], found.capacities, {"color": theme.LINES[1], "dash": "4px,3px"}, 1
        ),
        _dots(depth, tokens),
        _hover(pipes, found, named),
    )
    plain = {"visible": False, "fixedrange": True}
    caption = "width of a line: capacity (grey), flow (blue); orange, dashed: the narrowest cut"
    return fig.figure(
        title=title,
        caption=caption,
        labels=[*_names(depth, named, *ends), *_rows(depth), *_capacities(found)],
        height=height,
        bottom=36,
        top=36,
        hovermode="closest",
        xaxis={**plain, "range": [-1.1, tokens - 0.5]},
        yaxis={**plain, "range": [-0.1, depth + 0.1]},
    )


def _lines(pipes: Iterable[Line], sizes: Any, look: dict[str, Any], opacity: float) -> list[dict[str, Any]]:
    """One trace for all lines of about one width, since Plotly has one width a trace."""
    groups = defaultdict(list)
    for one in pipes:
        groups[max(1.0, round(2 * WIDEST * float(sizes[one])) / 2)].append(one)
    drawn = []
    for width, own in sorted(groups.items()):
        x = np.array([(q, k, np.nan) for _, q, k in own], np.float32).ravel()
        y = np.array([(n + 1, n, np.nan) for n, _, _ in own], np.float32).ravel()
        line = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {**look, "width": width}}
        drawn.append({**line, "opacity": opacity, "hoverinfo": "skip"})
    return drawn


def _hover(pipes: Sequence[Line], found: Flow, names: Sequence[str]) -> dict[str, Any]:
    """Places in the middle of the pipes that say what each carries."""
    said = [
        f"layer {n + theme.FIRST}, {theme.safe(names[q])} to {theme.safe(names[k])}: capacity "
        f"{theme.short(found.capacities[n, q, k])}, flow {theme.short(found.through[n, q, k])}"
        for n, q, k in pipes
    ]
    x, y = [(q + k) / 2 for _, q, k in pipes], [n + 0.5 for n, _, _ in pipes]
    return canvas.markers(x, y, [-1] * len(pipes), said)


def _names(depth: int, names: Sequence[str], query: int, target: int) -> list[dict[str, Any]]:
    """The tokens' names over the last row and under the first; the two between which it flows are bold in a frame."""
    found = []
    for level, asked, side in ((depth, query, "bottom"), (0, target, "top")):
        for n, name in enumerate(names):
            short = theme.safe(letters.cut(name, LONGEST), 7)
            frame = {"bordercolor": theme.QUERY[1], "borderwidth": 2, "borderpad": 2, "text": f"<b>{short}</b>"}
            place = {"x": n, "y": level, "yanchor": side, "yshift": 9 if level else -9, "font": {"size": theme.SMALL}}
            found.append({**place, "text": short, **(frame if n == asked else {})})
    return found


def _rows(depth: int) -> list[dict[str, Any]]:
    """The numbers of the layers beside their pipes."""
    place = {"x": -1.05, "xanchor": "left", "font": {"size": theme.SMALL}}
    return [{**place, "y": n + 0.5, "text": f"layer {n + theme.FIRST}"} for n in range(depth)]


def _dots(depth: int, tokens: int) -> dict[str, Any]:
    y, x = np.indices((depth + 1, tokens), np.float32)
    look = {"size": 9, "color": theme.LINE}
    return {"type": "scatter", "mode": "markers", "x": x.ravel(), "y": y.ravel(), "marker": look, "hoverinfo": "skip"}


def _capacities(found: Flow) -> list[dict[str, Any]]:
    """The capacity beside each pipe of the cut, nearer to its upper end, where fewer lines cross."""
    look = {"bgcolor": theme.LINES[1], "font": {"size": theme.SMALL, "color": "#ffffff"}, "borderpad": 1}
    return [
        {"x": q + 0.35 * (k - q), "y": n + 0.65, "text": f"<b>{theme.short(capacity)}</b>", **look}
        for n, q, k, capacity in found.cut
    ]
