"""Findings on covered patches: a stand-in that answers by the brightness of single patches, so that every outcome is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tutorials.findings.hand import PATCH, context, everywhere
from tutorials.findings import cover
from tutorials.findings.context import Context
from tutorials.findings.cover import Edit
from tutorials.findings.page import Document
from vit_attention.records import Prediction
from vit_attention.records.geometry import Geometry

GRID = (3, 4)
CELLS = 12


class Bright:
    """Two classes: "light" scores the mean brightness of some patches, "dark" nothing."""

    classes = ("light", "dark")

    def __init__(self, patches: tuple[int, ...]) -> None:
        self.patches = patches

    def classify(self, images: list[Image.Image]) -> np.ndarray:
        return np.array([[self._mean(np.asarray(one, float)), 0.0] for one in images])

    def _mean(self, pixels: np.ndarray) -> float:
        rows, columns = np.divmod(self.patches, GRID[1])
        cut = [
            pixels[r * PATCH : (r + 1) * PATCH, c * PATCH : (c + 1) * PATCH] for r, c in zip(rows, columns, strict=True)
        ]
        return float(np.mean(cut)) / 25


def made(uses: tuple[int, ...], marked: int, objects: tuple[int, ...] = (5, 6)) -> Context:
    """Bright objects on a dark ground; the class token reads the patch `marked` most."""
    mask = np.isin(np.arange(CELLS), objects).reshape(GRID)
    pixels = np.kron(mask, np.ones((PATCH, PATCH)))[..., None].repeat(3, axis=2) * 250
    weights = everywhere([1, *(8.0 if n == marked else 1.0 for n in range(CELLS))])[None]
    now = context([weights], GRID, mask, pixels=pixels.astype(np.uint8), model=Bright(uses))
    said = Prediction(("light", "dark"), Bright(uses).classify([now.picture.image])[0])
    return replace(now, record=replace(now.record, prediction=said))


def test_what_the_model_uses_is_what_costs() -> None:
    assert cover.object_or_ground(made((5, 6), 5)).answer == cover.OBJECT
    unused = made((0,), 5)
    assert cover.object_or_ground(unused).answer == cover.EITHER
    assert cover.object_patches(unused) == (5, 6)
    assert not set(cover.background(unused, 4)) & {5, 6}
    assert len(cover.background(unused, 40)) == 10


def test_scores_are_those_of_the_edited_pictures() -> None:
    now = made((5, 6), 5)
    before, black, half = cover.scores(now, [Edit(), Edit((5, 6), "black"), Edit((5,), "black")])
    assert black == pytest.approx(0.5)  # both classes score nothing
    assert before == pytest.approx(1 / (1 + np.exp(-10)))
    assert half == pytest.approx(1 / (1 + np.exp(-5)))
    assert cover.scores(now, [Edit((5, 6), "black")], "dark")[0] == pytest.approx(0.5)


def test_fills_that_differ_and_fills_that_do_not() -> None:
    assert cover.fill(made((5, 6), 5)).answer is False
    assert cover.fill(made((0,), 5)).answer is True


def test_a_map_that_marks_what_is_used_beats_blobs_and_one_that_does_not_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cover, "blobs", lambda grid, size: [(0, 1), (2, 3), (8, 9)])
    assert cover.marked(made((5,), 5)).answer is True
    assert cover.marked(made((5,), 11)).answer is None, "nothing that was covered matters"
    monkeypatch.setattr(cover, "blobs", lambda grid, size: [(5, 6)])
    assert cover.marked(made((5,), 11)).answer is False


def test_blobs_hang_together_and_are_the_same_every_time() -> None:
    for one in cover.blobs((14, 14), 20):
        rows, columns = np.divmod(one, 14)
        assert len(one) == 20
        assert max(np.ptp(rows), np.ptp(columns)) <= 11
    assert cover.blobs((14, 14), 20) == cover.blobs((14, 14), 20)


def test_the_room_beside_an_object_is_found() -> None:
    assert cover.free_shift(made((5,), 5), (5, 6)) is None, "a grid of four columns has no room"
    wide = np.zeros((6, 10), bool)
    wide[2, 3] = wide[2, 7] = True  # another object lies four patches to the right
    now = context([everywhere(np.ones(61))[None]], (6, 10), wide)
    assert cover.free_shift(now, (23,)) is None
    wide[2, 7] = False
    assert cover.free_shift(context([everywhere(np.ones(61))[None]], (6, 10), wide), (23,)) == (0, 4)


def test_cells_of_a_field_are_those_that_its_letters_lie_in() -> None:
    page = Document.drawn("receipt-3-3")
    geometry = Geometry.of(*page.image.size)
    found = cover.cells_of(page, "total", geometry, (16, 12))
    boxes = np.array(next(boxes for path, _, boxes in page.values if path == "total"))
    wide, high = page.image.width / 12, page.image.height / 16
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert {int(y // high) * 12 + int(x // wide) for x, y in middles} <= set(found)
    assert not cover.cells_of(page, "nothing", geometry, (16, 12))


def test_an_edit_is_the_library_s() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
    pasted: Any = np.array(Edit((0,), "paste", other="scene-7").of(image, None, GRID))
    assert (pasted[:8, :8] != np.array(image)[:8, :8]).any()
    assert (pasted[8:] == np.array(image)[8:]).all()
