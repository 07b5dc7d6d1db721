"""How numbers become colours: five named modes, or colours given cell by cell; each with a sentence for the figure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageEnhance

from visualizer.style import theme
from visualizer.style.theme import short
from vit_attention.gate import GateError

MODES = {
    "raw": "from 0 to this map's own maximum; if it is signed, as far on either side of 0",
    "shared": "from 0 to the maximum of all maps shown together",
    "per map": "each map stretched from its own minimum to its own maximum; sizes cannot be compared",
    "log": "decimal logarithm, so that small values show too",
    "clipped": "from 0 to a percentile; the few largest values share one colour",
}
"""Name of each mode and what it does, in words."""
MOST = 1e300
"""Largest number that is drawn: what a range is made of must not overflow."""
FADED_STOPS = 33
"""Colours of a Plotly scale whose opacity follows the value; an odd number, so that 0 in the middle of a signed one is clear."""
PALE = 0.25
"""How much of its colour a picture keeps under two hues: so little that none turns a value into its opposite."""
NOTHING = 1e-12
"""Smallest range that is still stretched; anything less is called constant."""


@dataclass(frozen=True)
class Scale:
    """A mode with its numbers.

    Attributes:
        mode: one of `MODES`.
        clip_percentile: percent of the defined values that "clipped" leaves untouched.
        floor: smallest value that "log" tells apart, in the unit of the values.
    """

    mode: str = "raw"
    clip_percentile: float = 99.0
    floor: float = 1e-5

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise GateError("scale", f"one of {', '.join(MODES)}", f"{self.mode!r}")
        if not 0 < self.clip_percentile <= 100:
            raise GateError("clip_percentile", "more than 0 and at most 100", f"{self.clip_percentile}")
        if not (np.isfinite(self.floor) and self.floor > 0):
            raise GateError("floor", "more than 0", f"{self.floor}")


@dataclass(frozen=True, eq=False)
class Colours(Scale):
    """Colours that maps bring with them, cell by cell: no mode, no range and no colour bar.

    Attributes:
        rgb: (..., rows, columns, 3) red, green and blue from 0 to 1; NaN where a cell has no colour.
        legend: what the colours mean, printed instead of a colour bar.
    """

    rgb: NDArray[np.floating[Any]] = field(default_factory=lambda: np.zeros((0, 0, 3)))
    legend: str = ""

    def __post_init__(self) -> None:
        known = self.rgb[np.isfinite(self.rgb)]
        if self.rgb.ndim < 3 or self.rgb.shape[-1] != 3 or (known < 0).any() or (known > 1).any():
            raise GateError("colours", "(..., rows, columns, 3) from 0 to 1", f"shape {self.rgb.shape}")

    def scaled(self, grid: NDArray[Any]) -> "Scaled":
        """Numbers of the colours in a palette, for a map or stack of maps of this shape."""
        if grid.shape != self.rgb.shape[:-1]:
            raise GateError("colours", f"{(*grid.shape, 3)}, one for every value", f"{self.rgb.shape}")
        flat = self.rgb.reshape(-1, 3)
        numbers = np.where(np.isfinite(flat).all(axis=1), np.arange(len(flat)), np.nan).reshape(grid.shape)
        palette = np.round(np.nan_to_num(flat) * 255).astype(np.uint8)
        return Scaled(numbers, 0.0, max(1.0, len(flat) - 1.0), f"colour: {self.legend}", (), (), palette=palette)


@dataclass(frozen=True, eq=False)
class Scaled:
    """Values ready to be coloured.

    Attributes:
        values: same shape as given; NaN stays NaN. Unchanged except by "per map" and "log".
        low, high: values that take the first and the last colour; low < high.
        caption: what the colours mean, always printed on the figure.
        ticks: positions on the colour bar, in units of `values`.
        tick_text: what to print there, in the unit given.
        signed: whether 0 lies in the middle, which wants a diverging colour map.
        palette: (colours, 3) bytes, if `values` are numbers of colours in it; there is no colour bar then.
        faded: whether the opacity of a cell follows its value; see `cover`.
    """

    values: NDArray[np.floating[Any]]
    low: float
    high: float
    caption: str
    ticks: tuple[float, ...]
    tick_text: tuple[str, ...]
    signed: bool = False
    palette: NDArray[np.uint8] | None = None
    faded: bool = False

    def fading(self, fade: bool) -> "Scaled":
        """The same with opacity that follows the value, if asked for; maps that bring their own colours keep theirs."""
        if not fade or self.palette is not None:
            return self
        words = "values near 0 fade" if self.signed else "low values fade"
        return replace(self, faded=True, caption=f"{self.caption}; {words}")

    def cover(self, share: NDArray[Any]) -> NDArray[Any]:
        """How opaque values of the unit interval are, from 0 to 1: all alike, or the root of how far from nothing they lie."""
        away = np.abs(2 * share - 1) if self.signed else share
        # The root, since half of the largest weight would hardly be seen at half of the opacity.
        return np.asarray(np.sqrt(away) if self.faded else np.ones_like(share))

    def colorscale(self, name: str) -> list[list[float | str]]:
        """The Plotly scale of a colour map, with its opacity where that follows the value."""
        if self.palette is not None:
            return theme.stops(self.palette)
        if not self.faded:
            return theme.colorscale(self.colormap(name))
        cover = np.linspace(-1 if self.signed else 0, 1, FADED_STOPS)
        at = (1 + cover * np.abs(cover)) / 2 if self.signed else cover**2
        rgba = zip(at.tolist(), self.coloured(at, name).tolist(), self.cover(at).tolist(), strict=True)
        return [[place, f"rgba({r},{g},{b},{alpha:.3f})"] for place, (r, g, b), alpha in rgba]

    def under(self, picture: Image.Image) -> Image.Image:
        """The picture as it lies under these colours: with little of its own where they are of two hues with 0 between them.

        Over a picture's full hues they would change sides: violet over yellow looks as brown as orange over violet.
        """
        return ImageEnhance.Color(picture.convert("RGB")).enhance(PALE) if self.signed else picture

    def on_paper(self, share: NDArray[Any], name: str, paper: Sequence[int]) -> NDArray[np.uint8]:
        """(..., 3) bytes of `coloured` as they look on paper of a colour."""
        cover = self.cover(share)[..., None]
        return np.asarray(np.round(self.coloured(share, name) * cover + np.array(paper) * (1 - cover)), np.uint8)

    def colormap(self, name: str) -> str:
        """`name` if that colour map fits the scale, or the house's diverging one for signed values."""
        return theme.DIVERGENT if self.signed and name in theme.COLORMAPS else name

    def table(self, name: str) -> NDArray[np.uint8]:
        """(colours, 3) bytes from the first colour to the last: those of a colour map, or the palette."""
        return theme.table(self.colormap(name)) if self.palette is None else self.palette

    def coloured(self, share: NDArray[Any], name: str) -> NDArray[np.uint8]:
        """(..., 3) bytes for values of the unit interval; those that are NaN take the first colour."""
        table = self.table(name)
        return np.asarray(table[np.nan_to_num(np.round(share * (len(table) - 1))).astype(int)])

    def unit_interval(self) -> NDArray[np.float64]:
        """The values from 0 (first colour) to 1 (last colour), clamped; NaN stays NaN."""
        return np.clip((self.values.astype(np.float64) - self.low) / (self.high - self.low), 0, 1)


