"""An encoder block made by hand, and the page's context round it: weights and grids whose answers can be read off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from tests.tutorials.findings.hand import running
from tutorials.findings.page import Document, Inside
from vit_attention.records.geometry import Geometry
from vit_attention.records.windows import Partition, Stage, Windows

WINDOW = 4


def plan(grids: Sequence[tuple[int, int]], shifts: Sequence[Sequence[int]], heads: int = 2) -> tuple[Stage, ...]:
    """Stages of cells twice as tall as wide, the first 4 x 2 pixels."""
    return tuple(
        Stage(n, grid, (4 << n, 2 << n), heads, 8 << n, WINDOW, tuple(shift), tuple(f"b{k}" for k in range(len(shift))))
        for n, (grid, shift) in enumerate(zip(grids, shifts, strict=True))
    )


def windows(stage: Stage, block: int, weights: Any = None, bias: Any = None) -> Windows:
    """A block with `weights` (kept, heads, places, places), by default an even spread over what the mask allows."""
    cut: Partition = stage.partition(block)
    even = (~cut.forbids())[:, None].repeat(stage.heads, axis=1).astype(float)
    table = np.zeros((stage.heads, 2 * WINDOW - 1, 2 * WINDOW - 1)) if bias is None else bias
    made = even / even.sum(axis=-1, keepdims=True) if weights is None else weights
    return Windows(
        np.asarray(made, np.float32), tuple(range(cut.count)), stage.grid, WINDOW, stage.shifts[block], stage.number, block,
        "by hand", stage.cell, np.asarray(table, np.float32),
    )  # fmt: skip


def inside(
    stages: tuple[Stage, ...],
    stage: int,
    block: int,
    *,
    place: tuple[float, float] = (0.0, 0.0),
    head: int | None = None,
) -> Inside:
    """The page's context for a white page that fills the first stage's grid."""
    size = stages[0].grid[1] * stages[0].cell[1], stages[0].grid[0] * stages[0].cell[0]
    page = Image.new("RGB", size, "white")
    document = Document("hand", "hand", "By hand", page)
    return Inside("by-hand", document, stages, stage, block, head, place, Geometry.of(*size), page, running())
