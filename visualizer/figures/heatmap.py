"""Maps without a picture: the patch grid alone, a whole queries x keys matrix, and signed values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures import canvas, outlines
from visualizer.measures import undefined
from visualizer.measures.words import written
from visualizer.style import letters, theme
from visualizer.style.scale import Scale, Scaled, apply_scale, symmetric
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError, shown
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry, Placed

EXACT = 64
"""A matrix with more rows or columns than this is sent in 255 steps of colour instead of exact numbers."""
LARGEST = 256
"""A matrix with more rows or columns than this is drawn as means over blocks."""
AROUND, LONGEST = 170, 16
"""Pixels of a matrix's figure that are not the matrix, and most signs of a word that an axis names; hovering names all."""
NAMED, ROOM = 13, 0.2
"""Pixels of a row whose name can be read, and room for such names, as a share of the matrix's width."""
TURNED = "the text is written from right to left, and so are the keys"
STEPS = 254
"""Highest colour step; 255 is left for undefined cells, which stay clear."""


def patch_map(
    values: ArrayLike,
    *,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "raw",
    together: Any = None,
    query: Sequence[int] = (),
    clickable: bool = False,
    box: bool = False,
    labels: Sequence[str] | None = None,
    unit: str = "share of attention",
    title: str = "",
    height: int = 420,
) -> go.Figure:
    """The (rows, columns) grid alone, with a colour bar and the scale in words.

    Args: as for `visualizer.figures.overlay.overlay`.
    """
    grid = canvas.grid_of(values)
    return _cells(
        apply_scale(grid, scale, together, unit=unit),
        colormap,
        canvas.patch_text(grid, unit, labels),
        query,
        "query",
        clickable,
        box,
        title,
        height,
    )


def signed(
    values: ArrayLike,
    *,
    colormap: str = theme.DIVERGENT,
    limit: float | None = None,
    query: Sequence[int] = (),
    outlined: str = "query",
    clickable: bool = False,
    labels: Sequence[str] | None = None,
    unit: str = "difference",
    title: str = "",
    height: int = 420,
) -> go.Figure:
    """A (rows, columns) grid of signed values in a diverging map whose middle is always zero.

    Args:
        limit: value of the outermost colours; None means the largest absolute value.
        colormap: one of `theme.DIVERGING`; the rest as for `patch_map`.
    """
    grid = canvas.grid_of(values)
    if colormap not in theme.DIVERGING:
        raise GateError("colour map", f"one of {', '.join(theme.DIVERGING)} for signed values", shown(colormap))
    return _cells(
        symmetric(grid, unit, limit),
        colormap,
        canvas.patch_text(grid, unit, labels),
        query,
        outlined,
        clickable,
        False,
        title,
        height,
    )


def _cells(
    scaled: Scaled,
    colormap: str,
    text: Sequence[str],
    query: Sequence[int],
    outlined: str,
    clickable: bool,
    box: bool,
    title: str,
    height: int,
) -> go.Figure:
    rows, columns = scaled.values.shape
    where = Geometry.of(columns, rows)
    fig = Sketch(canvas.heat(where.place(scaled.values), scaled, colormap))
    canvas.picture_axes(fig, (0, 0, columns, rows))
    canvas.add_patches(fig, where, (rows, columns), text, clickable, box)
    rim = outlines.path(outlines.square((0, 0, columns, rows)), theme.LINE, 1)
    shapes = [rim, *outlines.rims(outlines.patch_boxes(where, (rows, columns), query))]
    return fig.figure(
        title=title,
        caption=(scaled.caption, f"orange outline: {outlined}" if len(query) else ""),
        shapes=shapes,
        height=height,
        bottom=canvas.below(scaled),
    )


