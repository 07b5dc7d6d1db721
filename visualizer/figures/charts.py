"""Numbers of tokens, words and heads as charts: upright bars, lists, and points."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from visualizer.figures.summary import MARKERS
from visualizer.style import theme
from visualizer.style.sketch import Sketch
from visualizer.words.reading import shown
from vit_attention.gate import GateError


def strip(
    tokens: Sequence[str],
    probabilities: ArrayLike,
    current: int | None = None,
    *,
    title: str = "",
    height: int = 190,
) -> go.Figure:
    """One bar per token: the probability in percent that the model gave to the token it wrote; a click reports its number.

    Args:
        probabilities: (tokens,), 0 to 1, NaN where none is known, as for the prompt.
        current: number of the token to mark.
    """
    chances = np.asarray(probabilities, dtype=np.float64)
    if chances.shape != (len(tokens),):
        raise GateError("probabilities", f"{len(tokens)}, one per token", f"shape {chances.shape}")
    if not ((chances >= 0) & (chances <= 1) | np.isnan(chances)).all():
        raise GateError("probabilities", "0 to 1", f"{np.nanmin(chances)} to {np.nanmax(chances)}")
    names = [theme.safe(f'token {n + theme.FIRST}, "{shown(t)}"') for n, t in enumerate(tokens)]
    said = [f"{name}: {f'{p:.1%}' if np.isfinite(p) else 'not known'}" for name, p in zip(names, chances, strict=True)]
    fig = _upright(100 * chances, said, current, "probability", theme.FIRST)
    across, up = (
        {"text": text, "standoff": 2, "font": {"size": theme.FONT_SIZE}} for text in ("token", "probability (%)")
    )
    fig.layout["xaxis"] |= {"range": [theme.FIRST - 0.5, theme.FIRST + max(1, len(tokens)) - 0.5], "title": across}
    fig.layout["yaxis"] |= {"range": [0, 100], "title": up, "automargin": True}
    return fig.figure(title=title, height=height, bottom=36, bargap=0.15)


def gate_bars(
    words: Sequence[str], gates: ArrayLike, current: int | None = None, *, title: str = "", height: int = 220
) -> go.Figure:
    """One bar a word: how far its gate is open, from 0 to 1; a click reports the word's number.

    Args:
        gates: (words,) mean of the gate over its channels.
        current: number of the word to mark, from 0.
    """
    open_ = np.asarray(gates, dtype=np.float64)
    if open_.shape != (len(words),) or not ((open_ >= 0) & (open_ <= 1)).all():
        raise GateError("gates", f"{len(words)} numbers from 0 to 1, one per word", f"shape {open_.shape}")
    said = [f"{theme.safe(word)}: {value:.1%} open" for word, value in zip(words, open_, strict=True)]
    fig = _upright(open_, said, current, "gate", 0)
    ticks = {"tickvals": list(range(len(words))), "ticktext": [theme.safe(word) for word in words], "tickangle": -45}
    fig.layout["xaxis"] |= {"range": [-0.5, len(words) - 0.5], **ticks}
    fig.layout["yaxis"] |= {"range": [0, 1], "tickformat": ".0%"}
    made = fig.figure(title=title, height=height, bottom=56, bargap=0.2)
    made.layout.margin.l = 44
    return made


def _upright(values: ArrayLike, said: Sequence[str], current: int | None, name: str, first: int) -> Sketch:
    """Upright bars at `first` and so on, the current one in the query's colour; a click reports a bar's number, from 0."""
    place = np.arange(len(said))
    colors = [theme.QUERY[1] if n == current else theme.LINES[0] for n in place.tolist()]
    marker = {"color": colors, "line": {"color": theme.LINE, "width": [3 * (n == current) for n in place.tolist()]}}
    text = {"text": said, "textposition": "none", "hovertemplate": "%{text}<extra></extra>"}
    fig = Sketch(
        {
            "type": "bar",
            "x": place + first,
            "y": values,
            "customdata": place.astype(np.int32),
            "marker": marker,
            "name": name,
            **text,
        }
    )
    axis = {"showgrid": False, "zeroline": False, "fixedrange": True, "tickfont": {"size": theme.SMALL}}
    behind = {"showgrid": True, "gridcolor": theme.GRID}
    fig.layout |= {"xaxis": axis, "yaxis": {**axis, **behind}, "clickmode": "event"}
    return fig


def lists(named: Mapping[str, ArrayLike], *, height: int | None = None) -> go.Figure:
    """Several lists of numbers of one length, one row of upright bars each, all on one scale around zero.

    Args:
        named: plain name to (size,) numbers, first on top.

    Raises:
        ValueError: no list, or lists of different length.
    """
    rows = {name: np.asarray(values, dtype=np.float64) for name, values in named.items()}
    sizes = {values.shape for values in rows.values()}
    if len(sizes) != 1 or len(next(iter(sizes))) != 1:
        raise GateError("lists", "at least one, all of one length", f"shapes {sorted(sizes)}")
    most = max(float(np.abs(values).max(initial=0.0)) for values in rows.values()) or 1.0
    common = {"range": [-1.1 * most, 1.1 * most], "tickvals": [-most, 0, most], "fixedrange": True, "automargin": True}
    common["ticktext"] = [f"−{theme.short(most)}", "0", theme.short(most)]
    fig, labels, count = Sketch(), [], len(rows)
    for at, (name, values) in enumerate(rows.items()):
        top, tag = 1 - at / count, "" if at == 0 else str(at + 1)
        bars = {
            "type": "bar",
            "x": np.arange(1, len(values) + 1),
            "y": values,
            "yaxis": f"y{tag}",
            "marker": {"color": theme.QUERY[1] if at == 0 else theme.LINES[0]},
            "hovertemplate": "number %{x}: %{y:.3f}<extra></extra>",
        }
        fig.data.append(bars)
        axis = {**common, "domain": [top - 0.78 / count, top - 0.02]}
        fig.layout[f"yaxis{tag}"] = {**axis, "gridcolor": theme.GRID, "zerolinecolor": theme.LINE}
        place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "middle"}
        labels.append({"text": theme.safe(name), "font": {"size": theme.SMALL}, **place})
    across = {"anchor": f"y{tag}", "fixedrange": True, "showgrid": False, "title": {"text": "number in the list"}}
    return fig.figure(
        labels=labels, height=height or min(theme.HEIGHT, 60 + 120 * count), bottom=40, top=8, xaxis=across
    )


def focus_against_hits(
    bits: ArrayLike,
    rates: ArrayLike,
    *,
    chosen: tuple[int, int] | None = None,
    chance: float | None = None,
    mean: tuple[float, float] | None = None,
    title: str = "",
    height: int = 420,
) -> go.Figure:
    """One point per head: its entropy across, its hit rate upwards; a click reports [layer, head], counted from 0.

    Args:
        bits: (layers, heads) mean entropy in bits.
        rates: (layers, heads) hit rate, 0 to 1; heads without one are left out.
        chosen: (layer, head) to ring.
        chance: hit rate of a cell picked at random, drawn as a line.
        mean: (bits, hit rate) of the mean of all heads, drawn as a star that reports nothing.
    """
    focus, hits = np.asarray(bits, np.float64), np.asarray(rates, np.float64)
    if focus.ndim != 2 or focus.shape != hits.shape:
        raise GateError("bits, rates", "the same (layers, heads)", f"{focus.shape} and {hits.shape}")
    fig = Sketch()
    if mean is not None and np.isfinite(mean).all():  # under the points, which are to be clicked
        rim = {"width": 2, "color": theme.QUERY[1]}
        star = {"size": 18, "symbol": "star", "color": theme.QUERY[0], "line": rim}
        last = {"name": "mean of all", "legendrank": 2000}
        fig.data.append(_points([mean[0]], [100 * mean[1]], ["mean of all heads"], marker=star, **last))
    for layer, (across, up) in enumerate(zip(focus, hits, strict=True)):
        heads = range(len(across))
        ringed = [chosen == (layer, head) for head in heads]
        rim = {"width": [4 if one else 1 for one in ringed], "color": "#808080"}
        look = {"symbol": MARKERS[layer % len(MARKERS)], "color": theme.LINES[layer % len(theme.LINES)], "line": rim}
        marker = {**look, "size": [16 if one else 11 for one in ringed]}
        name = f"layer {layer + theme.FIRST}"
        said = [f"{name}, head {head + theme.FIRST}" for head in heads]
        fig.data.append(
            _points(across, 100 * up, said, marker=marker, customdata=[[layer, head] for head in heads], name=name)
        )
    axis = {"showgrid": True, "gridcolor": theme.GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    fig.layout["xaxis"] = {
        **axis,
        "title": {"text": "mean entropy in bits: focused on the left"},
        "rangemode": "tozero",
    }
    fig.layout["yaxis"] = {**axis, "title": {"text": "hits in %"}, "range": [-4, 104]}
    labels: list[dict[str, Any]] = []
    if chance is not None and np.isfinite(chance):
        level = {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": 100 * chance, "y1": 100 * chance}
        fig.layout["shapes"].append({**level, "line": {"dash": "dot", "width": 1.5, "color": theme.LINE}})
        place = {"x": 1, "xref": "paper", "xanchor": "right", "y": 100 * chance, "yanchor": "bottom"}
        labels.append({"text": "chance", "font": {"size": theme.SMALL}, **place})
    # Two rows of names fit under the axis where the figure is as narrow as a phone.
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5, "xanchor": "center"}
    fig.layout |= {"clickmode": "event", "hovermode": "closest", "legend": legend}
    return fig.figure(title=title, labels=labels, height=height, bottom=100, showlegend=True)


def _points(x: Sequence[float], y: Sequence[float], names: Sequence[str], **options: Any) -> dict[str, Any]:
    text = [f"{name}: {theme.short(a)} bits, {b:.0f} % hits" for name, a, b in zip(names, x, y, strict=True)]
    still = {"marker": {"opacity": 1}}  # a click changes nothing: the page draws the chosen one anew
    hover = {"text": text, "hovertemplate": "%{text}<extra></extra>"}
    where = {"type": "scatter", "x": x, "y": y, "mode": "markers"}
    return {**where, "selected": still, "unselected": still, **hover, **options}
