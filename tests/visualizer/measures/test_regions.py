"""Regions on a picture and captions as figures: places and numbers by hand."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from visualizer.figures.captions import film_strip, regions_map
from visualizer.figures.charts import gate_bars
from visualizer.measures.regions import region_boxes, region_heat
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

PICTURE = Image.new("RGB", (80, 40), (90, 90, 90))
WHOLE = Geometry.of(80, 40)
BOXES = Axis("regions", boxes=np.array([[0.0, 0, 40, 40], [20, 0, 60, 40], [np.nan] * 4]))


def test_the_strongest_of_overlapping_boxes_counts_and_bare_places_are_not_defined() -> None:
    heat = region_heat([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], BOXES, WHOLE, finest=4)
    np.testing.assert_array_equal(heat[0], [[0.2, 0.5, 0.5, np.nan]] * 2)
    np.testing.assert_array_equal(heat[1], [[0.6, 0.6, 0.1, np.nan]] * 2)


def test_a_grid_is_laid_as_it_is() -> None:
    np.testing.assert_array_equal(region_heat(np.arange(6.0), Axis.patches(2, 3)), [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(region_boxes(Axis.patches(2, 4), WHOLE.resize(8, 4))[6], [40, 20, 60, 40])


def test_says_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="want 3, one per region, got 2"):
        region_heat([0.5, 0.5], BOXES, WHOLE)
    with pytest.raises(ValueError, match="whose place nobody knows"):
        region_heat(np.zeros(3), BOXES)
    with pytest.raises(ValueError, match="words: want 2, one per map, got 1"):
        film_strip(PICTURE, np.ones((2, 2, 4)), ["a"], WHOLE)
    with pytest.raises(ValueError, match="gates: want 2 numbers from 0 to 1"):
        gate_bars(["a", "b"], [0.5, 1.5])


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


def test_gates_are_bars_that_report_their_word() -> None:
    fig = gate_bars(["a", "cat"], [0.25, 0.75], 1)
    bar = fig.data[0]
    np.testing.assert_array_equal(bar.y, [0.25, 0.75])
    assert list(bar.customdata) == [0, 1]
    assert bar.marker.color[0] != bar.marker.color[1]
    assert bar.text[1] == "cat: 75.0% open"
    assert tuple(fig.layout.yaxis.range) == (0, 1)
