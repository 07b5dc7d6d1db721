from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from visualizer.export.files import overlay_svg
from visualizer.style import theme
from vit_attention.records.geometry import Geometry

SVG = "{http://www.w3.org/2000/svg}"
GREY = Image.new("RGB", (320, 240), (120, 120, 120))


def test_cells_lie_where_the_crop_puts_them() -> None:
    values = np.zeros((2, 2))
    values[0, 1] = 1.0
    root = ET.fromstring(overlay_svg(GREY, values, Geometry.of(640, 480).crop(80, 0, 480, 480), width=320))
    cells = {r.find(f"{SVG}title").text: r for r in root.find(f"{SVG}g[@id='map']")}
    hot = cells["row 1, column 2: 1"]
    assert [float(hot.get(k)) for k in ("x", "y", "width", "height")] == [160, 0, 120, 120]
    assert hot.get("fill") == "#{:02x}{:02x}{:02x}".format(*theme.table("Cividis")[255].tolist())
    assert root.find(f".//{SVG}path[@id='unseen']") is not None
    assert root.find(f"{SVG}image").get("href").startswith("data:image/jpeg;base64,")


def test_hostile_text_stays_text_and_xml_stays_valid() -> None:
    hostile = "<script>alert(1)</script> & \" ' ]]> \x00\x0b\ud800"
    root = ET.fromstring(overlay_svg(GREY, np.ones((1, 1)), caption=hostile, settings=hostile, unit=hostile))
    assert root.find(f".//{SVG}script") is None
    assert "<script>alert(1)</script>" in "".join(root.itertext())


def test_scale_settings_and_outlines_are_in_it() -> None:
    mask = np.zeros((240, 320), bool)
    mask[10:20, 10:20] = True
    values = np.array([[0.0, 0.25], [np.nan, 0.5]])
    root = ET.fromstring(overlay_svg(GREY, values, query=[1], truth=mask, settings="opacity 0.6"))
    text = " ".join(t.text for t in root.iter(f"{SVG}text"))
    assert "0 to 0.5" in text
    assert "opacity 0.6" in text
    assert len(root.find(f"{SVG}g[@id='map']")) == 3  # the undefined patch is not covered
    strokes = [e.get("stroke") for e in root.iter() if e.get("stroke")]
    assert strokes == [theme.TRUTH, *theme.QUERY]


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="values: want"):
        overlay_svg(GREY, np.ones(3))
