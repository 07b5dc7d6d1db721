"""Figures for papers: a map on its picture at a width in inches, as PNG, SVG or PDF, with or without scale and title."""

import io
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.export import arguments
from visualizer.figures import canvas, outlines
from visualizer.figures.composite import PAPER, paint, spaced
from visualizer.measures.arguments import number
from visualizer.method.base import Map
from visualizer.style import letters, theme
from visualizer.style.letters import printable
from visualizer.style.scale import Scale, Scaled, apply_scale
from vit_attention.gate import LIMITS, GateError
from vit_attention.records.geometry import Geometry
from vit_attention.records.writing import write

KINDS = (".png", ".svg", ".pdf")
POINTS = 7
"""Size of all words, in points: the least that most journals take."""
FINE = 24
"""Pixels to the size of a letter in which lines are measured."""
_LINE, _RIM, _SIDE, _BAR, _TICKS = 0.135, 0.05, 0.2, 0.07, 0.16
"""In inches: height of a line of words, room round words, room beside the scale, height of the scale and its numbers."""
SHAPED = tuple(int(part) for part in matplotlib.__version__.split(".")[:2]) >= (3, 11)
"""Whether matplotlib joins and turns letters that want it."""
_PRINT: dict[Any, Any] = {
    "font.family": [letters.FAMILY, "sans-serif"],
    "font.size": POINTS,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "sightlines",
    "pdf.fonttype": 42,
}
UNDATED: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
_ONE = threading.Lock()


def save(
    values: Map | ArrayLike,
    picture: Image.Image,
    path: str | Path,
    *,
    geometry: Geometry | None = None,
    dpi: float = 300,
    width: float = 3.25,
    scale: bool = True,
    title: str | None = None,
    alpha: float = 0.6,
    fade: bool = False,
    mode: str | Scale = "raw",
    together: Any = None,
    colormap: str = theme.COLORMAP,
    signed: bool | None = None,
    unit: str = "",
    query: int | Sequence[int] | None = None,
    truth: ArrayLike | None = None,
) -> Path:
    """Write a map over its picture as a figure for a paper; returns the path.

    Without scale and title the picture fills the figure to its edges. Text stays text: an SVG is drawn with the viewer's
    fonts, a PDF embeds its font. Letters that this font lacks are written as their code points.

    Args:
        values: a `Map`, or (rows, columns) over the model's input; NaN cells stay uncovered.
        picture: the upright picture.
        path: file to write; its extension sets the format: .png, .svg or .pdf.
        geometry: from the picture to the model's input; None takes the map's, or the whole picture.
        dpi: pixels per inch of a PNG, and of the picture inside an SVG or PDF.
        width: width of the whole figure in inches; 3.25 is one column of a two-column paper.
        scale: whether to draw a colour scale with its unit below the picture.
        title: plain text above the picture; None for no title.
        alpha: 0 (picture alone) to 1 (map alone).
        fade: as for `visualizer.overlay`.
        mode: a mode of `scale.MODES`, or a `Scale`.
        together: all maps that share the range of the shared scale, so that figures can be compared.
        colormap: one of `theme.COLORMAPS`; signed values take a diverging one whose middle is 0.
        signed: whether 0 is the middle of the scale; None decides by the map, or by values below 0.
        unit: what one value is; "" takes the map's, or share of attention.
        query: numbers of patches to outline; None outlines the query patches of the map, () none.
        truth: (height, width) bool over the picture, to outline.

    Raises:
        ValueError: another extension, a map over text, or a number out of range.
    """
    target, kind = arguments.target(path, KINDS)
    number("dpi", dpi, 10, 2400)
    number("width", width, 0.5, 40)
    number("alpha", alpha, 0, 1)
    given = values if isinstance(values, Map) else None
    where = canvas.fitting(picture, geometry or (given.geometry if given else None))
    unit = unit or (given.unit if given else "share of attention")
    mode = given.scale(mode) if given else mode
    scaled = _scaled(values, mode, together, unit, signed).fading(fade)
    asking = (given.patches if given else ()) if query is None else query
    words = [title or "", _said(scaled, mode, unit) if scale else ""]
    over, under = (printable(text) if kind == ".svg" else letters.drawable(text, SHAPED) for text in words)
    bar = scale and scaled.palette is None
    sheet = _Sheet(where, width, dpi, over, under, bar)
    coloured = paint(picture, scaled, where, sheet.pixels, colormap, alpha)
    boxes = outlines.patch_boxes(where, scaled.values.shape, asking)
    with printing():
        fig = sheet.figure()
        _picture(sheet.axes(fig), coloured, where, boxes, truth)
        if bar:
            _bar(sheet.bar(fig), scaled, scaled.on_paper(np.linspace(0, 1, 256), colormap, PAPER), width)
        out = io.BytesIO()
        fig.savefig(out, format=kind[1:], metadata=UNDATED[kind])
    if kind != ".svg" and letters.remark(words, SHAPED):
        warnings.warn(f"{target.name}: {letters.REMARK}", stacklevel=2)
    return write(target, out.getvalue())


