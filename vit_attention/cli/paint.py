"""From drawings to files: overlay, heatmap and raw numbers, under the names that scripts rely on."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vit_attention.cli import files
from vit_attention.cli.drawings import Drawing
from vit_attention.cli.provenance import KEY, Origin
from vit_attention.records.geometry import Geometry
from vit_attention.records.writing import write as write_file


@dataclass(frozen=True)
class Paint:
    """How maps are drawn.

    Attributes:
        colormap: name of a colour map.
        alpha: 0 (picture alone) to 1 (map alone).
        fade: whether the opacity of a patch follows its value, up to alpha.
        scale: how numbers become colours; "shared" takes all maps drawn of one picture together.
        clip: percentile for the scale "clipped".
        scale_to: with "shared", a value that the range reaches at least.
        width: of the drawing in pixels.
        plain: neither colour bar nor words, at the picture's own size.
        caption, settings: printed under the picture; None prints what it shows, and model and picture.
        save_raw: also write the weights.
        film: "gif", "webp" or "zip" to write a film through the layers, too; None for none.
        frame_time: how long a film shows each layer, in milliseconds.
    """

    colormap: str = "Cividis"
    alpha: float = 0.6
    fade: bool = False
    scale: str = "raw"
    clip: float = 99.0
    scale_to: float | None = None
    width: int = 448
    plain: bool = False
    caption: str | None = None
    settings: str | None = None
    save_raw: bool = False
    film: str | None = None
    frame_time: int = 500


@dataclass(frozen=True, eq=False)
class Ground:
    """What is drawn on: the upright picture, its geometry, the true mask or None, the line of settings, and the origin."""

    image: Image.Image
    geometry: Geometry | None
    truth: Any
    settings: str
    origin: Origin | None = None


def write(drawings: Sequence[Drawing], ground: Ground, paint: Paint, folder: Path) -> list[Path]:
    """Write `attn_map_*.png`, `heatmap_*.png` and, if wanted, `attn_raw_*.npy` of every drawing; returns their paths."""
    out: list[Path] = []
    blank = Image.new("RGB", ground.image.size, "white")
    together = [one.map.values for one in drawings]
    saved: set[int] = set()
    for one in drawings:
        end = "_".join(part for part in (str(one.number), files.safe(one.name), one.part) if part)
        heat = Ground(blank, ground.geometry, None, ground.settings)
        bare = replace(paint, alpha=1.0, fade=False)
        for name, under, how in (("attn_map", ground, paint), ("heatmap", heat, bare)):
            drawn = painted(one, under, how, together)
            out.append(write_file(folder / f"{name}_layer_{end}.png", _png(drawn, ground.origin)))
        if paint.save_raw and one.number not in saved:
            saved.add(one.number)
            out.append(write_file(folder / f"attn_raw_layer_{one.number}.npy", _npy(one.map.weights)))
    return out


def remark(drawings: Sequence[Drawing], ground: Ground, paint: Paint) -> str:
    """What is to be told about the letters printed under the drawings, or ""."""
    from visualizer.style import letters

    captions = [one.map.words for one in drawings] if paint.caption is None else [paint.caption]
    settings = ground.settings if paint.settings is None else paint.settings
    return "" if paint.plain else letters.remark([*captions, settings])


def painted(one: Drawing, ground: Ground, paint: Paint, together: list[NDArray[Any]]) -> Image.Image:
    """One drawing on its ground."""
    from visualizer.figures.composite import composite
    from visualizer.figures.composite import paint as lay
    from visualizer.style import scale as scales

    mode = one.map.scale(scales.Scale(paint.scale, clip_percentile=paint.clip))
    pool = together if paint.scale_to is None else [*together, np.array([paint.scale_to])]
    if paint.plain:
        geometry = Geometry.of(*ground.image.size) if ground.geometry is None else ground.geometry
        scaled = scales.apply_scale(one.map.values, mode, pool, unit=one.map.unit, signed=one.map.signed)
        scaled = scaled.fading(paint.fade)
        return Image.fromarray(lay(ground.image, scaled, geometry, ground.image.size, paint.colormap, paint.alpha))
    return composite(
        ground.image,
        one.map.values,
        ground.geometry,
        one.map.words if paint.caption is None else paint.caption,
        settings=ground.settings if paint.settings is None else paint.settings,
        colormap=paint.colormap,
        opacity=paint.alpha,
        fade=paint.fade,
        scale=mode,
        together=pool,
        query=one.map.patches,
        truth=ground.truth,
        unit=one.map.unit,
        signed=one.map.signed,
        width=paint.width,
    )


def _png(image: Image.Image, origin: Origin | None) -> Callable[[BinaryIO], object]:
    told = PngInfo()
    if origin is not None:
        told.add_text(KEY, json.dumps(origin.told()))
    return lambda out: image.save(out, "PNG", compress_level=2, pnginfo=told)


def _npy(array: NDArray[Any]) -> Callable[[BinaryIO], object]:
    return lambda out: np.save(out, np.asarray(array, np.float32), allow_pickle=False)
