"""Small sound bundles of every kind of record, taken apart so that a test can change them, and everything drawn of a record."""

from __future__ import annotations

import copy
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from visualizer import methods
from visualizer.export import files as export
from visualizer.figures.captions import film_strip, regions_map
from visualizer.figures.overlay import overlay
from visualizer.method.base import Map
from visualizer.method.question import NothingCapturedError, QuestionError
from visualizer.words.maps import describe
from vit_attention.records import AttentionMap, AttentionRecord

Parts = tuple[dict[str, Any], dict[str, np.ndarray]]
"""The manifest of a bundle and its arrays, as they are written."""


def png(width: int = 64, height: int = 64) -> np.ndarray:
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return np.frombuffer(out.getvalue(), np.uint8)


def patches(rows: int, columns: int, *special: str) -> dict[str, Any]:
    return {"kind": "patches", "special": [*special], "grid": [rows, columns], "labels": [], "boxes": None}


def text(*labels: str) -> dict[str, Any]:
    return {"kind": "text", "special": [], "grid": None, "labels": [*labels], "boxes": None}


def regions(*boxes: list[float]) -> dict[str, Any]:
    return {"kind": "regions", "special": [], "grid": None, "labels": [], "boxes": [*boxes]}


def size(axis: dict[str, Any]) -> int:
    many = {"patches": np.prod(axis["grid"] or 0), "text": len(axis["labels"]), "regions": len(axis["boxes"] or ())}
    return len(axis["special"]) + int(many[axis["kind"]])


def _whole(maps: list[tuple[str, int, dict[str, Any], dict[str, Any]]], **more: Any) -> Parts:
    """A bundle of maps of (kind, layer, query, key), each of two heads."""
    rng = np.random.default_rng(0)
    manifest = {
        "format": "sightlines-record",
        "version": 1,
        "model": "tiny",
        "weights_hash": "0" * 16,
        "settings": {"layers": None, "half": False, "notes": ["a note"], "unheard": []},
        "versions": {"numpy": "2"},
        "signals": {},
        "geometry": {"original": [64, 64], "seen": [32, 32], "matrix": [[0.5, 0, 0], [0, 0.5, 0]], "steps": ["resize"]},
        "prediction": {"labels": [], "text": "", "target": None, "tokens": []},
        "maps": [
            {
                "name": f"{kind}.{layer}",
                "layer": layer,
                "kind": kind,
                "query": copy.deepcopy(query),
                "key": copy.deepcopy(key),
                "residual": 1e-7,
                "heads": None,
                "queries": None,
                "gradient": False,
            }
            for kind, layer, query, key in maps
        ],
        **more,
    }
    arrays = {"norms": np.zeros((0, 0), np.float32), "scores": np.zeros(0, np.float32), "picture": png()}
    for n, (_, _, query, key) in enumerate(maps):
        arrays[f"weights_{n}"] = rng.dirichlet(np.ones(size(key)), (2, size(query))).astype(np.float32)
    return manifest, arrays


def classifier() -> Parts:
    """Three layers of a class token and 4 x 4 patches, with gradients and every signal."""
    axis, rng = patches(4, 4, "class"), np.random.default_rng(1)
    manifest, arrays = _whole([("self", n, axis, axis) for n in range(3)])
    manifest["prediction"] = {"labels": ["cat", "dog"], "text": "", "target": 1, "tokens": []}
    manifest["settings"]["runs"] = {
        "painted": {"patch": [1, 2]},
        "occlusion": {"fill": "mean", "stride": 1, "window": 1},
        "naive": {},
        "value-value": {"depth": 6},
    }
    manifest["settings"]["labels"] = ["cat", "dog"]
    manifest["signals"] = {"hidden": None, "value-grams": None, "queries": 3} | dict.fromkeys(
        manifest["settings"]["runs"]
    )
    arrays["norms"], arrays["scores"] = rng.random((3, 17)).astype(np.float32), np.float32([2, 1])
    arrays["signal_hidden"] = rng.normal(size=(4, 17, 5)).astype(np.float32)
    vectors = rng.normal(size=(3, 17, 2, 4))
    arrays["signal_value-grams"] = (vectors @ vectors.swapaxes(2, 3)).astype(np.float32)
    arrays["signal_painted"], arrays["signal_occlusion"] = rng.random((4, 17)), rng.normal(size=(4, 4))
    arrays["signal_naive"], arrays["signal_value-value"] = rng.uniform(-1, 1, (2, 3, 3, 18))
    for n in range(3):
        manifest["maps"][n]["gradient"] = True
        arrays[f"gradient_{n}"] = rng.normal(size=(2, 17, 17)).astype(np.float32)
        arrays[f"signal_queries_{n}"] = rng.normal(size=(2, 17, 3)).astype(np.float32)
    return manifest, arrays


def caption(boxes: bool = False) -> Parts:
    """A refiner layer and a decoder of a captioner over 2 x 2 cells, or over four boxes."""
    words = ("a", "red", "ring", "<end>")
    place = regions(*([n, n, n + 9.5, n + 9] for n in range(4))) if boxes else patches(2, 2)
    manifest, arrays = _whole([("self", 0, place, place), ("cross", 1, text(*words), place)])
    manifest["prediction"] = {"labels": [], "text": "a red ring", "target": None, "tokens": [*words]}
    manifest["settings"]["gates"] = {"decoder": [0.5] * 4, "refiner": [[0.5] * 4]}
    arrays["chances"] = np.full(4, 0.5, np.float32)
    return manifest, arrays


