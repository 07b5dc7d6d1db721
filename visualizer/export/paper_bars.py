"""Figures for papers of maps over text: a level bar for each token, as PNG, SVG or PDF."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from visualizer.export import arguments
from visualizer.export.paper import FINE, KINDS, POINTS, SHAPED, UNDATED, printing
from visualizer.figures.summary import bar_range
from visualizer.measures.arguments import number
from visualizer.method.base import Map
from visualizer.style import letters, theme
from visualizer.style.letters import printable
from vit_attention.gate import LIMITS
from vit_attention.records.writing import write

ROW, LONGEST = 0.14, 24
"""Height of a bar and the room round it in inches, and most signs of a token's name."""


def save_bars(found: Map, path: str | Path, *, title: str | None = None, dpi: float = 300, width: float = 3.25) -> Path:
    """Write a map over text as level bars, the first token on top; returns the path.

    Text stays text, as for `visualizer.export.paper.save`.

    Args:
        found: a map over text, special tokens included.
        path: file to write; its extension sets the format: .png, .svg or .pdf.
        title: plain text above the bars; None for no title.
        dpi: pixels per inch of a PNG.
        width: width of the whole figure in inches.

    Raises:
        ValueError: another extension, or a number out of range.
    """
    target, kind = arguments.target(path, KINDS)
    number("dpi", dpi, 10, 2400)
    number("width", width, 0.5, 40)
    given = [title or "", found.unit, *(letters.cut(name, LONGEST) for name in found.names)]
    over, unit, *names = [printable(text) if kind == ".svg" else letters.drawable(text, SHAPED) for text in given]
    with printing():
        out = io.BytesIO()
        _drawn(names, found.row.astype(np.float64), over, unit, width, dpi).savefig(
            out, format=kind[1:], dpi=dpi, metadata=UNDATED[kind]
        )
    if kind != ".svg" and letters.remark(given, SHAPED):
        warnings.warn(f"{target.name}: {letters.REMARK}", stacklevel=2)
    return write(target, out.getvalue())


def _drawn(
    names: Sequence[str], values: NDArray[np.float64], title: str, unit: str, width: float, dpi: float
) -> Figure:
    lines = letters.wrapped(title, (width - 0.1) * 72 / POINTS * FINE, FINE) if title else []
    tall = ROW * len(names) + 0.45 + 0.14 * len(lines)
    LIMITS["picture pixels"].check(round(tall * width * dpi**2), "figure", advice="Give a smaller width or dpi.")
    fig = Figure(figsize=(width, tall), layout="constrained")
    axes = fig.add_subplot()
    axes.barh(np.arange(len(names)), np.nan_to_num(values), height=0.7, color=theme.LINES[0])
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(*bar_range(values))
    axes.set_xlabel(unit)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=2, pad=1.5, width=0.5)
    if lines:
        fig.suptitle("\n".join(lines), fontsize=POINTS)
    return fig