def apply_scale(
    values: ArrayLike,
    mode: str | Scale = "raw",
    together: ArrayLike | Sequence[ArrayLike] | None = None,
    *,
    unit: str = "share of attention",
    signed: bool | None = None,
) -> Scaled:
    """`values` scaled for drawing, with the range and the caption that go with it.

    Args:
        values: one map, or a stack of maps (..., rows, columns); NaN marks undefined cells.
        mode: one of `MODES`, a `Scale` with its own percentile and floor, or `Colours`.
        together: all maps that share the range, for "shared"; None means `values` alone.
        unit: what one value is, for the caption.
        signed: put 0 in the middle, whatever the mode; "clipped" bounds both sides alike. None does so for values
            below 0, those that rounding leaves excepted.

    Raises:
        ValueError: unknown mode, values that are infinite, or "log" of negative values.

    >>> apply_scale([[0.0, 0.031]]).caption
    'colour: raw share of attention, 0 to 0.031'
    """
    chosen = mode if isinstance(mode, Scale) else Scale(mode)
    grid = np.asarray(values)
    if isinstance(chosen, Colours):
        return chosen.scaled(grid)
    grid = grid if grid.dtype == np.float32 else grid.astype(np.float64)
    if (np.abs(grid) > min(MOST, float(np.finfo(grid.dtype).max))).any():
        raise GateError("values", f"finite numbers or NaN, up to {MOST:g}", "infinite or larger ones")
    if not np.isfinite(grid).any() and not (chosen.mode == "shared" and together is not None):
        return Scaled(grid, 0.0, 1.0, f"colour: {unit}, 0 to 1; no value here is defined", (0.0, 1.0), ("0", "1"))
    if chosen.mode != "log" and (_below_zero(_pool(grid, chosen, together)) if signed is None else signed):
        return _signed(grid, chosen, together, unit)
    if chosen.mode == "per map":
        return _per_map(grid, unit)
    if chosen.mode == "log":
        return _log(grid, chosen.floor, unit)
    if chosen.mode == "clipped":
        return _clipped(grid, chosen.clip_percentile, unit)
    low, high, note = _ends(_pool(grid, chosen, together))
    words = f"raw {unit}" if chosen.mode == "raw" else f"{unit}, one scale for all maps"
    return linear(grid, low, high, f"colour: {words}, {short(low)} to {short(high)}{note}")


