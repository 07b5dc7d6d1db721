"""A picture and what is laid on it: axes in its pixels, coloured cells, places to click and hover, the colour bar."""

import base64
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from visualizer.figures.outlines import FIRST_AXES, Axes, Box, numbers, seen_box, unseen
from visualizer.measures import undefined
from visualizer.style import theme
from visualizer.style.scale import Scale, Scaled, apply_scale
from visualizer.style.sketch import Sketch
from vit_attention.gate import GateError
from vit_attention.records.geometry import Geometry, Placed

BAR = 40
"""Room under a drawing for a colour bar with its numbers, in pixels."""
BAR_LENGTH, LONG = 206, 7
"""Pixels of a colour bar, and signs of the longest number of which five fit under it.

In a column of 290 beside names of layers there is room for half a number behind its end, else Plotly leaves that out.
"""
MAX_SIDE = 640
"""Longest side of the picture inside a figure, in pixels."""
SMALL_SIDE = 336
"""The same where one figure holds several pictures, or many frames."""
CLICKS = {"clickmode": "event", "hovermode": "closest", "hoverdistance": -1}
"""Layout under which a click is reported by the nearest of `markers`, wherever it falls."""


def fitting(image: Image.Image, geometry: Geometry | None) -> Geometry:
    """`geometry`, or that of a model that saw the whole picture; a stored picture may be smaller than the original."""
    if not isinstance(image, Image.Image):
        raise GateError("image", "a picture of Pillow's, such as record.image", type(image).__name__)
    if geometry is None:
        return Geometry.of(*image.size)
    ratio = (image.size[0] / image.size[1]) / (geometry.original[0] / geometry.original[1])
    if abs(np.log(ratio)) > 0.05 and not geometry.fits(*image.size):
        raise GateError("image", f"the shape of {geometry.original} (width, height)", f"{image.size}")
    return geometry


def grid_of(values: ArrayLike, name: str = "values") -> NDArray[Any]:
    """`values` as a (rows, columns) array; raises ValueError for another number of axes or an empty grid."""
    return undefined.shaped(values, name, "(rows, columns)")


def grids_of(maps: Iterable[ArrayLike]) -> list[NDArray[Any]]:
    """Each of the maps as a (rows, columns) array; raises ValueError for another shape, or for none at all."""
    grids = [grid_of(one, "maps") for one in maps]
    if not grids:
        raise GateError("maps", "at least one", "none")
    return grids


def within(number: int, count: int, name: str) -> int:
    """`number` if it is one of `count`, counted from 0; raises ValueError, saying `name`, if not."""
    if not 0 <= number < count:
        raise GateError(name, f"0 to {count - 1}", f"{number}")
    return int(number)


def one_each(count: int, what: str, **texts: Sequence[str] | None) -> None:
    """Raise ValueError for texts, by the name of the argument, that are not one per `what`; None is always right."""
    for name, given in texts.items():
        if given is not None and len(given) != count:
            raise GateError(name, f"{count}, one per {what}", f"{len(given)}")


def scale_all(
    maps: Sequence[NDArray[Any]], mode: str | Scale, together: Any, unit: str, signed: bool | None = None
) -> tuple[list[NDArray[Any]], Scaled]:
    """Maps of any shapes scaled as one, and what they share; "raw" means "shared" here."""
    stack = undefined.padded(maps).astype(np.float64)
    pool = stack if together is None else together
    scaled = apply_scale(stack, "shared" if mode == "raw" else mode, pool, unit=unit, signed=signed)
    return [drawn[tuple(map(slice, one.shape))] for drawn, one in zip(scaled.values, maps, strict=True)], scaled


def data_uri(image: Image.Image, max_side: int = MAX_SIDE, quality: int = 85) -> str:
    """`image` as a JPEG `data:` address that needs no request, shrunk so that no side is longer than `max_side` pixels.

    >>> data_uri(Image.new("RGB", (8, 8)))[:23]
    'data:image/jpeg;base64,'
    """
    small = image.convert("RGB")
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def layout_image(
    image: Image.Image,
    width: float,
    height: float,
    *,
    corner: Sequence[float] = (0, 0),
    axes: Axes = FIRST_AXES,
    max_side: int = MAX_SIDE,
) -> dict[str, Any]:
    """A Plotly layout image of `width` and `height` right of and below its `corner`, on a reversed y axis."""
    return {
        "source": data_uri(image, max_side),
        "xref": axes[0],
        "yref": axes[1],
        "x": corner[0],
        "y": corner[1],
        "sizex": width,
        "sizey": height,
        "xanchor": "left",
        "yanchor": "top",
        "sizing": "stretch",
        "layer": "below",
    }