def boxes() -> Parts:
    return caption(boxes=True)


def reading() -> Parts:
    """Two decoder layers of a reader over 3 x 4 cells, and two blocks of windows of its encoder."""
    tokens, cells = ("<s_total>", "▁16", ".59", "</s_total>"), patches(3, 4)
    over = {**text(*tokens[:-1]), "special": ["<s>"]}
    inside = [(kind, n, text(*tokens), over if kind == "self" else cells) for n in (0, 1) for kind in ("self", "cross")]
    manifest, arrays = _whole([("window", 0, patches(4, 4), patches(4, 4)), *inside])
    manifest["prediction"] = {"labels": [], "text": "<s_total> 16.59</s_total>", "target": None, "tokens": [*tokens]}
    window = {"stage": 0, "block": 0, "grid": [4, 4], "window": 2, "shift": 0, "cell": [8, 8], "padding_share": 0.0}
    manifest["settings"] |= {"prompt": "<s>", "kinds": ["cross", "self"], "windows": [window]}
    block = np.arange(16).reshape(4, 4) // 8 * 2 + np.arange(4) // 2
    off = block.ravel()[:, None] != block.ravel()
    arrays["weights_0"] = np.broadcast_to(np.where(off, np.nan, 0.25), (2, 16, 16)).astype(np.float32)
    return manifest, arrays


def sentence() -> Parts:
    """Text that attends to text, in half precision, without a picture."""
    words = text("[CLS]", "good", "##film")
    manifest, arrays = _whole([("self", n, words, words) for n in range(2)], geometry=None)
    del arrays["picture"]
    manifest["text"], manifest["prediction"] = "good film", {"labels": ["bad", "good"], "text": "", "target": 1}
    manifest["settings"]["runs"] = {"masking": {"hide": "mask", "unit": "word"}}
    manifest["signals"] = {"masking": None, "head-mean": None, "hidden": None}
    rng = np.random.default_rng(2)
    arrays |= {"signal_masking": rng.normal(size=3), "signal_hidden": rng.normal(size=(3, 3, 5))}
    arrays |= {"norms": rng.random((2, 3)).astype(np.float32), "scores": np.float32([0, 1])}
    arrays["signal_head-mean"] = np.stack([arrays[f"weights_{n}"].mean(axis=0) for n in range(2)])
    return manifest, {name: one.astype(np.float16) if "weights" in name else one for name, one in arrays.items()}


KINDS = {one.__name__: one for one in (classifier, caption, boxes, reading, sentence)}


def pack(manifest: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """The bytes of a bundle, sound or not."""
    out = io.BytesIO()
    said = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    np.savez_compressed(out, manifest=said, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def draw(record: AttentionRecord) -> int:
    """How many maps there are, once everything that can be drawn of a record has been.

    Only a method that does not fit a record may refuse it; whatever else is raised goes on to the caller.
    """
    given = record.geometry.original if record.geometry else (64, 64)
    blank = Image.new("RGB", (64, max(1, min(1024, round(64 * given[1] / given[0])))))
    image, count = record.image if record.picture else blank, 0
    for method in methods().values():
        for kind in (None, *sorted({one.kind for one in record.maps})):
            try:
                found = method(record, kind=kind, query=(0, 1) if method.asked_by in ("patch", "patches") else None)
                values = found.values
            except (QuestionError, NothingCapturedError):
                continue
            except ValueError as error:  # regions that nobody knows the place of cannot lie on a picture
                if "where they lie" not in str(error):
                    raise
                continue
            count += 1
            describe(found.row, found.axis, found.words, found.unit, geometry=record.geometry)
            if values.ndim == 2:
                _draw_map(image, found, record, every=method.name == "raw")
    for one in record.maps:
        _draw_regions(image, one, record)
    return count


def _draw_map(image: Image.Image, found: Map, record: AttentionRecord, every: bool) -> None:
    values, where, settings = found.values, record.geometry, f"{record.model}; {record.weights_hash}"
    export.overlay_png(image, values, where, found.words, settings=settings, query=found.patches, width=128)
    if every:
        overlay(image, values, where, query=found.patches).to_json()
        export.overlay_svg(image, values, where, found.words, settings=settings, query=found.patches)
        export.layers_gif(image, [values], where, found.words, settings=settings, width=64)
        export.to_csv(values)


def _draw_regions(image: Image.Image, one: AttentionMap, record: AttentionRecord) -> None:
    """As the page of captions draws words that look at regions."""
    known = one.key.grid is not None or (one.key.boxes is not None and not np.isnan(one.key.boxes).all())
    if one.kind == "cross" and one.query.kind == "text" and known and not one.key.prefix and record.geometry:
        regions_map(image, one.single.mean(axis=0)[0], one.key, record.geometry).to_json()
        maps = [regions_heat(one.single.mean(axis=0)[0], one, record)] * len(one.query)
        film_strip(image, maps, (*one.query.special, *one.query.labels), record.geometry).to_json()


def regions_heat(row: Any, one: AttentionMap, record: AttentionRecord) -> Any:
    from visualizer.measures.regions import region_heat

    return region_heat(row, one.key, record.geometry)