def _pool(grid: NDArray[Any], chosen: Scale, together: Any) -> NDArray[np.float64]:
    """The values that share the range."""
    shared: Any = grid if chosen.mode != "shared" or together is None else together
    return np.concatenate([np.ravel(np.asarray(one, dtype=np.float64)) for one in shared])


def _below_zero(pool: NDArray[np.float64]) -> bool:
    known = pool[np.isfinite(pool)]
    return bool(known.size and known.min() < -1e-6 * np.abs(known).max())


def _ends(pool: NDArray[Any]) -> tuple[float, float, str]:
    """0 (or the minimum, if negative) and the maximum, and what to say if they are the same; never an empty range."""
    known = np.append(pool[np.isfinite(pool)], 0.0)
    low, high = float(known.min()), float(known.max())
    return (low, high, "") if high - low > NOTHING else (low, low + 1.0, "; every value is 0")


def linear(grid: NDArray[Any], low: float, high: float, caption: str) -> Scaled:
    """The values as they are, with five even ticks from the first to the last colour."""
    ticks = tuple(float(v) for v in np.linspace(low, high, 5))
    return Scaled(grid, low, high, caption, ticks, tuple(short(v) for v in ticks))


def symmetric(values: NDArray[Any], unit: str, limit: float | None = None) -> Scaled:
    """The scale from -limit to +limit; values beyond a given limit take the outermost colours, and are counted."""
    known = np.abs(values[np.isfinite(values)]).astype(np.float64)
    largest = float(known.max()) if known.size else 0.0
    end = largest if limit is None else float(limit)
    if limit is not None and not limit > 0:
        raise GateError("limit", "more than 0", f"{limit}")
    end, zero = (end, "") if end > NOTHING else (1.0, "; every value is 0" if known.size else "; no value is defined")
    beyond = int((known > end).sum())
    note = f"; {beyond} beyond drawn like the ends" if beyond else ""
    ticks = (-end, -end / 2, 0.0, end / 2, end)
    text = tuple(("+" if v > 0 else "") + short(v) for v in ticks)
    caption = f"colour: {unit}, {text[0]} to {text[-1]}, middle is 0{zero}{note}"
    return Scaled(values, -end, end, caption, ticks, text, signed=True)


