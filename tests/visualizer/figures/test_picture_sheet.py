"""Pictures side by side: each at its place, its map on it, clicks, and what is refused."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from visualizer.figures.picture_sheet import Tile, picture_sheet
from vit_attention.gate import GateError


def pixels(source: str) -> np.ndarray:
    data = base64.b64decode(source.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


RED = Image.new("RGB", (80, 80), (200, 0, 0))


def test_pictures_stand_in_rows_under_their_names_and_report_their_numbers() -> None:
    tiles = [Tile(RED, f"picture {n}", "most") for n in range(5)]
    figure = picture_sheet(tiles, per_row=2, chosen=3)
    corners = [(one.x, one.y) for one in figure.layout.images]
    assert len({x for x, _ in corners}) == 2
    assert len({y for _, y in corners}) == 3
    assert corners == sorted(corners, key=lambda one: (one[1], one[0]))
    assert list(figure.data[0].customdata) == [0, 1, 2, 3, 4]
    named = [one.text for one in figure.layout.annotations if "picture" in one.text]
    assert named == [f"picture {n}<br>most" for n in range(5)]
    assert len(figure.layout.shapes) == 2  # the two tones of the outline


def test_a_map_colours_its_place_and_leaves_where_little_is() -> None:
    map_ = np.zeros((2, 2))
    map_[0, 1] = 1
    bare, mapped = (pixels(picture_sheet([Tile(RED, "a", "", v)]).layout.images[0].source) for v in (None, map_))
    side = len(bare)
    changed = np.abs(mapped - bare).max(axis=2) > 60
    assert changed[: side // 2 - 4, side // 2 + 4 :].all()
    assert not changed[side // 2 + 4 :].any()


def test_a_picture_that_is_no_square_keeps_its_shape() -> None:
    wide = pixels(picture_sheet([Tile(Image.new("RGB", (80, 40), (200, 0, 0)), "a")]).layout.images[0].source)
    red = np.abs(wide - (200, 0, 0)).max(axis=2) < 20
    assert red.mean() == pytest.approx(0.5, abs=0.03)


def test_no_tile_and_a_number_of_none_are_refused() -> None:
    with pytest.raises(GateError):
        picture_sheet([])
    with pytest.raises(ValueError, match="chosen"):
        picture_sheet([Tile(RED, "a")], chosen=1)
    assert "<b>" not in picture_sheet([Tile(RED, "<b>a</b>")]).to_json()