def matrix(
    weights: ArrayLike,
    query_axis: Axis,
    key_axis: Axis,
    *,
    colormap: str = theme.COLORMAP,
    scale: str | Scale = "raw",
    together: Any = None,
    unit: str = "share of attention",
    note: str = "",
    title: str = "",
    height: int | None = theme.HEIGHT,
) -> go.Figure:
    """The whole (queries, keys) matrix of one head: a row is a query, its colours are what it reads from each key.

    More than 64 rows or columns are sent in 255 steps of colour, more than 256 as means over blocks; both are said
    under the figure. Lines part the special tokens from the rest. The keys of a text that is written from right to left
    run that way.

    Args:
        height: in pixels; None gives every row a line with its name, and draws no means, for a place that scrolls.

    Raises:
        ValueError: the axes do not fit the weights.
    """
    full = canvas.grid_of(weights, "weights")
    if full.shape != (len(query_axis), len(key_axis)):
        raise GateError("weights", f"{(len(query_axis), len(key_axis))} (queries, keys)", f"{full.shape}")
    step = 1 if height is None else -(-max(full.shape) // LARGEST)
    scaled = apply_scale(block_means(full, step), scale, together, unit=unit)
    notes = [f"each cell drawn is the mean of {step} x {step} weights"] if step > 1 else []
    value = "%{z:.3g} " + theme.safe(unit).replace("%{", "% {")
    if "stretched" in scaled.caption or "logarithmic" in scaled.caption:
        value = "%{z:.3g} on the scale below"
    if max(scaled.values.shape) > EXACT:
        trace = stepped(Placed(quantised(scaled), -0.5, -0.5, step, step), scaled, colormap, len=200)
        value = f"colour step %{{z}} of {STEPS}"
        notes.append(f"drawn in {STEPS} steps of {theme.short((scaled.high - scaled.low) / STEPS)}")
    else:
        trace = canvas.heat(
            Placed(scaled.values, -0.5, -0.5, step, step), scaled, colormap, colorbar=canvas.colour_bar(scaled, len=200)
        )
    said = f"query %{{y}}, key %{{x}}: {value}<extra></extra>"
    fig = Sketch({**trace, "name": "matrix", "hoverinfo": None, "hovertemplate": said})
    tall = height or max(theme.HEIGHT, NAMED * len(query_axis) + AROUND)
    _token_axes(fig, query_axis, key_axis, step, tall - AROUND, square=height is not None)
    notes += ["orange lines: after the first special tokens"] if query_axis.prefix or key_axis.prefix else []
    notes += [TURNED] if turned(key_axis) else []
    caption = [scaled.caption, *notes, note]
    return fig.figure(title=title, caption=caption, height=tall, bottom=canvas.BAR, top=70)


def turned(axis: Axis) -> bool:
    """Whether an axis is that of a text which is written from right to left."""
    return axis.kind == "text" and letters.right_to_left(written(axis))


def block_means(full: NDArray[Any], step: int) -> NDArray[Any]:
    """Means over step x step blocks of the last two axes; edges average what is there, NaN is left out."""
    if step <= 1:
        return full
    *lead, rows, columns = full.shape
    more = [*((0, 0) for _ in lead), (0, -rows % step), (0, -columns % step)]
    wide = np.pad(full.astype(np.float64), more, constant_values=np.nan)
    return undefined.mean(wide.reshape(*lead, -(-rows // step), step, -(-columns // step), step), axis=(-3, -1))


def quantised(scaled: Scaled) -> NDArray[np.uint8]:
    """The scaled values in 0 to 254 steps as bytes; 255 is undefined."""
    steps = np.round(np.nan_to_num(scaled.unit_interval()) * STEPS)
    return np.where(np.isnan(scaled.values), 255, steps).astype(np.uint8)


def stepped(placed: Placed, scaled: Scaled, colormap: str, **bar: Any) -> dict[str, Any]:
    """One trace of the bytes from `quantised`, 255 left clear; `bar` as for `canvas.colour_bar`."""
    inner = [[round(float(at) * STEPS / 255, 6), color] for at, color in theme.colorscale(scaled.colormap(colormap))]
    edge, clear = (STEPS + 0.5) / 255, "rgba(0,0,0,0)"
    colors = [*inner, [edge, inner[-1][1]], [edge, clear], [1.0, clear]]
    ticks = [(tick - scaled.low) / (scaled.high - scaled.low) * STEPS for tick in scaled.ticks]
    shown = {"zmin": 0, "zmax": 255, "colorscale": colors, "name": "maps"}
    return canvas.heat(placed, scaled, colormap, colorbar=canvas.colour_bar(scaled, tickvals=ticks, **bar), **shown)


def _token_axes(fig: Sketch, query_axis: Axis, key_axis: Axis, step: int, room: int, square: bool) -> None:
    """Axes that name tokens, as many as stand on so many pixels without touching, of cells that are `square` or as wide as fits."""
    common = {"showgrid": False, "zeroline": False, "fixedrange": True, "constrain": "domain", "ticks": "outside"}
    # Slanted names need more room than upright ones.
    upright = 17 * len(key_axis) > (room if square else theme.HEIGHT)
    for name, axis, word, least in (
        ("xaxis", key_axis, "key token (is read)", NAMED if upright else 17),
        ("yaxis", query_axis, "query token (reads)", NAMED),
    ):
        pixels = room if square or name == "yaxis" else theme.HEIGHT
        places, words = _ticks(axis, max(2, pixels // least))
        fig.layout[name] = {
            **common,
            "title": {"text": word, "font": {"size": theme.FONT_SIZE}, "standoff": 4},
            "tickvals": places,
            "ticktext": words,
            "tickfont": {"size": theme.SMALL},
            "automargin": True,
            "labelalias": _hovered(axis, step),
        }
    keys, queries = len(key_axis), len(query_axis)
    ends = [-0.5, keys - 0.5]
    fig.layout["xaxis"] |= {
        "range": ends[::-1] if turned(key_axis) else ends,
        "side": "top",
        "tickangle": -90 if upright else -45,
    }
    fig.layout["yaxis"]["range"] = [queries - 0.5, -0.5]
    if square and max(keys, queries) < 4 * min(keys, queries):
        fig.layout["yaxis"]["scaleanchor"] = "x"
    if not square:
        _name_rows(fig, query_axis)
    lines = [f"M{n - 0.5},-0.5V{queries - 0.5}" for n in (key_axis.prefix,) if n]
    lines += [f"M-0.5,{n - 0.5}H{keys - 0.5}" for n in (query_axis.prefix,) if n]
    if lines:
        fig.layout["shapes"].append(outlines.path("".join(lines), theme.QUERY[1], 1.5))


def _name_rows(fig: Sketch, axis: Axis) -> None:
    """A name for every row as one trace, in a margin that the columns' axis makes room for.

    As ticks of an axis, 512 names took a browser half a minute: Plotly measures each of them, several times over.
    """
    across = fig.layout["xaxis"]
    start, end = across["range"]
    start -= ROOM * (end - start)
    across |= {"range": [start, end], "automargin": False}
    fig.layout["yaxis"] |= {"showticklabels": False, "ticks": "", "automargin": False, "tickvals": []}
    names = [theme.safe(letters.cut(name, LONGEST)) for name in written(axis)]
    beside = start + 0.94 * ROOM / (1 + ROOM) * (end - start)
    edge, rows = np.full(len(names), beside, np.float32), np.arange(len(names))
    shown = {"mode": "text", "textposition": "middle left", "textfont": {"size": theme.SMALL}, "hoverinfo": "skip"}
    fig.data.append({"type": "scatter", "x": edge, "y": rows, "text": names, "cliponaxis": False, **shown})


def _hovered(axis: Axis, step: int) -> dict[str, str]:
    """What hovering calls a row or column by its place, for text: tokens without a mark of their own are named, too."""
    names = [theme.safe(letters.cut(name)) for name in written(axis)] if axis.kind == "text" else []
    if step == 1:
        return {str(n): f"{n + theme.FIRST} {name}" for n, name in enumerate(names)}
    firsts = range(0, len(names), step)
    return {
        f"{n + (step - 1) / 2:g}": f"{n + theme.FIRST} to {min(n + step, len(names))} {' '.join(names[n : n + step])}"
        for n in firsts
    }


def _ticks(axis: Axis, most: int) -> tuple[list[int], list[str]]:
    """Where to name tokens: every special one that fits, then words, regions or rows of patches at even steps."""
    special = list(range(min(axis.prefix, 3)))
    stride = axis.grid[1] if axis.kind == "patches" and axis.grid else 1
    rest = list(range(axis.prefix, len(axis), stride))
    if axis.kind == "patches":
        every = -(-len(rest) // 5)
        # The first row of patches would be printed over the special tokens.
        rest = rest[every if special else 0 :: every]
        words = [f"row {(t - axis.prefix) // stride + theme.FIRST}" for t in rest]
    else:
        every = -(-max(len(rest), 1) // most)
        rest = rest[every if special and every > 1 else 0 :: every]
        names = written(axis) if axis.kind == "text" else {t: axis.name(t) for t in rest}
        words = [theme.safe(letters.cut(names[t], LONGEST)) for t in rest]
    return special + rest, [theme.safe(axis.special[t]) for t in special] + words
