"""What no record holds and only a model can show: windows of one encoder block, how alike tokens are, what moves them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vit_attention.cli import loading
from vit_attention.cli.choices import Asking, askings
from vit_attention.cli.errors import ChoiceError
from vit_attention.cli.inputs import Opened
from vit_attention.cli.maps import Drawing, Look, drawing, head_numbers, place
from vit_attention.records import AttentionRecord, Axis, encode_picture
from vit_attention.records.geometry import Geometry

LIKENESS = {"likeness": True, "plain-likeness": False}
"""Methods that compare tokens, and whether the mean of all patches is taken off first."""
PAINTED = "painted"
"""The method that paints the asking patch over and tells how far every token moves."""
TOKENS = (*LIKENESS, PAINTED)


def windows(model: Any, picture: Opened, stage: int, block: int, look: Look) -> tuple[AttentionRecord, list[Drawing]]:
    """What one cell reads in one block of an encoder that works in windows, stitched back onto the page.

    Cells off the window and cells that the shift's mask forbids are NaN. What fell on padding is left out, and the rest is
    not divided by what is left.

    Raises:
        ChoiceError: a model without windows; no such stage, block or head; or not one cell that asks.
    """
    plan = model.stages() if hasattr(model, "stages") and hasattr(model, "windows") else ()
    if not plan:
        raise ChoiceError(f"--stage: {model.card.name} has no windows; readers of documents with a Swin encoder have")
    if not (0 <= stage < len(plan) and 0 <= block < plan[stage].blocks):
        blocks = ", ".join(f"{n}: {one.blocks}" for n, one in enumerate(plan))
        raise ChoiceError(f"--stage, --block: want a stage with so many blocks ({blocks}), got {stage} and {block}")
    asked = _one(Axis.patches(*plan[stage].grid), look, "stage")
    cell = asked.rows[0]
    found = model.windows(picture.image, stage, block, [cell])
    one = found.to_map([cell])
    record = _record(model, picture, (one,), {**found.settings([cell])})
    rows, barred = found.row(cell), found.forbidden(cell)
    words, out = f"stage {stage + 1}, block {block + 1}", []
    for head, part, who in _heads(head_numbers(one), look):
        row = np.where(barred, np.nan, rows.mean(axis=0) if head is None else rows[place(one, head)])
        said = f"{words}, {who}; only its window is defined"
        out.append(drawing(record, one, asked, row.ravel(), said, "share of attention", (block, one.name, part), one.single[None]))  # fmt: skip
    return record, out


def tokens(record: AttentionRecord, model: Any, picture: Opened, look: Look) -> list[Drawing]:
    """One number for the token of every patch after one layer: cosine similarity with one patch's token, or how far it moves.

    Raises:
        ChoiceError: a model that does not tell its tokens, several layers, or not one patch that asks.
    """
    if not hasattr(model, "hidden_states"):
        raise ChoiceError(
            f"--method {look.method}: {model.card.name} does not tell its tokens; models of photographs do"
        )
    one, count = record.maps[0], len(record.maps)
    layer = count - 1 if look.layer is None else look.layer[0]
    if (look.layer is not None and len(look.layer) > 1) or not 0 <= layer < count:
        raise ChoiceError(f"--method {look.method}: want one --layer of 0 to {count - 1}, got {look.layer}")
    asked = _one(one.query, look, "method")
    states = model.hidden_states(picture.image)[layer + 1].astype(np.float64)
    row: NDArray[Any] = np.full(len(states), np.nan)
    patches, patch = slice(one.query.prefix, None), asked.rows[0] - one.query.prefix
    if look.method == PAINTED:
        image = painted_over(picture.image, record.geometry, one.query.grid or (1, 1), patch)
        row[patches] = _moved(states, model.hidden_states(image)[layer + 1])[patches]
        words, unit = f"moved after layer {layer + 1} by painting over", "share of the token's length"
    else:
        row[patches] = _alike(states[patches], LIKENESS[look.method])[patch]
        words, unit = f"alike after layer {layer + 1}" + ", mean taken off" * LIKENESS[look.method], "cosine similarity"
    return [drawing(record, one, asked, row, words, unit, (layer, look.method.replace("-", "_"), ""))]


def _alike(patches: NDArray[np.float64], centred: bool) -> NDArray[np.float64]:
    from visualizer.measures.similarity import cosine_similarity

    return cosine_similarity(patches - patches.mean(axis=0) if centred else patches)


def _moved(before: NDArray[np.float64], after: NDArray[Any]) -> NDArray[np.float64]:
    """(tokens,) how far each moved, as a share of its length."""
    length = np.maximum(np.linalg.norm(before, axis=-1), 1e-12)
    return np.asarray(np.linalg.norm(after.astype(np.float64) - before, axis=-1) / length)


def painted_over(image: Image.Image, geometry: Geometry | None, grid: tuple[int, int], patch: int) -> Image.Image:
    """The picture with one patch (0 first, special tokens not counted) painted black, or white if it is dark."""
    where = Geometry.of(*image.size) if geometry is None else geometry
    row, column = divmod(patch, grid[1])
    width, height = where.seen[0] // grid[1], where.seen[1] // grid[0]
    box = where.boxes_to_original([[column * width, row * height, (column + 1) * width, (row + 1) * height]])[0]
    left, top, right, bottom = (int(v) for v in np.round(np.clip(box, 0, np.tile(image.size, 2))))
    pixels = np.asarray(image.convert("RGB")).copy()
    pixels[top:bottom, left:right] = 0 if pixels[top:bottom, left:right].mean() > 127.5 else 255
    return Image.fromarray(pixels)


def _one(axis: Axis, look: Look, option: str) -> Asking:
    """The one patch that asks."""
    found = askings(axis, look.query) if look.query else []
    if len(found) != 1 or len(found[0].rows) != 1 or found[0].rows[0] < axis.prefix:
        rows, columns = axis.grid or (1, 1)
        raise ChoiceError(
            f"--{option}: want one --query row,column from 0,0 to {rows - 1},{columns - 1}, got {' '.join(look.query) or 'none'}"
        )
    return found[0]


def _heads(there: Sequence[int], look: Look) -> list[tuple[int | None, str, str]]:
    """(head or None for the mean, part of the file name, words) of what is drawn."""
    if look.head is None and look.avg_heads:
        return [(None, "", "mean of all heads")]
    chosen = tuple(there) if look.head is None else look.head
    return [(head, f"head_{head}" if len(chosen) > 1 else "", f"head {head + 1}") for head in chosen]


def _record(model: Any, picture: Opened, maps: tuple[Any, ...], settings: dict[str, Any]) -> AttentionRecord:
    return AttentionRecord(
        maps=maps, geometry=model.prepare(picture.image).geometry, picture=encode_picture(picture.image), model=model.card.name,
        weights_hash=model.weights_hash, settings={"windows": [settings], "notes": list(picture.notes)},
        versions={name: version(name) for name in ("torch", "transformers", "numpy")},
    )  # fmt: skip


def of(
    model: Any, picture: Opened, look: Look, where: tuple[int, int] | None, half: bool
) -> tuple[AttentionRecord, list[Drawing]]:
    """The record and the drawings of either kind; `where` is (stage, block)."""
    if where is not None:
        return windows(model, picture, *where, look)
    record = loading.attend(model, picture.image, half=half or None)
    return record, tokens(record, model, picture, look)
