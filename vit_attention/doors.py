"""A record's short ways: figures, arrays, pictures and tables in one call.

Beside the command line the one place where the library looks up at `visualizer`, and only when it is asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visualizer.measures.arguments import number
from visualizer.measures.regions import under
from visualizer.method.base import Map, Method, methods, scale_of
from visualizer.method.question import head_numbers, numbered
from vit_attention.gate import LIMITS, GateError, shown
from vit_attention.records import AttentionRecord, Geometry
from vit_attention.records.geometry import Placed

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects as go
    import pyarrow

SIZES = ("grid", "input", "original")
STEPS = ("", "layers", "heads", "both")
RESAMPLE = ("nearest", "bicubic")


Way: TypeAlias = str | Method
"""A method by its name, or one of one's own."""


class DoorError(ValueError):
    """Something asked of a record in a short way that it cannot give."""


@dataclass(frozen=True)
class Asked:
    """Which map of a record is meant: a method or its name, and what it is asked, as `Method` takes it."""

    layer: int | None = None
    head: int | None = None
    query: Any = None
    method: Way = "raw"
    knobs: dict[str, Any] = field(default_factory=dict)

    def map(self, record: AttentionRecord) -> Map:
        """The map; raises ValueError for a method, question or knob that does not fit."""
        return self._method()(record, layer=self.layer, head=self.head, query=self.query, **self.knobs)

    def _method(self) -> Method:
        return method_of(self.method)

    def placed(self, record: AttentionRecord) -> Map:
        """The map, which has to lie on a picture."""
        found = self.map(record)
        _check_place(found)
        return found

    def stepped(self, record: AttentionRecord, step: str) -> list[tuple[str, Map]]:
        """Maps over all layers, over the heads of one, or over both, and their names; people count from 1."""
        maps = numbered(record, self.knobs.get("kind"))
        there = self._method().fitting(maps) or maps  # a method that fits none of them says why
        for name, given, free in (("layer", self.layer, step != "heads"), ("head", self.head, step != "layers")):
            if free and given is not None:
                raise DoorError(f"step: want {name}=None, since every {name} gets its step, got {name}={given}")
        if step == "heads":
            layers: Sequence[int] = [max(there) if self.layer is None else self.layer]
        else:
            layers = self._method().stops(list(there), self.knobs)
        found = []
        for layer in layers:
            # A layer that is not there is told by the method.
            heads = [self.head] if step == "layers" or layer not in there else head_numbers(there[layer])
            for head in heads:
                name = f"layer {layer + 1}" + ("" if head is None else f", head {head + 1}")
                one = replace(self, layer=layer, head=head).map(record)
                if one.axis.kind != "text":
                    _check_place(one)
                found.append((name, one))
        return found


def block(record: AttentionRecord) -> str:
    """The HTML that a notebook shows of a record."""
    from visualizer.export.block import block as made

    return made(record)


def show(
    record: AttentionRecord, asked: Asked, step: str, scale: str, cmap: str, alpha: float, height: int
) -> "go.Figure":
    """The figure of `AttentionRecord.show`."""
    from visualizer.figures.animation import bar_animation, layer_animation
    from visualizer.figures.heatmap import patch_map
    from visualizer.figures.overlay import overlay
    from visualizer.figures.summary import bars

    number("alpha", alpha, 0, 1)
    number("height", height, 100, 10_000)
    look: dict[str, Any] = {"colormap": colormap(cmap), "scale": scale, "height": height}
    if _one_of("step", step, STEPS):
        names, maps = zip(*asked.stepped(record, step), strict=True)
        if maps[0].axis.kind == "text":
            rows = [one.row for one in maps]
            return bar_animation(maps[0].names, rows, maps[0].unit, names=names, height=height)
        ground = record.image if record.picture else _blank(maps[0].values, record.geometry)
        return layer_animation(
            ground,
            [one.values for one in maps],
            record.geometry,
            names=names,
            unit=maps[0].unit,
            query=maps[0].patches,
            opacity=alpha,
            **{**look, "scale": scale_of(maps, "shared" if scale == "raw" else scale)},
        )
    found = asked.map(record)
    if not _lies_somewhere(found):
        return bars(found.names, found.row, found.unit, title=found.words)
    look |= {"unit": found.unit, "query": found.patches, "title": found.words, "scale": found.scale(scale)}
    if not record.picture:
        return patch_map(found.values, **look)
    return overlay(record.image, found.values, record.geometry, opacity=alpha, **look)


def heatmap(record: AttentionRecord, asked: Asked, size: str, resample: str) -> NDArray[np.float32]:
    """The array of `AttentionRecord.heatmap`."""
    _one_of("size", size, SIZES)
    _one_of("resample", resample, RESAMPLE)
    if size == "grid":
        return np.asarray(asked.map(record).values, np.float32)
    values = np.asarray(asked.placed(record).values, np.float32)
    if record.geometry is None:
        raise DoorError(f"size: want grid, since this record says nothing of a picture's size, got {size!r}")
    seen = record.geometry.seen
    return spread(values, Geometry.of(*seen) if size == "input" else record.geometry, resample)


def spread(values: NDArray[np.float32], geometry: Geometry, resample: str = "nearest") -> NDArray[np.float32]:
    """A grid over the model's input as one number for every pixel of the original, NaN where the model saw nothing.

    >>> spread(np.array([[1.0, 2.0]], np.float32), Geometry.of(6, 2).crop(1, 0, 4, 2))[0]
    array([nan,  1.,  1.,  2.,  2., nan], dtype=float32)
    """
    width, height = geometry.original
    LIMITS["picture pixels"].check(width * height, "picture")
    placed = geometry.place(values)
    x, y = (np.arange(side, dtype=np.float64) + 0.5 for side in (width, height))
    cells, seen = under(placed, x, y)
    if resample == "bicubic":
        cells = np.where(np.isfinite(cells), _blended(placed, seen), np.nan)
    return np.where(seen, cells, np.nan).astype(np.float32)


