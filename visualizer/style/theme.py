"""Colours, fonts and margins of every figure."""

import html
import textwrap
from collections.abc import Mapping
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor
from plotly.colors import get_colorscale

from visualizer.style.letters import printable
from vit_attention.gate import GateError, shown

NOTES: Mapping[str, str] = {
    "Cividis": "blue to yellow; even steps of lightness, reads nearly the same with every kind of colour vision",
    "Viridis": "violet to yellow; even steps of lightness, safe for colour-blind readers",
    "Inferno": "black to pale yellow through red; even steps of lightness, strong on bright pictures",
    "Magma": "black to pale pink; even steps of lightness, softer than Inferno",
    "Greys": "white to black; prints without colour",
    "Jet": "rainbow; lightness goes up and down, so it shows edges that are not in the values. Only on request",
}
"""One line on each sequential colour map."""


def _scale(name: str) -> list[list[float | str]]:
    # Lists, not names: plotly.js and plotly.py disagree on the direction of maps of the same name.
    return [[round(float(at), 6), colour] for at, colour in get_colorscale(name)]


COLORMAPS = {name: _scale(name) for name in NOTES}
"""Sequential maps, name to Plotly scale."""
OFFERED = tuple(name for name in COLORMAPS if name != "Jet")
"""The maps a page offers without being asked; all are safe for colour-blind readers."""
DIVERGING = {name: _scale(name) for name in ("PuOr", "RdBu")}
"""Maps for signed values; their middle is fixed at zero."""
COLORMAP, DIVERGENT = "Cividis", "PuOr"

QUERY = ("#ffffff", "#d55e00")
"""The two tones of the outline round a query patch: one of them stands out from any picture."""
TRUTH = "#00f0ff"
"""Outline of the true object."""
LINE = "rgba(128,128,128,0.9)"
"""Grid lines and rims that must show on light and dark pages."""
SHADE = "rgba(128,128,128,0.6)"
"""Laid over pixels that the model never saw."""
GRID = "rgba(128,128,128,0.25)"
"""Lines behind curves and bars."""
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours of curves (Okabe and Ito's set), readable on light and dark ground; never the only difference."""
FONT_SIZE, SMALL, TITLE_SIZE = 13, 12, 15
HEIGHT = 460
"""Most pixels of a figure whose height nobody gives: whole, it stands beside a text on a small laptop."""
SIDE_MARGIN, TOP_MARGIN = 8, 8
FIRST = 1
"""Number that people see on the first layer, head, row and column."""


@lru_cache(maxsize=32)
def table(name: str) -> NDArray[np.uint8]:
    """(256, 3) uint8 RGB of a colour map, low to high, read-only; for pictures made without Plotly.

    Raises:
        ValueError: no map of that name.

    >>> table("Greys")[[0, 255]].tolist()
    [[255, 255, 255], [0, 0, 0]]
    """
    stops = colorscale(name)
    at = [float(stop) for stop, _ in stops]
    rgb = np.array([ImageColor.getrgb(str(colour)) for _, colour in stops], dtype=np.float64)
    fine = np.stack([np.interp(np.linspace(0, 1, 256), at, rgb[:, channel]) for channel in range(3)], axis=1)
    out = np.round(fine).astype(np.uint8)
    out.flags.writeable = False
    return out


def colorscale(name: str) -> list[list[float | str]]:
    """The Plotly scale of a sequential or diverging map; raises ValueError for an unknown name."""
    known = {**COLORMAPS, **DIVERGING}
    if name not in known:
        raise GateError("colour map", f"one of {', '.join(known)}", shown(name))
    return known[name]


def stops(palette: NDArray[np.uint8]) -> list[list[float | str]]:
    """The Plotly scale on which the numbers of a palette, from 0 to 1, take its colours.

    >>> stops(np.array([[255, 0, 0], [0, 0, 255]], np.uint8))
    [[0.0, 'rgb(255,0,0)'], [1.0, 'rgb(0,0,255)']]
    """
    colours = palette.tolist() * (2 if len(palette) == 1 else 1)
    return [[n / (len(colours) - 1), f"rgb({r},{g},{b})"] for n, (r, g, b) in enumerate(colours)]


# Not after a hyphen: "natural-log" and 1e-05 stay whole.
_FOLD = partial(textwrap.wrap, break_on_hyphens=False)


def safe(text: object, width: int | None = None) -> str:
    """`text` for a figure: wrapped at `width` characters, with no live markup, since Plotly draws <b> and <a>.

    >>> safe("<b>cat</b>")
    '&lt;b&gt;cat&lt;/b&gt;'
    """
    lines = [line for part in printable(text).split("\n") for line in (_FOLD(part, width) if width else [part])]
    return "<br>".join(html.escape(line, quote=False) for line in lines)


def short(value: float) -> str:
    """A number in three significant digits.

    >>> short(0.031415), short(12.0), short(0.0)
    ('0.0314', '12', '0')
    """
    return f"{float(value):.3g}"