def _signed(grid: NDArray[Any], chosen: Scale, together: Any, unit: str) -> Scaled:
    """Round 0: each map by its own largest value for "per map", else all by one."""
    if chosen.mode == "per map" and grid.ndim > 2:
        known = np.where(np.isfinite(grid), np.abs(grid), 0)
        largest = known.max(axis=(-2, -1), keepdims=True)
        words = f"{unit}, each map stretched to its own largest size"
        out = symmetric(grid / np.where(largest > NOTHING, largest, 1), words, 1.0)
        return replace(out, ticks=(-1.0, 0.0, 1.0), tick_text=("-own max", "0", "+own max"))
    pool = np.abs(_pool(grid, chosen, together))
    pool = pool[np.isfinite(pool)]
    percent = chosen.clip_percentile if chosen.mode == "clipped" else 100.0
    limit = float(np.percentile(pool, percent)) if pool.size else 0.0
    return symmetric(grid, unit, limit if limit > NOTHING else None)


def _clipped(grid: NDArray[Any], percentile: float, unit: str) -> Scaled:
    low, most, _ = _ends(grid)
    high = float(np.nanpercentile(grid, percentile))
    high = high if high - low > NOTHING else most
    above = int((grid > high * (1 + 1e-7)).sum())
    words = f"{short(low)} to {short(high)} (percentile {percentile:g}; {above} larger drawn like {short(high)})"
    return linear(grid, low, high, f"colour: {unit}, clipped, {words}")


def _log(grid: NDArray[Any], floor: float, unit: str) -> Scaled:
    if (grid < 0).any():
        raise GateError("log scale", "values of at least 0", f"{np.nanmin(grid):g}")
    top = max(float(np.nanmax(grid)), floor * 10)
    below = int((grid < floor).sum())
    low, high = float(np.log10(floor)), float(np.log10(top))
    decades = [float(d) for d in range(int(np.ceil(low - 1e-9)), int(np.floor(high + 1e-9)) + 1)]
    ticks = [d for d in decades if high - d > 0.3] + [high]
    note = f"; {below} smaller drawn like {short(floor)}" if below else ""
    caption = f"colour: {unit}, logarithmic, {short(floor)} to {short(top)}{note}"
    out = np.log10(np.maximum(grid, floor))  # NaN passes through maximum
    return Scaled(out, low, high, caption, tuple(ticks), tuple(short(10**d) for d in ticks))


def _per_map(grid: NDArray[Any], unit: str) -> Scaled:
    known = np.isfinite(grid)
    axes = (-2, -1) if grid.ndim > 1 else (-1,)
    low = grid.min(axis=axes, keepdims=True, where=known, initial=np.inf)
    high = grid.max(axis=axes, keepdims=True, where=known, initial=-np.inf)
    flat = ~(high - low > NOTHING)  # also a map without a value
    spread = np.where(flat, 1, high - low)
    out = np.where(known, (grid - low) / spread, np.nan).astype(grid.dtype)
    constant = int((flat & known.any(axis=axes, keepdims=True)).sum())
    if low.size == 1:
        words = f"stretched from {short(low.item())} to {short(high.item())}"
    else:
        words = "each map stretched from its own minimum to its own maximum"
    note = f"; {constant} constant drawn as 0" if constant else ""
    named = linear(out, 0.0, 1.0, f"colour: {unit}, {words}{note}")
    if low.size > 1:
        return replace(named, ticks=(0.0, 1.0), tick_text=("own min", "own max"))
    if flat.all():
        return replace(named, ticks=(0.0,), tick_text=(short(low.item()),))
    return replace(named, tick_text=tuple(short(low.item() + t * spread.item()) for t in named.ticks))
