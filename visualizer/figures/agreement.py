"""How far maps agree: a table of every two, and all maps beside each other on the one scale that different units share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from visualizer.figures import canvas
from visualizer.figures.mosaic import head_grid
from visualizer.measures.ranks import ranks
from visualizer.style import letters, theme
from visualizer.style.scale import linear, symmetric
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError
from vit_attention.records.geometry import Placed

LONGEST = 22
"""Most signs of a name beside a row; hovering names all."""


def agreement_table(
    values: ArrayLike,
    names: Sequence[str],
    what: str,
    *,
    signed: bool = True,
    narrow: bool = False,
    title: str = "",
    height: int = theme.HEIGHT,
) -> go.Figure:
    """Every two maps' agreement as a coloured cell with its number; rows are named, columns have the numbers of the rows.

    Args:
        values: (maps, maps), from -1 to 1, or from 0 to 1 if not `signed`; NaN is left clear.
        names: of the maps, plain text.
        what: the number is, for the scale.
        signed: whether it can lie below 0.
        narrow: for phones: rows have numbers alone, and the cells none, which hovering says anyway.
        height: in pixels.

    Raises:
        GateError: not a square table, or not one name for each row.
    """
    table = canvas.grid_of(values)
    count = len(table)
    if table.shape != (count, count):
        raise GateError("values", "(maps, maps)", f"shape {table.shape}")
    canvas.one_each(count, "map", names=names)
    scaled = symmetric(table, what, 1.0) if signed else linear(table, 0.0, 1.0, f"colour: {what}, 0 to 1")
    look = theme.DIVERGENT if signed else theme.COLORMAP
    trace = canvas.heat(Placed(table, 0.5, 0.5, 1, 1), scaled, look, name="agreement")
    trace |= {"xgap": 1, "ygap": 1, "hoverinfo": None, "hovertemplate": "%{text}<extra></extra>"}
    trace["text"] = [[_said(names[r], names[c], table[r, c], what) for c in range(count)] for r in range(count)]
    fig = Sketch(trace)
    _axes(fig, names, narrow)
    if not narrow:
        fig.data.append(_numbers(table, signed))
    note = "" if narrow else "in the cells: hundredths"
    return fig.figure(title=title, caption=(scaled.caption, note), height=height, bottom=canvas.BAR, top=30)


def _said(first: str, second: str, value: float, what: str) -> str:
    shown = f"{value:.2f}" if np.isfinite(value) else "not defined"
    return f"{theme.safe(first)}<br>{theme.safe(second)}<br>{theme.safe(what)} {shown}"


def _axes(fig: Sketch, names: Sequence[str], narrow: bool) -> None:
    count = len(names)
    numbers = [str(n) for n in range(1, count + 1)]
    common: dict[str, Any] = {"showgrid": False, "zeroline": False, "fixedrange": True, "automargin": True}
    common |= {"tickvals": list(range(1, count + 1)), "tickfont": {"size": theme.SMALL}}
    named = [f"{theme.safe(letters.cut(name, LONGEST))} {n}" for name, n in zip(names, numbers, strict=True)]
    fig.layout["xaxis"] = {**common, "side": "top", "range": [0.5, count + 0.5], "ticktext": numbers, "tickangle": 0}
    fig.layout["yaxis"] = {**common, "range": [count + 0.5, 0.5], "ticktext": numbers if narrow else named}


def _numbers(table: NDArray[Any], signed: bool) -> dict[str, Any]:
    """The numbers as one trace of texts, dark on light cells and light on dark ones."""
    rows, columns = np.nonzero(np.isfinite(table))
    values = table[rows, columns]
    dark = np.abs(values) > 0.6 if signed else values < 0.5
    return {
        "type": "scatter",
        "mode": "text",
        "x": columns + 1,
        "y": rows + 1,
        "text": [f"{round(100 * float(v)) + 0:d}" for v in values],
        "textfont": {"size": 10, "color": np.where(dark, "#ffffff", "#111111").tolist()},
        "hoverinfo": "skip",
        "name": "numbers",
    }


def rank_sheet(
    maps: Sequence[ArrayLike],
    names: Sequence[str],
    captions: Sequence[str] | None = None,
    *,
    per_row: int = 6,
    title: str = "",
    height: int | None = None,
) -> go.Figure:
    """All maps beside each other, every cell coloured by its place in the order of its own map.

    Maps in different units have nothing else in common: 0 % is the weakest cell of a map and 100 % its strongest.

    Args:
        maps: (rows, columns) each, of one shape; NaN is left clear.
        names: of the maps; captions: a second line under each name.
        per_row: maps in a row.
        height: in pixels; None fits.

    Raises:
        GateError: maps of different shape, or names that do not fit.
    """
    placed = np.stack([_placed(np.asarray(one, np.float64)) for one in maps])
    unit = "% of the cells of its own map that are weaker"
    look: dict[str, Any] = {"names": names, "captions": captions, "per_row": per_row, "title": title, "height": height}
    return head_grid(placed, scale="shared", together=np.array([0.0, 100.0]), unit=unit, **look)


def _placed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values)
    found = np.full(values.shape, np.nan)
    found[known] = 100 * (ranks(values[known]) - 1) / max(1, int(known.sum()) - 1)
    return found
