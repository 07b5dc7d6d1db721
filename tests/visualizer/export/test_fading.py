"""Opacity that follows the value, wherever a map lies on a picture: a quarter of the scale covers half, since the root counts."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from plotly.colors import unlabel_rgb

from visualizer.export import files, paper
from visualizer.figures.animation import layer_animation
from visualizer.figures.comparison import before_after
from visualizer.figures.overlay import overlay
from visualizer.style import theme
from visualizer.style.scale import Colours

GREY = Image.new("RGB", (80, 80), (120, 120, 120))
MAP = np.array([[0.0, 0.25], [np.nan, 1.0]])


def rgba(trace: dict[str, Any], value: float) -> np.ndarray:
    """Red, green, blue and opacity that a browser gives a value: between the two nearest stops."""
    share = (value - trace["zmin"]) / (trace["zmax"] - trace["zmin"])
    stops = [[at, *(float(part) for part in colour[5:-1].split(","))] for at, colour in trace["colorscale"]]
    at, *channels = np.array(stops).T
    return np.array([np.interp(share, at, channel) for channel in channels])


@pytest.mark.parametrize(("value", "opacity"), [(0.0, 0.0), (0.25, 0.5), (0.01, 0.1), (1.0, 1.0)])
def test_stops_carry_the_root_of_the_share(sent: Callable[[go.Figure], Any], value: float, opacity: float) -> None:
    trace = sent(overlay(GREY, MAP, fade=True, opacity=0.7))["data"][0]
    assert rgba(trace, value)[3] == pytest.approx(opacity, abs=0.006)
    assert trace["opacity"] == 0.7
    if value == 0.25:
        np.testing.assert_allclose(
            rgba(trace, value)[:3], matplotlib.colormaps["cividis"](0.25, bytes=True)[:3], atol=4
        )


def test_values_hover_and_bar_stay_as_they_are(sent: Callable[[go.Figure], Any]) -> None:
    plain, faded = (sent(overlay(GREY, MAP, fade=fade))["data"][0] for fade in (False, True))
    np.testing.assert_array_equal(plain["z"], faded["z"])
    assert plain["text"] == faded["text"]
    assert plain["colorbar"]["ticktext"] == faded["colorbar"]["ticktext"]
    assert faded["colorbar"]["outlinewidth"] == 1  # where its end is clear


def test_signed_maps_are_clear_at_zero_and_covered_at_both_ends(sent: Callable[[go.Figure], Any]) -> None:
    fig = sent(overlay(GREY, np.array([[-1.0, 0.25], [0.0, 1.0]]), fade=True))
    trace = fig["data"][0]
    assert [round(rgba(trace, v)[3], 2) for v in (-1, -0.25, 0, 0.25, 1)] == [1, 0.5, 0, 0.5, 1]
    ends = [theme.colorscale("PuOr")[n][1] for n in (0, -1)]
    for value, colour in zip((-1, 1), ends, strict=True):
        np.testing.assert_allclose(rgba(trace, value)[:3], unlabel_rgb(colour), atol=1)
    assert any("values near 0 fade" in one["text"].replace("<br>", " ") for one in fig["layout"]["annotations"])


@pytest.mark.parametrize("draw", [layer_animation, lambda image, maps, **how: before_after(image, *maps, **how)])
def test_films_and_comparisons_fade_too(sent: Callable[[go.Figure], Any], draw: Callable[..., go.Figure]) -> None:
    for trace in sent(draw(GREY, [MAP, MAP[::-1]], fade=True))["data"]:
        assert rgba(trace, trace["zmin"] if trace["zmin"] == 0 else 0.0)[3] == 0
        assert rgba(trace, trace["zmax"])[3] == 1


def test_pictures_are_blended_by_it(tmp_path: Path) -> None:
    look: dict[str, Any] = {"fade": True, "colormap": "Greys"}
    png = Image.open(io.BytesIO(files.overlay_png(GREY, MAP, opacity=1.0, width=80, **look)))
    written = Image.open(paper.save(MAP, GREY, tmp_path / "a.png", width=1, dpi=80, scale=False, alpha=1.0, **look))
    for drawn in (np.asarray(png.convert("RGB"), int), np.asarray(written.convert("RGB"), int)):
        corners = [drawn[n, m, 0] for n, m in ((10, 10), (10, 70), (70, 10), (70, 70))]
        # Greys: ColorBrewer's #d9d9d9 at a quarter, black at the end; the undefined patch shows the picture.
        np.testing.assert_allclose(corners, [120, (0xD9 + 120) / 2, 120, 0], atol=1)


def test_the_scale_of_a_picture_is_paper_at_its_clear_end() -> None:
    png = Image.open(io.BytesIO(files.overlay_png(GREY, MAP, fade=True, width=448))).convert("RGB")
    assert png.getpixel((28, 448 + 12)) == (255, 255, 255)
    assert png.getpixel((448 - 29, 448 + 12)) == tuple(theme.table("Cividis")[255])


def test_each_rectangle_of_an_svg_has_its_opacity() -> None:
    root = ET.fromstring(files.overlay_svg(GREY, MAP, fade=True, opacity=0.8))
    group = root.find("{http://www.w3.org/2000/svg}g[@id='map']")
    assert group is not None
    assert [float(str(one.get("fill-opacity"))) for one in group] == [0, 0.5, 1]
    assert group.get("opacity") == "0.8"


def test_maps_that_bring_their_own_colours_keep_them() -> None:
    own = Colours(rgb=np.full((2, 2, 3), 0.5), legend="mine")
    faded, plain = (overlay(GREY, np.zeros((2, 2)), scale=own, fade=fade) for fade in (True, False))
    assert faded.to_json() == plain.to_json()
