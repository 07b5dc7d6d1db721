"""A film of a method through the layers: an animated GIF or WebP, or a ZIP of its pictures."""

from pathlib import Path
from typing import Any

from visualizer.export import arguments
from visualizer.export.files import layers_gif, layers_webp, layers_zip
from visualizer.measures.arguments import number
from visualizer.method import Map, QuestionError, methods
from visualizer.method.base import scale_of
from visualizer.method.question import numbered
from visualizer.style import theme
from visualizer.style.scale import Scale
from vit_attention.gate import GateError, shown
from vit_attention.records import AttentionRecord
from vit_attention.records.writing import write

MAKERS = {".gif": layers_gif, ".webp": layers_webp, ".zip": layers_zip}
ADVICE = {".mp4": "Write a .gif, of which ffmpeg -i film.gif film.mp4 makes one."}


def film(
    record: AttentionRecord,
    path: str | Path,
    method: str = "raw",
    *,
    duration: int = 500,
    width: int = 448,
    scale: str | Scale = "shared",
    colormap: str = theme.COLORMAP,
    alpha: float = 0.6,
    **asked: Any,
) -> Path:
    """Write an endless film with one picture for each layer, all on one scale; returns the path.

    Args:
        record: record of a picture.
        path: file to write; its extension sets the format: .gif, .webp (smaller, full colour) or .zip (a PNG per layer).
        method: a name of `visualizer.methods()` that can stop at a layer: "raw" shows each layer alone, "rollout" all
            layers up to it.
        duration: time per layer in milliseconds.
        width: width of the film in pixels.
        scale: a mode of `scale.MODES`, or a `Scale`; "per map" stretches each layer by itself.
        colormap: one of `theme.COLORMAPS`; signed maps take a diverging one.
        alpha: 0 (picture alone) to 1 (map alone).
        asked: query, head and parameters, as the method takes them: ``query=(6, 8), residual=0.9``.

    Raises:
        ValueError: another extension, a method that always uses all layers, or a record without a picture.
    """
    target, kind = arguments.target(path, MAKERS, ADVICE)
    number("duration", duration, 20, 60_000)
    number("width", width, 64, 4096)
    number("alpha", alpha, 0, 1)
    maps = layer_maps(record, method, **asked)
    look: dict[str, Any] = {"scale": scale_of(maps, scale), "colormap": colormap, "opacity": alpha, "width": int(width)}
    look |= {"unit": maps[0].unit, "signed": maps[0].signed, "query": maps[0].patches, "settings": record.model}
    look |= {} if kind == ".zip" else {"duration": int(duration)}
    names = [one.words for one in maps]
    drawn = [one.values for one in maps]
    return write(target, MAKERS[kind](record.image, drawn, record.geometry, names=names, **look))


def layer_maps(record: AttentionRecord, method: str, **asked: Any) -> list[Map]:
    """The map of a method at every layer that looks at a picture; raises ValueError as `film` does."""
    able = {name: one for name, one in methods().items() if one.layers != "all"}
    if method not in able:
        raise GateError("method", f"one that can stop at a layer: {', '.join(able)}", shown(method))
    found = able[method].fitting(numbered(record, asked.get("kind")))
    numbers = [n for n, one in found.items() if one.key.kind != "text"]
    if not numbers:
        raise QuestionError("method", "wants maps over a picture, and all of this record run over text")
    if "layer" in asked:
        raise QuestionError("layer", f"every layer gets a picture: leave it out, got {shown(asked['layer'])}")
    return [able[method](record, layer=n, **asked) for n in able[method].stops(numbers, asked)]
