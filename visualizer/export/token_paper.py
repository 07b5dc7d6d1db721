"""Figures over the tokens of a text as PNG, SVG or PDF, without a browser: token x token, and a bar for each token."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from visualizer.export import arguments, paper
from visualizer.figures import canvas
from visualizer.figures.heatmap import block_means
from visualizer.measures.arguments import number
from visualizer.style import letters, theme
from visualizer.style.scale import Scale, Scaled, apply_scale
from vit_attention.gate import LIMITS, GateError
from vit_attention.records.writing import write

CELL, SIDE = 0.2, 7.0
"""In inches: side of the square of two tokens, and the longest side of all squares together, below which cells shrink."""
LINE = 0.13
"""Room that the name of a token takes, in inches; where cells are smaller, some names are left out."""
MOST = 24
"""Letters of a name; longer ones are cut."""
FINEST = 800
"""A matrix with more rows or columns is drawn as means over blocks, since its cells would be smaller than pixels."""
_PAD, _BAR = 0.08, 0.12


def save_matrix(
    weights: ArrayLike,
    queries: Sequence[str],
    keys: Sequence[str],
    path: str | Path,
    *,
    title: str = "",
    unit: str = "share of attention",
    mode: str | Scale = "raw",
    colormap: str = theme.COLORMAP,
    dpi: float = 200,
) -> Path:
    """Write a token x token heatmap, queries down and keys across, the higher the brighter; returns the path.

    Args:
        weights: (queries, keys).
        queries, keys: the name of each token.
        path: file to write; its extension sets the format: .png, .svg or .pdf.
        title: plain text above it.
        unit: what one value is, printed beside the colour scale.
        mode: a mode of `visualizer.style.scale.MODES`, or a `Scale`.
        colormap: one of `theme.COLORMAPS`.
        dpi: pixels per inch.

    Raises:
        GateError: names that do not fit the weights, or another extension.
    """
    target, kind = arguments.target(path, paper.KINDS)
    grid = canvas.grid_of(weights, "weights")
    if grid.shape != (len(queries), len(keys)):
        raise GateError("weights", f"{(len(queries), len(keys))} (queries, keys)", f"{grid.shape}")
    step = -(-max(grid.shape) // FINEST)
    scaled = apply_scale(block_means(grid, step), mode, unit=unit)
    note = f"\neach cell drawn is the mean of {step} x {step} weights" if step > 1 else ""
    down, across = _names(queries, kind), _names(keys, kind)
    cell = min(CELL, SIDE / max(grid.shape))
    high, wide = (max(cell * count, 1.2) for count in grid.shape)
    left, top = _widest(down) + 0.3, _widest(across) + 0.25
    sheet = _Sheet(title + note, kind, left, wide, 1.0, high, top, 0.15, dpi)
    with paper.printing():
        fig = sheet.figure()
        axes = sheet.axes(fig)
        place = (-0.5, grid.shape[1] - 0.5, grid.shape[0] - 0.5, -0.5)
        colours = scaled.coloured(scaled.unit_interval(), colormap)
        axes.imshow(colours, extent=place, interpolation="none", aspect="auto")
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xlabel("key token (is read)")
        axes.set_ylabel("query token (reads)")
        axes.set_xticks(*_ticks(across, wide), rotation=90)
        axes.set_yticks(*_ticks(down, high))
        _plain(axes)
        _bar(sheet.beside(fig), scaled, scaled.table(colormap), unit)
        data = _printed(fig, kind)
    return _written(data, target, kind, [title, unit, *queries, *keys])


def save_bars(
    values: ArrayLike,
    names: Sequence[str],
    path: str | Path,
    *,
    title: str = "",
    unit: str = "",
    dpi: float = 200,
    width: float | None = None,
) -> Path:
    """Write a bar for each token, the first on top; returns the path.

    Args:
        values: (tokens,).
        names: the name of each token.
        path, title, unit, dpi: as for `save_matrix`.
        width: of the whole figure in inches; None gives the bars 3.2.

    Raises:
        GateError: values that do not fit the names, another extension, or a number out of range.
    """
    target, kind = arguments.target(path, paper.KINDS)
    bars = np.asarray(values, np.float64)
    if bars.shape != (len(names),):
        raise GateError("values", f"one for each of {len(names)} tokens", f"{bars.shape}")
    down = _names(names, kind)
    high = max(min(CELL, 2 * SIDE / len(names)) * len(names), 0.5)
    left, right = _widest(down) + 0.1, 0.2
    if width is not None:
        number("width", width, 0.5, 40)
    wide = 3.2 if width is None else max(0.2, width - left - right)
    sheet = _Sheet(title, kind, left, wide, right, high, 0.1, 0.4, dpi)
    with paper.printing():
        fig = sheet.figure()
        axes = sheet.axes(fig)
        axes.barh(np.arange(len(names)), np.nan_to_num(bars), color=theme.LINES[0], height=0.8)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.axvline(0, color="black", linewidth=0.5)
        axes.set_yticks(*_ticks(down, high))
        axes.set_xlabel(_names([unit], kind, most=80)[0])
        _plain(axes)
        data = _printed(fig, kind)
    return _written(data, target, kind, [title, unit, *names])


class _Sheet:
    """Where title and axes lie, in inches from the lower left corner."""

    def __init__(
        self,
        title: str,
        kind: str,
        left: float,
        wide: float,
        right: float,
        high: float,
        top: float,
        low: float,
        dpi: float,
    ) -> None:
        number("dpi", dpi, 10, 2400)
        self.dpi = dpi
        self.left, self.low, self.wide, self.high, self.right = left, low, wide, high, right
        self.width = left + wide + right
        room = (self.width - 2 * _PAD) * 72 / paper.POINTS * paper.FINE
        parts = _names(title.split("\n"), kind, most=400)
        self.lines = [line for part in parts for line in letters.wrapped(part, room, paper.FINE)]
        self.height = low + high + top + LINE * len(self.lines) + _PAD
        pixels = round(self.width * dpi) * round(self.height * dpi)
        LIMITS["picture pixels"].check(pixels, "figure", advice="Give a smaller dpi.")

    def figure(self) -> Figure:
        """The sheet with its title."""
        fig = Figure(figsize=(self.width, self.height), dpi=self.dpi)
        spaced = LINE * 72 / paper.POINTS / 1.2
        fig.text(0.5, 1 - _PAD / self.height, "\n".join(self.lines), ha="center", va="top", linespacing=spaced)
        return fig

    def axes(self, fig: Figure) -> Axes:
        """Those of the values."""
        return self._at(fig, self.left, self.wide, self.high)

    def beside(self, fig: Figure) -> Axes:
        """Those of the colour scale."""
        return self._at(fig, self.left + self.wide + 0.12, _BAR, min(self.high, 2.5))

    def _at(self, fig: Figure, left: float, wide: float, high: float) -> Axes:
        top = self.low + self.high
        return fig.add_axes((left / self.width, (top - high) / self.height, wide / self.width, high / self.height))


def _names(names: Sequence[str], kind: str, most: int = MOST) -> list[str]:
    """Names as the typeface can draw them, on one line each and cut where they are long."""
    drawn = (letters.printable(one) if kind == ".svg" else letters.drawable(one, paper.SHAPED) for one in names)
    lines = (" ".join(one.split()) for one in drawn)
    return [one if len(one) <= most else f"{one[: most - 3]}..." for one in lines]


def _widest(names: Sequence[str]) -> float:
    """Inches that the longest name takes, and a little more, since matplotlib sets letters slightly wider."""
    longest = max((letters.length(one, paper.FINE) for one in names), default=0.0)
    return 1.08 * longest * paper.POINTS / 72 / paper.FINE + 0.08


def _ticks(names: Sequence[str], room: float) -> tuple[list[int], list[str]]:
    """Every token's place and name, or every second, third, ... where names would touch."""
    step = max(1, int(np.ceil(LINE * len(names) / room - 1e-9)))
    places = list(range(0, len(names), step))
    return places, [names[n] for n in places]


def _plain(axes: Axes) -> None:
    axes.tick_params(length=2, pad=1.5, width=0.5)
    axes.spines[:].set_linewidth(0.5)


def _bar(axes: Axes, scaled: Scaled, colours: NDArray[np.uint8], unit: str) -> None:
    """The colour scale with its numbers and its unit, the highest value on top."""
    axes.imshow(colours[:, None], extent=(0, 1, scaled.low, scaled.high), origin="lower", aspect="auto")
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.set_yticks(list(scaled.ticks), list(scaled.tick_text))
    axes.set_ylabel(unit)
    _plain(axes)


def _printed(fig: Figure, kind: str) -> bytes:
    out = io.BytesIO()
    fig.savefig(out, format=kind[1:], metadata=paper.UNDATED[kind])
    return out.getvalue()


def _written(data: bytes, target: Path, kind: str, texts: Sequence[str]) -> Path:
    """Writes what was printed; outside of `paper.printing`, which lets no warning through."""
    if kind != ".svg" and letters.remark(texts, paper.SHAPED):
        warnings.warn(f"{target.name}: {letters.REMARK}", stacklevel=3)
    return write(target, data)
