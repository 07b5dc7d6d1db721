"""Contexts made by hand: a few patches, weights and an outline whose right answers can be read off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from tutorials.findings.context import Context, Picture, Run, Selection
from vit_attention.records import AttentionMap, AttentionRecord, Axis
from vit_attention.records.geometry import Geometry
from worlds.scenes import Scene, Thing

PATCH = 8


def running(model: Any = None) -> Run:
    """A run of works with this stand-in for a loaded model, whatever name it is asked by."""
    return lambda work, name, picture, *args, **given: work(model, picture, *args, **given)


def rows(*weights: Sequence[float]) -> np.ndarray:
    """Rows of weights, each divided by its sum."""
    table = np.asarray(weights, dtype=np.float64)
    return table / table.sum(axis=1, keepdims=True)


def everywhere(row: ArrayLike) -> np.ndarray:
    """(tokens, tokens) in which every token reads the same `row`."""
    one = np.asarray(row, dtype=np.float64)
    return np.tile(one / one.sum(), (len(one), 1))


def context(
    layers: Sequence[ArrayLike],
    grid: tuple[int, int],
    mask: ArrayLike | None = None,
    *,
    special: Sequence[str] = ("class",),
    pixels: np.ndarray | None = None,
    norms: ArrayLike | None = None,
    layer: int = 0,
    head: int | None = None,
    query: int = 0,
    patches: tuple[int, ...] = (),
    model: Any = None,
) -> Context:
    """What a finding is given, from one (heads, tokens, tokens) array per layer and a (rows, columns) mask."""
    height, width = grid[0] * PATCH, grid[1] * PATCH
    pixels = np.zeros((height, width, 3), np.uint8) if pixels is None else pixels
    scene = None
    if mask is not None:
        fine = np.kron(np.asarray(mask, dtype=bool), np.ones((PATCH, PATCH), bool))
        scene = Scene(pixels, (Thing("ring", "red", fine, (0, 0, 1, 1), 1.0),), 0, 0.5)
    axis = Axis.patches(*grid, special)
    maps = [
        AttentionMap(np.asarray(one, np.float32), f"block {n}", n, "self", axis, axis) for n, one in enumerate(layers)
    ]
    kept = np.zeros((0, 0), np.float32) if norms is None else np.asarray(norms, np.float32)
    record = AttentionRecord(tuple(maps), Geometry.of(width, height), norms=kept)
    picture = Picture("hand", "hand", "By hand", Image.fromarray(pixels), scene=scene)
    return Context("by-hand", picture, record, Selection(layer, head, query, 0, 0, patches), running(model))
