"""The record of the first page: the mean of all heads in every layer, in 8 bits a weight, read with numpy alone."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry

MODEL, PICTURE = "photo-dino", "coffee"
FILE = Path(__file__).resolve().parent / "first-record.npz"
LEVELS = 255
"""Steps from 0 to the square root of the largest weight of a row: small weights are many, and keep two digits that way."""


def save(record: AttentionRecord, file: Path) -> None:
    """Write the mean of the heads of every layer."""
    weights = np.stack([one.single.mean(axis=0) for one in record.maps])
    tops = weights.max(axis=2, keepdims=True)
    geometry, axis = record.geometry, record.maps[0].query
    assert geometry is not None
    np.savez_compressed(
        file,
        steps=np.round(np.sqrt(weights / tops) * LEVELS).astype(np.uint8),
        grid=np.array(axis.grid),
        sizes=np.array([geometry.original, geometry.seen]),
        matrix=np.array(geometry.matrix),
    )


@lru_cache(maxsize=1)
def record() -> AttentionRecord:
    """The record of the file: one map a layer, the mean of its heads, whose rows sum to 1."""
    with np.load(FILE, allow_pickle=False) as kept:
        steps, (rows, columns) = kept["steps"], kept["grid"].tolist()
        (original, seen), (across, down) = kept["sizes"].tolist(), kept["matrix"].tolist()
    axis = Axis.patches(rows, columns, ("class",))
    squares = steps.astype(np.float64) ** 2
    weights = squares / squares.sum(axis=2, keepdims=True)
    maps = (
        AttentionMap(one[None].astype(np.float32), f"layer {n}", n, "self", axis, axis) for n, one in enumerate(weights)
    )
    geometry = Geometry(tuple(original), tuple(seen), (tuple(across), tuple(down)))
    return AttentionRecord(tuple(maps), geometry=geometry, model=MODEL)
