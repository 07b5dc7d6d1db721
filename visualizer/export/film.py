"""A film of a method through the layers: an animated GIF or WebP, or a ZIP of its pictures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from visualizer.export import arguments
from visualizer.export.files import archive, gif, webp
from visualizer.figures.composite import layer_frames
from visualizer.figures.token_sheet import token_frames
from visualizer.measures.arguments import number
from visualizer.method import Map, Method, QuestionError, methods
from visualizer.method.base import scale_of
from visualizer.method.question import numbered, span
from visualizer.method.token_maps import of_words
from visualizer.style import theme
from visualizer.style.scale import Scale
from vit_attention.gate import GateError, shown
from vit_attention.records import AttentionRecord
from vit_attention.records.writing import write

KINDS = (".gif", ".webp", ".zip")
ADVICE = {".mp4": "Write a .gif, of which ffmpeg -i film.gif film.mp4 makes one."}


def film(
    record: AttentionRecord,
    path: str | Path,
    method: str | Method = "raw",
    *,
    start: int | None = None,
    end: int | None = None,
    duration: int = 500,
    width: int = 448,
    scale: str | Scale = "shared",
    colormap: str = theme.COLORMAP,
    alpha: float = 0.6,
    fade: bool = False,
    words: bool = False,
    special: bool | None = None,
    **asked: Any,
) -> Path:
    """Write an endless film with one picture for each layer, all on one scale; returns the path.

    Args:
        record: record of a picture, or of a text, whose tokens are then coloured.
        path: file to write; its extension sets the format: .gif, .webp (smaller, full colour) or .zip (a PNG per layer).
        method: a name of `visualizer.methods()` that can stop at a layer: "raw" shows each layer alone, "rollout" all
            layers up to it; or a `Method` of one's own.
        start, end: numbers of the first and the last layer shown, counted from 0; None takes the first and the last there is.
            Methods that go through the layers still begin at their own ``start_layer``.
        duration: time per layer in milliseconds.
        width: width of the film in pixels.
        scale: a mode of `scale.MODES`, or a `Scale`; "per map" stretches each layer by itself.
        colormap: one of `theme.COLORMAPS`; signed maps take a diverging one.
        alpha: 0 (picture alone) to 1 (map alone); a text has no picture under it.
        fade: as for `visualizer.overlay`.
        words: gather the tokens of a text to its words: shares and relevance are summed, other numbers averaged.
        special: whether special tokens of a text are shown; nothing is rescaled without them. None leaves them out for methods
            that only the class token asks, since what it holds of itself outshines all words.
        asked: query, head and parameters, as the method takes them: ``query=(6, 8), residual=0.9``.

    Raises:
        ValueError: another extension, a method without layers, a layer that is not there, or a record without a picture
            whose maps do not run over text.
    """
    target, kind = arguments.target(path, KINDS, ADVICE)
    number("duration", duration, 20, 60_000)
    number("width", width, 64, 4096)
    number("alpha", alpha, 0, 1)
    chosen = method if isinstance(method, Method) else methods().get(method)
    shown_too = special if special is not None else chosen is None or chosen.asked_by != "class"
    maps = [_gathered(one, record.text, words, shown_too) for one in layer_maps(record, method, start, end, **asked)]
    look: dict[str, Any] = {"duration": int(duration), "width": int(width), "scale": scale}
    return write(target, film_bytes(record, maps, kind, **look, colormap=colormap, alpha=alpha, fade=fade))


def film_bytes(
    record: AttentionRecord,
    maps: Sequence[Map],
    kind: str,
    *,
    duration: int = 500,
    width: int = 448,
    scale: str | Scale = "shared",
    colormap: str = theme.COLORMAP,
    alpha: float = 0.6,
    fade: bool = False,
) -> bytes:
    """A film with one picture for each of some maps, which a method made of a record: a .gif, .webp or .zip; as for `film`."""
    frames = _frames(record, maps, scale, colormap, alpha, width, fade)
    if kind == ".zip":
        return archive(frames, [one.layer for one in maps])
    return gif(frames, duration=duration, colormap=colormap) if kind == ".gif" else webp(frames, duration=duration)


def _gathered(found: Map, text: str, words: bool, special: bool) -> Map:
    """A map over text with a number for each word, or without special tokens; its words say so."""
    if words and not found.axis.words:
        raise GateError("words", "a map over a text whose words are known", f"one over {found.axis.kind}")
    if found.axis.kind != "text" or (special and not words):
        return found
    told = "; by words" * words + "; special tokens are left out" * (not special)
    return replace(of_words(found, text, words, special), words=found.words + told)


def _frames(
    record: AttentionRecord,
    maps: Sequence[Map],
    scale: str | Scale,
    colormap: str,
    alpha: float,
    width: int,
    fade: bool,
) -> list[Image.Image]:
    look: dict[str, Any] = {"scale": scale_of(maps, scale), "colormap": colormap, "width": width}
    look |= {"settings": record.model}
    if maps[0].axis.kind == "text":
        return token_frames(maps, **look)
    look |= {"opacity": alpha, "fade": fade, "unit": maps[0].unit, "signed": maps[0].signed, "query": maps[0].patches}
    drawn, names = [one.values for one in maps], [one.words for one in maps]
    return layer_frames(record.image, drawn, record.geometry, names=names, **look)


def layer_maps(
    record: AttentionRecord,
    method: str | Method,
    start: int | None = None,
    end: int | None = None,
    **asked: Any,
) -> list[Map]:
    """The map of a method at every layer from `start` to `end`; raises ValueError as `film` does."""
    able = {name: one for name, one in methods().items() if one.layers != "all"}
    one = method if isinstance(method, Method) else able.get(method)
    if one is None or one.layers == "all":
        named = method.name if isinstance(method, Method) else method
        raise GateError("method", f"one that can stop at a layer: {', '.join(able)}", shown(named))
    if "layer" in asked:
        raise QuestionError(
            "layer", f"every layer gets a picture: leave it out, or give start= and end=, got {shown(asked['layer'])}"
        )
    there = numbered(record, asked.get("kind"))
    numbers = list(one.fitting(there) or there)  # a method that fits none of them says why
    for name, given in (("start", start), ("end", end)):
        if given is not None and given not in numbers:
            raise QuestionError(name, f"want a layer of {span(numbers)}, got {shown(given)}")
    chosen = [n for n in numbers if (start is None or n >= start) and (end is None or n <= end)]
    if not chosen:
        raise QuestionError("start", f"want a layer up to the end, {end}, got {start}")
    stops = [n for n in one.stops(numbers, asked) if n in chosen]
    # Where it starts above all that is shown, the method says so itself.
    return [one(record, layer=n, **asked) for n in stops or chosen[-1:]]
