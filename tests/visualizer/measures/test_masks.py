"""Masks on grids, against pixels counted one by one, and masks from files of every usual kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visualizer import coverage, covered, heads_on_mask
from visualizer.measures.masks import covered_tokens
from vit_attention.gate import GateError
from vit_attention.gate.masks import open_mask
from vit_attention.records import AttentionMap, AttentionRecord, Axis, Geometry

GEOMETRIES = {
    "whole": Geometry.of(60, 40),
    "cropped": Geometry.of(60, 40).resize(48, 32).crop(8, 0, 32, 32),
    "padded": Geometry.of(60, 40).pad(0, 10, 0, 10),
    "turned": Geometry.of(60, 40).turn(1),
    "turned and cropped": Geometry.of(60, 40).turn(3).crop(5, 10, 30, 40),
}


def counted(mask: np.ndarray, grid: tuple[int, int], geometry: Geometry, fine: int = 60) -> np.ndarray:
    """Points of a fine lattice over the model's input, each looked up on the mask."""
    wide, tall = geometry.seen
    rows, columns = grid
    y, x = np.meshgrid(
        (np.arange(rows * fine) + 0.5) * tall / (rows * fine),
        (np.arange(columns * fine) + 0.5) * wide / (columns * fine),
        indexing="ij",
    )
    at = geometry.to_original(np.stack([x.ravel(), y.ravel()], axis=1))
    column = np.floor(at[:, 0] * mask.shape[1] / geometry.original[0]).astype(int)
    row = np.floor(at[:, 1] * mask.shape[0] / geometry.original[1]).astype(int)
    inside = (row >= 0) & (row < mask.shape[0]) & (column >= 0) & (column < mask.shape[1])
    hit = np.where(inside, mask[row.clip(0, mask.shape[0] - 1), column.clip(0, mask.shape[1] - 1)], False)
    return hit.reshape(rows, fine, columns, fine).mean(axis=(1, 3))


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("shrink", [1, 2])
def test_area_of_cells_is_that_of_points_looked_up_one_by_one(name: str, shrink: int, rng: np.random.Generator) -> None:
    geometry = GEOMETRIES[name]
    coarse = rng.random((8 // shrink, 12 // shrink)) > 0.5
    mask = coarse.repeat(5, axis=0).repeat(5, axis=1)
    found = covered(mask, (4, 3), geometry)
    assert np.abs(found - counted(mask, (4, 3), geometry)).max() < 0.03


def test_share_of_weight_on_a_mask_by_hand() -> None:
    mask = np.array([[True, False], [False, False]]).repeat(10, axis=0).repeat(10, axis=1)
    assert coverage([[3.0, 1.0], [np.nan, 0.0]], mask) == pytest.approx(0.75)
    assert covered(mask, (2, 2)).mean() == pytest.approx(0.25)
    assert coverage(np.ones((5, 2, 2)), mask) == pytest.approx(np.full(5, 0.25))


def test_a_mask_of_the_grid_is_taken_as_it_is() -> None:
    geometry = Geometry.of(100, 50).crop(0, 0, 50, 50)
    assert covered([[0.25, 1.0], [0.0, 0.5]], (2, 2), geometry).tolist() == [[0.25, 1.0], [0.0, 0.5]]


def test_regions_count_by_the_part_of_their_box() -> None:
    boxes = np.array([[0.0, 0, 10, 10], [5, 0, 25, 10], [np.nan] * 4])
    mask = np.zeros((10, 30), bool)
    mask[:, :10] = True
    found = covered_tokens(mask, Axis("regions", boxes=boxes), Geometry.of(30, 10))
    assert found[:2] == pytest.approx([1.0, 0.25])
    assert np.isnan(found[2])


def record_of_two_heads() -> AttentionRecord:
    """A class token and four patches; head 0 looks at the upper left patch, head 1 evenly."""
    axis = Axis.patches(2, 2, ("class",))
    weights = np.full((2, 5, 5), 0.2, np.float32)
    weights[0, 0] = [0.5, 0.4, 0.1, 0, 0]
    maps = [AttentionMap(weights[:, :, :], f"block.{n}", n, "self", axis, axis) for n in (3, 5)]
    return AttentionRecord(tuple(maps), Geometry.of(20, 20))


def test_which_head_looks_at_a_mask_in_two_lines() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:10, :10] = True
    weights, chance = heads_on_mask(record_of_two_heads(), mask)
    assert weights == pytest.approx(np.array([[0.8, 0.25], [0.8, 0.25]]))
    assert chance == pytest.approx(0.25)
    best = heads_on_mask(record_of_two_heads(), mask).best(1)[0]
    assert (best.layer, best.head, best.times) == (3, 0, pytest.approx(3.2))
    asked = heads_on_mask(record_of_two_heads(), mask, query=(1, 1)).weights
    assert asked == pytest.approx(np.full((2, 2), 0.25))


FILES = {
    "black and white": lambda m: Image.fromarray(m).convert("1"),
    "grey": lambda m: Image.fromarray(np.uint8(255) * m),
    "zeros and ones": lambda m: Image.fromarray(m.astype(np.uint8)),
    "sixteen bits": lambda m: Image.fromarray(m.astype(np.uint16) * 65535),
    "colour": lambda m: Image.fromarray(np.repeat(m[..., None], 3, axis=2).astype(np.uint8) * 200),
    "clear": lambda m: Image.fromarray(np.dstack([np.full((*m.shape, 3), 90, np.uint8), np.uint8(255) * m])),
    "palette": lambda m: Image.fromarray(m.astype(np.uint8) * 3, "L").convert("P", palette=Image.Palette.ADAPTIVE),
}


@pytest.mark.parametrize("kind", [*FILES, "jpeg"])
def test_masks_in_files_are_read_alike(kind: str, tmp_path: Path) -> None:
    mask = np.zeros((32, 48), bool)
    mask[8:24, 16:32] = True
    if kind == "jpeg":
        Image.fromarray(np.uint8(255) * mask).save(file := tmp_path / "mask.jpg", quality=95)
    else:
        made = FILES[kind](mask)
        if kind == "palette":
            made = Image.fromarray(mask.astype(np.uint8)).convert("P")
            made.putpalette([9, 9, 9, 120, 0, 0])
        made.save(file := tmp_path / "mask.png")
    assert (open_mask(file) == mask).all()
    assert (open_mask(Image.open(file)) == mask).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((4, 4), bool), "empty"),
        (np.array([[0, 3], [7, 0]]), "mask == 3"),
        (np.array([[0.0, 1.5]]), "0 to 1.5"),
        (np.array([[np.nan, 1.0]]), "nan"),
        (np.zeros((2, 2, 3)), "shape"),
        (np.array(["a"]), "shape"),
        ([[1, 2], [3]], "different lengths"),
        (None, "object"),
        ("nowhere.png", "none of this name"),
    ],
)
def test_what_is_no_mask_is_refused(given: object, said: str) -> None:
    with pytest.raises(GateError, match=said):
        open_mask(given)  # type: ignore[arg-type]


def test_hostile_files_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    (tmp_path / "text.png").write_bytes(b"no picture")
    Image.new("1", (6000, 6000)).save(tmp_path / "large.png")
    Image.fromarray(rng.integers(0, 255, (40, 40), np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:700])
    for name in ("text.png", "large.png", "cut.png", ""):
        with pytest.raises(GateError):
            open_mask(tmp_path / name)


def test_a_mask_of_another_shape_than_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="60 x 40"):
        covered(np.ones((40, 40), bool), (2, 2), Geometry.of(60, 40))


def test_a_leading_axis_of_one_and_a_cut_image_are_told_apart(tmp_path: Path) -> None:
    mask = np.eye(4, dtype=bool)
    assert (open_mask(mask[None]) == mask).all()
    assert (open_mask(mask[..., None]) == mask).all()
    Image.effect_noise((64, 64), 80).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    with pytest.raises(GateError, match="mask: want an undamaged"):
        open_mask(Image.open(tmp_path / "cut.png"))
    with pytest.raises(GateError, match="mask: want"):
        open_mask(np.ma.masked_array(np.ones((4, 4)), mask))