def _blended(placed: Placed, seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Numbers between those of neighbouring cells for the pixels that are seen; 0 elsewhere."""
    out = np.zeros(seen.shape, np.float32)
    across, down = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
    if across.size and down.size:
        x, y, (rows, columns) = (across[0], across[-1] + 1), (down[0], down[-1] + 1), placed.values.shape
        left, right = ((at - placed.left) / placed.width for at in x)
        top, bottom = ((at - placed.top) / placed.height for at in y)
        box = (max(left, 0.0), max(top, 0.0), min(right, float(columns)), min(bottom, float(rows)))
        grid = Image.fromarray(np.ascontiguousarray(np.nan_to_num(placed.values), np.float32))
        smooth = grid.resize((int(x[1] - x[0]), int(y[1] - y[0])), Image.Resampling.BICUBIC, box)
        out[y[0] : y[1], x[0] : x[1]] = np.asarray(smooth)
    return out


def overlay(
    record: AttentionRecord, asked: Asked, alpha: float, cmap: str, scale: str, picture: Image.Image | None
) -> Image.Image:
    """The picture of `AttentionRecord.overlay`."""
    from visualizer.figures.canvas import fitting
    from visualizer.figures.composite import paint
    from visualizer.style.scale import apply_scale

    number("alpha", alpha, 0, 1)
    found = asked.placed(record)
    ground = record.image if picture is None else picture
    where = fitting(ground, record.geometry)
    LIMITS["picture pixels"].check(where.original[0] * where.original[1], "picture")
    scaled = apply_scale(found.values, found.scale(scale), unit=found.unit, signed=found.signed)
    return Image.fromarray(paint(ground, scaled, where, where.original, scaled.colormap(colormap(cmap)), alpha))


def save_figure(
    record: AttentionRecord, asked: Asked, path: str | Path, title: str | bool | None, cmap: str, **look: Any
) -> Path:
    """The file of `AttentionRecord.save_figure`."""
    from visualizer.export.paper import save
    from visualizer.export.token_paper import save_bars

    found = asked.map(record)
    words = (found.words if title else None) if title is None or isinstance(title, bool) else title
    if found.axis.kind == "text":
        size = {"dpi": look["dpi"], "width": look["width"]}
        return save_bars(found.row, found.names, path, title=words or "", unit=found.unit, **size)
    _check_place(found)
    return save(found, record.image, path, geometry=record.geometry, title=words, colormap=colormap(cmap), **look)


Named = Iterable[tuple[str, AttentionRecord]]


def frame(records: Named, numbers: Any, by: Sequence[str]) -> "pandas.DataFrame":
    """The pandas table of one record or many, by name; they are gone through once and let go."""
    from visualizer.export.tables import as_frame, columns

    return as_frame(columns(records, numbers, by))


def arrow(records: Named, numbers: Any, by: Sequence[str]) -> "pyarrow.Table":
    """The same as an Arrow table."""
    from visualizer.export.tables import as_arrow, columns

    return as_arrow(columns(records, numbers, by))


def colormap(name: str) -> str:
    """A colour map's name as it is spelled here, whatever its capitals; raises `DoorError` for an unknown one.

    >>> colormap("viridis")
    'Viridis'
    """
    from visualizer.style.theme import COLORMAPS, DIVERGING

    known = (*COLORMAPS, *DIVERGING)
    spelled = {one.lower(): one for one in known}
    return _one_of("cmap", spelled.get(str(name).lower(), name), known)


def method_of(given: Way) -> Method:
    """The method of a name; one's own as it is."""
    return given if isinstance(given, Method) else methods()[_one_of("method", given, tuple(methods()))]


def _one_of(name: str, given: str, known: tuple[str, ...]) -> str:
    if given not in known:
        raise DoorError(f"{name}: want one of {', '.join(map(repr, known))}, got {given!r}")
    return given


def _lies_somewhere(found: Map) -> bool:
    axis = found.axis
    return axis.grid is not None or (
        found.geometry is not None and axis.boxes is not None and not np.isnan(axis.boxes).all()
    )


def _check_place(found: Map) -> None:
    if not _lies_somewhere(found):
        raise DoorError(f"map: want one over places of a picture, got one over {found.axis.kind}: {found.words}")


def _blank(values: NDArray[Any], geometry: Geometry | None) -> Image.Image:
    """A white ground of the picture's shape, or of the grid's."""
    size = values.shape[::-1] if geometry is None else geometry.original
    LIMITS["picture pixels"].check(int(size[0]) * int(size[1]), "picture")
    return Image.new("RGB", (int(size[0]), int(size[1])), "white")


def label_maps(
    model: Any, picture: Any, labels: Sequence[str], layer: int, method: str, knobs: dict[str, Any]
) -> NDArray[np.float32]:
    """(labels, rows, columns) what a method that compares patches with labels gives for each of them after a layer.

    Raises:
        ValueError: a method that compares no labels, a parameter that it does not have, no such layer.
    """
    able = {name: one for name, one in methods().items() if one.asked_by == "label"}
    if method not in able:
        raise GateError("method", f"one of {', '.join(able)}", shown(method))
    keep = able[method].needs_for(**knobs)
    record = model.attend(picture, labels=labels, keep=keep, layers=[layer], heads=[0], queries=[0])
    maps = [able[method](record, layer=layer, query=label, **knobs).values for label in labels]
    return np.stack(maps).astype(np.float32)
