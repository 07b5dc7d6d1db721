"""Regions and words on a picture: places by hand."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from visualizer.figures.captions import film_strip, regions_map
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

PICTURE = Image.new("RGB", (80, 40), (90, 90, 90))
WHOLE = Geometry.of(80, 40)
BOXES = Axis("regions", boxes=np.array([[0.0, 0, 40, 40], [20, 0, 60, 40], [np.nan] * 4]))


def test_boxes_are_outlined_strongest_first_and_answer_clicks_with_their_number() -> None:
    fig = regions_map(PICTURE, [0.2, 0.5, 0.3], BOXES, WHOLE, clickable=True, query=[0], unit="<b>x</b>")
    paths = [shape.path for shape in fig.layout.shapes]
    assert paths[0] == paths[1] == "M20.0,0.0H60.0V40.0H20.0Z", "the strongest box comes first"
    assert paths[-1] == "M0.0,0.0H40.0V40.0H0.0Z", "the asking region comes last, on top"
    clicks = fig.data[-1]
    assert list(clicks.customdata) == [0, 1], "the region without a place cannot be clicked"
    assert list(clicks.x) == [20, 40]
    assert "region 2: 0.5" in clicks.text[1]
    assert "<b>" not in fig.layout.annotations[0].text


def test_a_film_strip_shows_every_word_with_its_own_map_and_reports_its_number() -> None:
    maps = np.zeros((3, 1, 2))
    maps[0, 0, 0], maps[1, 0, 1], maps[2] = 0.8, 0.8, 0.4
    fig = film_strip(
        PICTURE, maps, ["a", "<i>b</i>", "c"], WHOLE, notes=["1", "2", "3"], chosen=1, per_row=2, opacity=1.0
    )
    light = []
    for image in fig.layout.images:
        tile = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.source.split(",")[1]))).convert("L"), float)
        light.append((tile[:, : tile.shape[1] // 2].mean(), tile[:, tile.shape[1] // 2 :].mean()))
    assert light[0][0] > light[0][1] + 60
    assert light[1][1] > light[1][0] + 60
    assert abs(light[2][0] - light[2][1]) < 5
    clicks = fig.data[-1]
    assert list(clicks.customdata) == [0, 1, 2]
    assert clicks.y[2] > clicks.y[0], "the third word begins a second row"
    middle = fig.layout.images[1].x + fig.layout.images[1].sizex / 2
    assert clicks.x[1] == middle
    texts = [note.text for note in fig.layout.annotations]
    assert texts[1] == "&lt;i&gt;b&lt;/i&gt;<br>2"
    left, _, rest = fig.layout.shapes[0].path[1:].partition(",")
    assert abs(float(left) - fig.layout.images[1].x) < 1, rest


def test_words_that_do_not_fit_their_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="words: want 2, one per map, got 1"):
        film_strip(PICTURE, np.ones((2, 2, 4)), ["a"], WHOLE)
    with pytest.raises(ValueError, match="notes: want 2, one per map, got 1"):
        film_strip(PICTURE, np.ones((2, 2, 4)), ["a", "b"], WHOLE, notes=["c"])