def add_picture(
    fig: Sketch,
    image: Image.Image,
    where: Geometry,
    view: Sequence[float] | None = None,
    *,
    number: int = 1,
    max_side: int = MAX_SIDE,
    **placed: Any,
) -> Box:
    """Put the picture, its axes and a veil over what the model never saw on `fig`; returns what is shown.

    Args:
        view: (left, top, right, bottom) in pixels of the original; None shows all of the picture and any padding that
            the model saw. Cut out before it is made small, so that a close view keeps the stored sharpness.
        number: of the panel, from 1.
        placed: as for `picture_axes`.
    """
    axes = axes_of(number)
    shown = tuple(float(v) for v in (extent(where) if view is None else view))
    part = (
        layout_image(image, *where.original, axes=axes, max_side=max_side)
        if view is None
        else _cut_out(image, where, shown, axes)
    )
    fig.layout["images"].append(part)
    picture_axes(fig, shown, number, **placed)
    fig.layout["shapes"] += unseen(where, axes)
    return shown


def _cut_out(image: Image.Image, where: Geometry, view: Sequence[float], axes: Axes) -> dict[str, Any]:
    ratio = image.size[0] / where.original[0], image.size[1] / where.original[1]
    left, top, right, bottom = (v * ratio[n % 2] for n, v in enumerate(view))
    upper, lower = (max(0, int(left)), max(0, int(top))), np.ceil([right, bottom]).astype(int).tolist()
    box = (*upper, *(min(side, end) for side, end in zip(image.size, lower, strict=True)))
    if box[2] <= box[0] or box[3] <= box[1]:  # a view of nothing but padding
        box = (0, 0, *image.size)
    part = image.crop(box)
    width, height = part.size
    enlarge = max(1, 320 // max(part.size))
    large = part.resize((width * enlarge, height * enlarge), Image.Resampling.BICUBIC) if enlarge > 1 else part
    return layout_image(
        large, width / ratio[0], height / ratio[1], corner=(box[0] / ratio[0], box[1] / ratio[1]), axes=axes
    )


def extent(geometry: Geometry) -> Box:
    """(left, top, right, bottom) that shows the whole picture and any padding the model saw."""
    left, top, right, bottom = seen_box(geometry)
    width, height = geometry.original
    return min(0.0, left), min(0.0, top), max(float(width), right), max(float(height), bottom)


def axes_of(number: int) -> Axes:
    """The names of the axes of panel `number`, from 1."""
    tag = "" if number == 1 else str(number)
    return f"x{tag}", f"y{tag}"


def picture_axes(
    fig: Sketch, box: Sequence[float], number: int = 1, across: Sequence[float] = (0, 1), **y: Any
) -> None:
    """Axes in pixels of the original, y downwards, equal scales, nothing drawn; ranges by hand.

    Markers make Plotly widen a range that it chooses itself, so none is left to it.
    """
    (x_name, y_name), tag = axes_of(number), "" if number == 1 else str(number)
    left, top, right, bottom = (float(v) for v in box)
    bare = {"visible": False, "fixedrange": True, "constrain": "domain"}
    fig.layout[f"xaxis{tag}"] = {**bare, "range": [left, right], "domain": list(across), "anchor": y_name}
    fig.layout[f"yaxis{tag}"] = {**bare, "range": [bottom, top], "scaleanchor": x_name, "anchor": x_name, **y}


def heat(placed: Placed, scaled: Scaled, colormap: str, **options: Any) -> dict[str, Any]:
    """One trace of coloured cells with its colour bar; bytes stay bytes, since they are a quarter of the size."""
    z = placed.values if placed.values.dtype == np.uint8 else placed.values.astype(np.float32)
    look = {
        "type": "heatmap",
        "z": z,
        **cells(placed),
        "zmin": scaled.low,
        "zmax": scaled.high,
        "hoverinfo": "skip",
        "name": "map",
    }
    look["colorscale"] = scaled.colorscale(colormap)
    if scaled.palette is None:
        return {**look, "colorbar": colour_bar(scaled), **options}
    # Blended numbers of colours would be other colours.
    own = {"showscale": False, "zsmooth": False}
    return {**look, **options, **own}


def cells(placed: Placed) -> dict[str, float]:
    """Where the cells of a heatmap trace lie: middle of the first one and the steps."""
    x, y = placed.left + placed.width / 2, placed.top + placed.height / 2
    return {"x0": x, "dx": placed.width, "y0": y, "dy": placed.height}


def below(scaled: Scaled) -> int:
    """Room under a drawing in pixels: that of its colour bar, if it has one."""
    return BAR if scaled.palette is None else 10


def colour_bar(scaled: Scaled, **options: Any) -> dict[str, Any]:
    """A horizontal bar under the drawing: a vertical one would make panels of unequal size."""
    # Plotly turns numbers that touch; of five long ones, both ends and the middle stay.
    every = 2 if len(scaled.ticks) == 5 and max(map(len, scaled.tick_text)) > LONG else 1
    return {
        "orientation": "h",
        "x": 0.5,
        "xanchor": "center",
        "y": 0,
        "yanchor": "top",
        "ypad": 6,
        "xpad": 0,
        "thickness": 12,
        "lenmode": "pixels",
        "len": BAR_LENGTH,
        "outlinewidth": int(scaled.faded),  # else its clear end would not be seen
        "outlinecolor": theme.LINE,
        "tickvals": list(scaled.ticks[::every]),
        "ticktext": list(scaled.tick_text[::every]),
        "tickfont": {"size": theme.SMALL},
        **options,
    }


def markers(x: ArrayLike, y: ArrayLike, customdata: Any, text: Sequence[str]) -> dict[str, Any]:
    """Invisible markers that answer clicks and hovering: Plotly never reports a click on a heatmap itself.

    Args:
        customdata: what a click reports, one entry per marker. Pairs must be lists: a two-dimensional array reaches
            the click as {"0": ..., "1": ...}.
        text: what hovering shows, already made safe.
    """
    nothing = {"marker": {"opacity": 0}}
    return {
        "type": "scatter",
        "x": np.asarray(x, dtype=np.float32).ravel(),
        "y": np.asarray(y, dtype=np.float32).ravel(),
        "mode": "markers",
        "marker": {"symbol": "square", "size": 18, "opacity": 0},
        "selected": nothing,
        "unselected": nothing,
        "customdata": customdata,
        "text": list(text),
        "hovertemplate": "%{text}<extra></extra>",
        "name": "choose",
    }


def hover(trace: dict[str, Any], where: Geometry, shape: Sequence[int], text: Sequence[str]) -> None:
    """Let each cell of `trace` say its text; the texts stand in reading order of the model."""
    trace |= {
        "text": [[text[n] for n in row] for row in numbers(where, shape).values.tolist()],
        "hoverinfo": None,
        "hovertemplate": "%{text}<extra></extra>",
    }


def add_patches(
    fig: Sketch,
    where: Geometry,
    shape: Sequence[int],
    text: Sequence[str],
    clickable: bool = True,
    box: bool = False,
) -> None:
    """Let the patches say their texts: by markers whose click reports the patch number, or by the heatmap of `fig`."""
    if not clickable:
        hover(fig.data[0], where, shape, text)
        return
    order = numbers(where, shape)
    rows, columns = order.values.shape
    x = order.left + (np.arange(columns) + 0.5) * order.width
    y = order.top + (np.arange(rows) + 0.5) * order.height
    patches = order.values.ravel().astype(np.int32)
    across, down = np.meshgrid(x, y)
    fig.data.append(markers(across, down, patches, [text[n] for n in patches.tolist()]))
    fig.layout |= {**CLICKS, "dragmode": "select" if box else False}


def patch_text(values: NDArray[Any], unit: str, labels: Sequence[str] | None = None) -> list[str]:
    """What hovering says about each patch, in reading order of the model."""
    one_each(values.size, "patch", labels=labels)
    named = [""] * values.size if labels is None else [f"{theme.safe(label)}<br>" for label in labels]
    said, columns = theme.safe(unit), values.shape[1]
    out = []
    for at, (name, value) in enumerate(zip(named, values.ravel().tolist(), strict=True)):
        shown = theme.short(value) if math.isfinite(value) else "not defined"
        row, column = at // columns + theme.FIRST, at % columns + theme.FIRST
        out.append(f"{name}row {row}, column {column}: {shown} {said}".rstrip())
    return out