@contextmanager
def printing() -> Iterator[None]:
    """The settings of `_PRINT` over matplotlib's own, whatever the caller's are, and those back afterwards."""
    # matplotlib keeps its settings in one table for the whole process: one figure is made at a time.
    with _ONE, warnings.catch_warnings(), matplotlib.rc_context():
        warnings.simplefilter("ignore")  # of letters that DejaVu lacks, which an SVG's viewer draws
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_PRINT)
        yield


def _scaled(values: Any, mode: str | Scale, together: Any, unit: str, signed: bool | None) -> Scaled:
    """The map's numbers ready to be coloured, by what the map says of itself where nobody says otherwise."""
    if isinstance(values, Map):
        signed = values.signed if signed is None else signed
        if values.axis.kind == "text":
            raise GateError("values", "a map over a picture", "one over words")
        values = values.values
    grid = canvas.grid_of(values)
    return apply_scale(grid, mode, together, unit=unit, signed=signed)


def _said(scaled: Scaled, mode: str | Scale, unit: str) -> str:
    """What stands under the scale: the unit, and how numbers became colours where the scale's own do not tell."""
    plain = scaled.palette is None and (mode.mode if isinstance(mode, Scale) else mode) in ("raw", "shared")
    return unit if plain else scaled.caption.removeprefix("colour: ")


class _Sheet:
    """Where title, picture and scale lie, in whole pixels from the lower edge."""

    def __init__(self, where: Geometry, width: float, dpi: float, title: str, label: str, bar: bool) -> None:
        self.dpi, self.wide = dpi, round(width * dpi)
        self.high = max(1, round(self.wide * where.original[1] / where.original[0]))
        self.title, self.label = (self._lines(text, width) for text in (title, label))
        self.low = round(dpi * (_RIM + (_BAR + _TICKS) * bar + _LINE * len(self.label) + _RIM)) if label else 0
        self.top = round(dpi * (_LINE * len(self.title) + 2 * _RIM)) if title else 0
        self.tall = self.low + self.high + self.top
        LIMITS["picture pixels"].check(self.wide * self.tall, "figure", advice="Give a smaller width or dpi.")

    @property
    def pixels(self) -> tuple[int, int]:
        """(width, height) of the picture."""
        return self.wide, self.high

    def figure(self) -> Figure:
        """The empty sheet with its words."""
        # A trifle more, since matplotlib cuts off what dividing and multiplying leave below a whole pixel.
        inch = self.dpi / (1 + 1e-14)
        fig = Figure(figsize=(self.wide / inch, self.tall / inch), dpi=self.dpi)
        look: dict[str, Any] = {"ha": "center", "va": "center", "linespacing": _LINE * 72 / POINTS / 1.2}
        for middle, lines in ((self.tall - self.top / 2, self.title), (self._label_middle(), self.label)):
            fig.text(0.5, middle / self.tall, "\n".join(lines), **look)
        return fig

    def _label_middle(self) -> float:
        return self.dpi * (_RIM + _LINE * len(self.label) / 2)

    def axes(self, fig: Figure) -> Axes:
        """Those of the picture."""
        return fig.add_axes((0, self.low / self.tall, 1, self.high / self.tall))

    def bar(self, fig: Figure) -> Axes:
        """Those of the scale."""
        side = _SIDE * self.dpi / self.wide
        bottom = (self.low - self.dpi * (_RIM + _BAR)) / self.tall
        return fig.add_axes((side, bottom, 1 - 2 * side, _BAR * self.dpi / self.tall))

    @staticmethod
    def _lines(text: str, width: float) -> list[str]:
        room = (width - 2 * _RIM) * 72 / POINTS * FINE
        return [line for part in text.split("\n") for line in letters.wrapped(part, room, FINE)]


def _picture(
    axes: Axes, coloured: NDArray[np.uint8], where: Geometry, boxes: Sequence[outlines.Box], truth: ArrayLike | None
) -> None:
    """The coloured picture with outlines in its own pixels."""
    width, height = where.original
    axes.imshow(coloured, extent=(0, width, height, 0), interpolation="none", aspect="auto")
    axes.set_axis_off()
    for rim in outlines.truth_rims(truth, where) if truth is not None else ():
        axes.plot(*rim.T, color=theme.TRUTH, linewidth=1, scalex=False, scaley=False)
    for left, top, right, bottom in boxes:
        for colour, thick in zip(theme.QUERY, (2, 1), strict=True):
            box = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour, linewidth=thick)
            axes.add_patch(box)


def _bar(axes: Axes, scaled: Scaled, colours: NDArray[np.uint8], width: float) -> None:
    """The colour scale with its numbers; fewer where they would touch."""
    axes.imshow(colours[None], extent=(scaled.low, scaled.high, 0, 1), interpolation="none", aspect="auto")
    ticks = spaced(scaled, (width - 2 * _SIDE) * 72 / POINTS * FINE, FINE)
    axes.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
    axes.set_yticks([])
    axes.tick_params(length=2, pad=1.5, width=0.5)
    axes.spines[:].set_linewidth(0.5)
