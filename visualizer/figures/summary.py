"""One number per head or per layer: a table of colours, curves through depth, and bars."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures import canvas, outlines
from visualizer.measures import undefined
from visualizer.style import letters, theme
from visualizer.style.scale import Scaled, linear
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError
from vit_attention.records.geometry import Placed

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
LINE = 15
"""Pixels that a bar takes with its name; where there are fewer, only some bars are named, and none has its number behind it."""
UNIT = 28
"""Signs in a line of what the numbers of bars are: what fits beside long names on a phone."""
MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "cross")


def head_summary(
    values: NDArray[Any] | Sequence[Any],
    name: str,
    unit: str,
    *,
    limits: tuple[float, float] | None = None,
    colormap: str = theme.COLORMAP,
    chosen: tuple[int, int] | None = None,
    layers: Sequence[int] | None = None,
    clickable: bool = True,
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """Any statistic of the heads, layers down and heads across; a click reports [layer, head].

    Args:
        values: (layers, heads), or one row per layer if heads differ; NaN for what does not exist.
        name, unit: what the number is ("entropy") and its unit ("bits").
        limits: values of the first and the last colour; None means the smallest and largest value.
        chosen: (layer, head), counted from 0, to outline.
        layers: original numbers of the layers, counted from 0, if not all are given.

    Raises:
        ValueError: another shape, or limits that are not in order.
    """
    lines = [np.asarray(one, dtype=np.float64) for one in values]
    if not lines or any(line.ndim != 1 or not line.size for line in lines):
        raise GateError("values", "(layers, heads)", f"shapes {[line.shape for line in lines][:4]}")
    scaled = _range(undefined.padded(lines), name, unit, limits)
    fig = Sketch(
        canvas.heat(Placed(scaled.values, theme.FIRST - 0.5, theme.FIRST - 0.5, 1, 1), scaled, colormap, name="summary")
    )
    said = [
        f"{theme.short(v)} {theme.safe(unit)}".rstrip() if np.isfinite(v) else "not defined"
        for line in lines
        for v in line
    ]
    head_table(fig, [len(line) for line in lines], layers, said, chosen)
    if not clickable:
        del fig.layout["clickmode"]
    return fig.figure(title=title, caption=scaled.caption, height=height, bottom=canvas.BAR, top=42)


def head_table(
    fig: Sketch,
    counts: Sequence[int],
    layers: Sequence[int] | None,
    said: Sequence[str],
    chosen: tuple[int, int] | None,
    shape: float = 1.0,
) -> None:
    """Axes and lines of a table with one cell per head, layers down and heads across; a click reports [layer, head].

    Args:
        counts: heads of each layer.
        layers: original numbers of the layers, counted from 0; None means that all are given.
        said: what hovering says about each head.
        chosen: (place of the layer, head), counted from 0, to outline.
        shape: height over width of a cell.
    """
    depth = list(range(len(counts))) if layers is None else [int(n) for n in layers]
    if len(depth) != len(counts):
        raise GateError("layers", f"{len(counts)} numbers, one per layer", f"{len(depth)}")
    low, rows, heads = theme.FIRST - 0.5, len(counts), max(counts)
    common = {"showgrid": False, "zeroline": False, "fixedrange": True, "constrain": "domain", "automargin": True}
    common["tickfont"] = {"size": theme.SMALL}
    across, down = ({"text": word, "standoff": 2, "font": {"size": theme.FONT_SIZE}} for word in ("head", "layer"))
    ends = {"range": [low, low + heads], "side": "top", "dtick": 1 if heads <= 16 else 4}
    fig.layout["xaxis"] = {**common, **ends, "title": across}
    ticks = {
        "tickvals": list(range(theme.FIRST, theme.FIRST + rows)),
        "ticktext": [str(n + theme.FIRST) for n in depth],
    }
    square = {"scaleanchor": "x", "scaleratio": shape}
    fig.layout["yaxis"] = {**common, **ticks, **square, "range": [low + rows, low], "title": down}
    upright = "".join(f"M{low + h},{low}V{low + rows}" for h in range(heads + 1))
    level = "".join(f"M{low},{low + at}H{low + heads}" for at in range(rows + 1))
    shapes = [outlines.path(upright + level, theme.LINE, 1)]
    if chosen is not None:
        layer = canvas.within(chosen[0], rows, "chosen layer")
        top, left = layer + low + 0.0, canvas.within(chosen[1], counts[layer], "chosen head") + low
        shapes += outlines.rims([(left, top, left + 1, top + 1)])
    fig.layout["shapes"] = shapes
    places = [(at, head) for at, count in enumerate(counts) for head in range(count)]
    y, x = np.array(places).T + theme.FIRST
    names = [f"layer {depth[at] + theme.FIRST}, head {head + theme.FIRST}" for at, head in places]
    texts = [f"{name}: {value}" for name, value in zip(names, said, strict=True)]
    fig.data.append(canvas.markers(x, y, [[depth[at], head] for at, head in places], texts))
    fig.layout |= canvas.CLICKS


def _range(grid: NDArray[Any], name: str, unit: str, limits: tuple[float, float] | None) -> Scaled:
    known = grid[np.isfinite(grid)]
    low, high = limits or ((float(known.min()), float(known.max())) if known.size else (0.0, 1.0))
    if limits is not None and not low < high:
        raise GateError("limits", "low < high", f"{limits}")
    note = "" if known.size else "; no value is defined"
    if high - low <= 1e-12:
        high, note = low + 1.0, "; all values are the same"
    outside = int(((known < low) | (known > high)).sum())
    note += f"; {outside} outside drawn like the ends" if outside else ""
    words = f"{name} in {unit}" if unit else name
    return linear(grid, low, high, f"colour: {words}, {theme.short(low)} to {theme.short(high)}{note}")


def curves(
    values_by_name: Mapping[str, ArrayLike],
    unit: str,
    *,
    layers: Sequence[int] | None = None,
    limits: tuple[float, float] | None = None,
    reference: Mapping[str, float] | None = None,
    across: str = "layer",
    title: str = "",
    height: int = 340,
) -> go.Figure:
    """One line per name through the layers; lines differ in dash and marker, not in colour alone.

    Args:
        values_by_name: name to (layers,) values; NaN leaves a gap.
        unit: what the values are, for the upright axis.
        layers: numbers of the layers, counted from 0; None means 0, 1, 2, ...
        limits: ends of the upright axis.
        reference: named levels, such as chance or the largest possible value, drawn as thin level lines.
        across: what is counted along the lower axis, if not layers.
    """
    if not values_by_name:
        raise GateError("values_by_name", "at least one line", "none")
    lines: list[dict[str, Any]] = []
    for at, (name, given) in enumerate(values_by_name.items()):
        y = np.asarray(given, dtype=np.float64)
        depth = np.arange(len(y)) if layers is None else np.asarray(layers)
        if y.ndim != 1 or len(depth) != len(y):
            raise GateError(name, f"({len(depth)},) values, one per layer", f"shape {y.shape}")
        lines.append(
            {
                "type": "scatter",
                "x": depth + theme.FIRST,
                "y": y,
                "mode": "lines+markers",
                "line": {"color": theme.LINES[at % 6], "dash": DASHES[at % 6], "width": 2},
                "name": theme.safe(name),
                "marker": {"symbol": MARKERS[at % 6], "size": 7},
                "hovertemplate": theme.safe(across) + " %{x}: %{y:.3g}<extra>%{fullData.name}</extra>",
            }
        )
    ends = [float(depth.min()) + 0.6, float(depth.max()) + 1.4]
    level: dict[str, Any] = {"type": "scatter", "x": ends, "mode": "lines", "hoverinfo": "skip"}
    level |= {"line": {"color": theme.LINE, "width": 1.5, "dash": "dot"}}
    # Named in the legend: a name beside its level would lie on the curves.
    lines += [{**level, "y": [y, y], "name": theme.safe(name)} for name, y in (reference or {}).items()]
    return Sketch(*lines).figure(
        title=title,
        height=height,
        bottom=86,
        xaxis={**_axis(across), "dtick": 1 if len(depth) <= 16 else 4},
        yaxis={**_axis(unit), **({"range": list(limits)} if limits else {})},
        showlegend=True,
        legend={"orientation": "h", "x": 0, "xref": "paper", "y": 0, "yref": "container", "yanchor": "bottom"},
        hovermode="closest",
    )


def bars(
    labels: Sequence[str],
    values: ArrayLike,
    unit: str,
    *,
    chosen: int | None = None,
    limits: tuple[float, float] | None = None,
    clickable: bool = False,
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """Level bars, first one on top, each with its number; `chosen` is drawn in the query's colour and starred.

    The axis has these `limits`, or fits the values. Where it is `clickable`, a click reports a bar's number, 0 first.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or len(labels) != len(numbers):
        raise GateError("labels", "one per value", f"{len(labels)} for shape {numbers.shape}")
    colours = [theme.QUERY[1] if at == chosen else theme.LINES[0] for at in range(len(numbers))]
    tall = height or min(theme.HEIGHT, 90 + 30 * max(1, len(numbers)))
    places, step = np.arange(len(numbers)), -(-len(numbers) * LINE // max(LINE, tall - 90))
    names = bar_names(labels, chosen)
    said = bar_texts(numbers)
    whole = [f"{theme.safe(label)}: {text}" for label, text in zip(labels, said, strict=True)]
    trace = {
        "type": "bar",
        "x": numbers,
        "y": places,
        "orientation": "h",
        "marker": {"color": colours},
        "cliponaxis": False,
        "hovertext": whole,
        "hovertemplate": "%{hovertext}<extra></extra>",
        **({} if step > 1 else {"text": said, "textposition": "outside"}),
    }
    # All at one place across, so that the nearest is that of the row: the ends of other bars would be nearer than a bar's own.
    clicks = [canvas.markers(np.full(len(places), bar_range(numbers)[1] / 2), places, places, whole)] * clickable
    marked = places[(chosen or 0) % step :: step] if step else places
    upright = {
        "tickvals": marked,
        "ticktext": [names[n] for n in marked],
        "range": [len(numbers) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
    }
    across = {**_axis(unit), "range": bar_range(numbers) if limits is None else [*limits]}
    axes: dict[str, Any] = {"xaxis": across, "yaxis": {**_axis(""), **upright}}
    axes |= canvas.CLICKS if clickable else {}
    note = f"one in {step} is named; hovering names all" if step > 1 else ""
    across["title"] |= {"text": (named := theme.safe(unit, UNIT))}
    low = 44 + 16 * named.count("<br>")
    return Sketch(trace, *clicks).figure(title=title, caption=note, height=tall, bottom=low, **axes)


def bar_names(labels: Sequence[str], chosen: int | None = None) -> list[str]:
    """What stands before each bar, made safe."""
    return [("* " if at == chosen else "") + theme.safe(letters.cut(str(label))) for at, label in enumerate(labels)]


def bar_texts(numbers: NDArray[Any]) -> list[str]:
    """What stands behind each bar."""
    return [theme.short(v) if np.isfinite(v) else "not defined" for v in numbers]


def bar_range(numbers: NDArray[Any]) -> list[float]:
    """Ends of the axis of level bars: 0 and the largest, and room for the numbers behind them."""
    known = numbers[np.isfinite(numbers)]
    low, high = min(0.0, known.min(initial=0.0)), max(0.0, known.max(initial=0.0))
    room = 0.3 * ((high - low) or 1.0)  # for five signs behind bars of 100 pixels, beside long names on a phone
    return [low - room * (low < 0), high + room]


def _axis(title: str) -> dict[str, Any]:
    return {
        "gridcolor": theme.GRID,
        "zerolinecolor": theme.LINE,
        "automargin": True,
        "fixedrange": True,
        "title": {"text": theme.safe(title), "standoff": 6, "font": {"size": theme.FONT_SIZE}},
    }
